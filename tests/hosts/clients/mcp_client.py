"""Connects with the Python SDK, `mcp`; see README.md."""

import asyncio
import contextlib
import json
import sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


@contextlib.asynccontextmanager
async def connected(told):
    if "command" in told:
        target = StdioServerParameters(command=told["command"][0], args=told["command"][1:])
        async with Client(target) as client:
            yield client
    else:
        headers = {"Authorization": f"Bearer {told['token']}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            async with Client(streamable_http_client(told["url"], http_client=http)) as client:
                yield client


async def main(told):
    async with connected(told) as client:
        results = []
        for call in told["calls"]:
            try:
                result = await client.call_tool(call["name"], call["arguments"])
                results.append(result.model_dump(mode="json", by_alias=True, exclude_none=True))
            except Exception as error:
                results.append({"error": str(error)})
        offers = client.server_capabilities
        return {
            "protocol": client.protocol_version,
            "tools": [tool.name for tool in (await client.list_tools()).tools],
            "prompts": [prompt.name for prompt in (await client.list_prompts()).prompts] if offers.prompts else [],
            "resources": [str(one.uri) for one in (await client.list_resources()).resources] if offers.resources else [],
            "results": results,
        }


print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
