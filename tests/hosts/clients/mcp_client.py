"""Connects with the Python SDK, `mcp`; see README.md."""

import asyncio
import contextlib
import json
import sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CreateMessageResult, ElicitResult, TextContent


def answering(words):
    """Callbacks that sample and elicit with these words; none where the host cannot."""
    if words is None:
        return {}

    async def sample(context, params):
        text = TextContent(type="text", text=words["text"])
        return CreateMessageResult(role="assistant", content=text, model="the-hosts")

    async def elicit(context, params):
        fields = params.model_dump(by_alias=True)["requestedSchema"]["properties"]
        content = {name: value for name, value in words["form"].items() if name in fields}
        return ElicitResult(action="accept", content=content)

    return {"sampling_callback": sample, "elicitation_callback": elicit}


@contextlib.asynccontextmanager
async def connected(told):
    answers = answering(told.get("answers"))
    if "command" in told:
        target = StdioServerParameters(command=told["command"][0], args=told["command"][1:])
        async with Client(target, **answers) as client:
            yield client
    else:
        headers = {"Authorization": f"Bearer {told['token']}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            async with Client(streamable_http_client(told["url"], http_client=http), **answers) as client:
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
