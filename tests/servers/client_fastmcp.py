"""A host on FastMCP's client, without sampling: calls one tool and prints what came, as JSON.

    python client_fastmcp.py URL TOKEN TOOL ARGUMENTS
"""

import asyncio
import json
import sys

from fastmcp import Client


async def main() -> None:
    url, token, tool, arguments = sys.argv[1:]
    told = []

    async def progress(step: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with Client(url, auth=token, progress_handler=progress) as client:
        tools = [listed.name for listed in await client.list_tools()]
        result = await client.call_tool(tool, json.loads(arguments), raise_on_error=False)
        words = [block.text for block in result.content]
    print(json.dumps({"tools": tools, "text": words, "is_error": result.is_error, "progress": told}))


asyncio.run(main())
