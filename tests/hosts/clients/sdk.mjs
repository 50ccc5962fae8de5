// What both versions of the TypeScript SDK are made to do. The packages are found beside the working directory.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.cwd() + "/");

export const load = (name) => import(pathToFileURL(require.resolve(name)));

/** What was told on the command line. */
export const told = JSON.parse(process.argv[2]);

/** What a host that can sample and elicit declares. */
export const capabilities = told.answers ? { sampling: {}, elicitation: {} } : {};

/** Answers a sampling request with the words that were told. */
export const sample = () => ({
  role: "assistant",
  content: { type: "text", text: told.answers.text },
  model: "the-hosts",
  stopReason: "endTurn",
});

/** Fills in a form with what was told. */
export function elicit({ params }) {
  const asked = Object.entries(told.answers.form).filter(([name]) => name in params.requestedSchema.properties);
  return { action: "accept", content: Object.fromEntries(asked) };
}

/** Connects as told on the command line, makes the calls told there, and prints what was seen. */
export async function run(client, { StdioClientTransport, StreamableHTTPClientTransport }) {
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
}
