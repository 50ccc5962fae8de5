"""Connects with FastMCP 3 or 4, whichever this Python has; see README.md."""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport


def plain(value):
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def offered(listing):
    """A list, or nothing where the server does not have such things."""
    try:
        return await listing()
    except Exception as error:
        if "not found" in str(error).lower():
            return []
        raise


async def main(told):
    if "url" in told:
        transport = StreamableHttpTransport(told["url"], headers={"Authorization": f"Bearer {told['token']}"})
    else:
        transport = StdioTransport(told["command"][0], told["command"][1:], keep_alive=False)
    async with Client(transport) as client:
        results = []
        for call in told["calls"]:
            try:
                results.append(plain(await client.call_tool_mcp(call["name"], call["arguments"])))
            except Exception as error:
                results.append({"error": str(error)})
        told_version = getattr(client, "protocol_version", None) or client.initialize_result.protocolVersion
        return {
            "protocol": told_version,
            "tools": [tool.name for tool in await client.list_tools()],
            "prompts": [prompt.name for prompt in await offered(client.list_prompts)],
            "resources": [str(resource.uri) for resource in await offered(client.list_resources)],
            "results": results,
        }


print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
