"""A FastMCP 3 server whose tools ask the person, as people write it.

    python fastmcp3_elicit.py              over stdio
    python fastmcp3_elicit.py http PORT    streamable HTTP at http://127.0.0.1:PORT/mcp
"""

import sys
from dataclasses import dataclass
from typing import Literal

from fastmcp import Context, FastMCP

server = FastMCP("asks", version="1.0.0")


@dataclass
class Booking:
    """Who comes, and for how long."""

    guest: str
    nights: int = 2
    breakfast: bool = True
    room: Literal["single", "double"] = "double"


@server.tool
async def book(ctx: Context) -> str:
    """Books a room for whom the person names."""
    answer = await ctx.elicit("Who is coming?", response_type=Booking)
    if answer.action != "accept":
        return f"not booked: {answer.action}"
    booking = answer.data
    return f"{booking.guest}: {booking.nights} nights, {booking.room}, breakfast {booking.breakfast}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        server.run(transport="http", host="127.0.0.1", port=int(sys.argv[2]), show_banner=False)
    else:
        server.run(show_banner=False)
