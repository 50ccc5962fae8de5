// Connects with the TypeScript SDK, version 1; see README.md.
import { load, run } from "./sdk.mjs";

const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const stdio = await load("@modelcontextprotocol/sdk/client/stdio.js");
const http = await load("@modelcontextprotocol/sdk/client/streamableHttp.js");

await run(new Client({ name: "sdk1", version: "1" }), { ...stdio, ...http });
