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


def answering(words):
    """Handlers that sample and elicit with these words; none where the host cannot."""
    if words is None:
        return {}

    async def sample(messages, params, context):
        return words["text"]

    async def elicit(message, response_type, params, context):
        schema = params.model_dump(by_alias=True)["requestedSchema"]
        return {name: value for name, value in words["form"].items() if name in schema["properties"]}

    return {"sampling_handler": sample, "elicitation_handler": elicit}


async def main(told):
    if "url" in told:
        transport = StreamableHttpTransport(told["url"], headers={"Authorization": f"Bearer {told['token']}"})
    else:
        transport = StdioTransport(told["command"][0], told["command"][1:], keep_alive=False)
    async with Client(transport, **answering(told.get("answers"))) as client:
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
