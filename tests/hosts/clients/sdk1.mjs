// Connects with the TypeScript SDK, version 1; see README.md.
import { capabilities, elicit, load, run, sample, told } from "./sdk.mjs";

const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const stdio = await load("@modelcontextprotocol/sdk/client/stdio.js");
const http = await load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const types = await load("@modelcontextprotocol/sdk/types.js");

const client = new Client({ name: "sdk1", version: "1" }, { capabilities });
if (told.answers) {
  client.setRequestHandler(types.CreateMessageRequestSchema, sample);
  client.setRequestHandler(types.ElicitRequestSchema, elicit);
}
await run(client, { ...stdio, ...http });
