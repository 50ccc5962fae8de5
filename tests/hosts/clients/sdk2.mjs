// Connects with the TypeScript SDK, version 2; see README.md.
import { load, run } from "./sdk.mjs";

const http = await load("@modelcontextprotocol/client");
const stdio = await load("@modelcontextprotocol/client/stdio");

await run(new http.Client({ name: "sdk2", version: "1" }, { versionNegotiation: { mode: "auto" } }), { ...stdio, ...http });
