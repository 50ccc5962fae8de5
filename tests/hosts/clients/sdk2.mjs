// Connects with the TypeScript SDK, version 2; see README.md.
import { capabilities, elicit, load, run, sample, told } from "./sdk.mjs";

const http = await load("@modelcontextprotocol/client");
const stdio = await load("@modelcontextprotocol/client/stdio");

const client = new http.Client({ name: "sdk2", version: "1" }, { capabilities, versionNegotiation: { mode: "auto" } });
if (told.answers) {
  client.setRequestHandler("sampling/createMessage", sample);
  client.setRequestHandler("elicitation/create", elicit);
}
await run(client, { ...stdio, ...http });
