"""FastMCP's client with a handler that does nothing, against the load server: BENCH LOAD."""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def yes(messages, params, context):
    return "yes"


async def main():
    bench, load = sys.argv[1:]
    async with Client(StdioTransport(bench, ["serve-load"]), sampling_handler=yes) as client:
        result = await client.call_tool("load", json.loads(load))
        print(result.content[0].text)


asyncio.run(main())
