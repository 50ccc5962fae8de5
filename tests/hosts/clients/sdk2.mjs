// Connects with the TypeScript SDK, version 2; see README.md. The packages are found beside the working directory.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.cwd() + "/");
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Client, StreamableHTTPClientTransport } = await load("@modelcontextprotocol/client");
const { StdioClientTransport } = await load("@modelcontextprotocol/client/stdio");

const told = JSON.parse(process.argv[2]);
const client = new Client({ name: "sdk2", version: "1" }, { versionNegotiation: { mode: "auto" } });
const [command, ...args] = told.command ?? [];
const transport = command
  ? new StdioClientTransport({ command, args, stderr: "inherit" })
  : new StreamableHTTPClientTransport(new URL(told.url), { requestInit: { headers: { authorization: `Bearer ${told.token}` } } });
let protocol;
const set = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (version) => {
  protocol = version;
  set?.(version);
};
await client.connect(transport);
const results = [];
for (const call of told.calls) {
  results.push(await client.callTool(call).catch((error) => ({ error: error.message })));
}
const offers = client.getServerCapabilities();
const seen = {
  protocol,
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  prompts: offers.prompts ? (await client.listPrompts()).prompts.map((prompt) => prompt.name) : [],
  resources: offers.resources ? (await client.listResources()).resources.map((resource) => resource.uri) : [],
  results,
};
await client.close();
console.log(JSON.stringify(seen));
