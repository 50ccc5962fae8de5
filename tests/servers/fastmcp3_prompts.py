"""A FastMCP 3 server whose tools ask the client's model, in every way that legacy sampling has.

    python fastmcp3_prompts.py              over stdio
    python fastmcp3_prompts.py http PORT    streamable HTTP at http://127.0.0.1:PORT/mcp
    python fastmcp3_prompts.py sse PORT     HTTP+SSE at http://127.0.0.1:PORT/sse
"""

import asyncio
import sys

import mcp.types as t
from fastmcp import Context, FastMCP

import media

server = FastMCP("prompts", version="3.1.4", instructions="Tools that ask your model for help.")


def text(words: str) -> t.TextContent:
    return t.TextContent(type="text", text=words)


def user(content: t.SamplingMessageContentBlock | list[t.SamplingMessageContentBlock]) -> t.SamplingMessage:
    return t.SamplingMessage(role="user", content=content)


@server.tool
async def generate_keywords(topic: str, ctx: Context) -> str:
    """Samples twice: the first answer rewrites the prompt, the second does the work with the rewritten one."""
    await ctx.report_progress(0, 2, "rewriting the prompt")
    await ctx.info(f"rewriting the prompt for {topic}")
    rewritten = await ctx.sample(
        f"Rewrite this as a precise prompt for a keyword generator: list five keywords about {topic}.",
        system_prompt="You rewrite prompts. Answer with the rewritten prompt alone.",
        temperature=0.2,
        max_tokens=120,
    )
    await ctx.report_progress(1, 2, "asking for the keywords")
    await ctx.info("asking with the rewritten prompt")
    keywords = await ctx.sample(
        rewritten.text or "",
        system_prompt="Answer with keywords, separated by commas.",
        temperature=0.7,
        max_tokens=80,
    )
    await ctx.report_progress(2, 2, "done")
    return f"prompt: {rewritten.text}\nkeywords: {keywords.text}"


@server.tool
async def confirm_payment(amount: int, to: str, ctx: Context) -> str:
    """Sends a payment when the answer, without its edges and case, is "yes"."""
    answer = await ctx.sample(
        f"A payment of {amount} EUR to {to} is waiting. Send it? Answer yes or no.",
        system_prompt="You confirm payments. Answer with one word.",
        temperature=0.0,
        max_tokens=8,
    )
    return "payment sent" if (answer.text or "").strip().lower() == "yes" else "payment refused"


@server.tool
async def every_parameter(ctx: Context) -> str:
    """Sets every parameter that a sampling request without tools has, over a conversation of three messages."""
    answer = await ctx.session.create_message(
        messages=[
            user(text("Name a colour.")),
            t.SamplingMessage(role="assistant", content=text("Verdigris.")),
            user([text("And one that goes with it?"), text("One word, please.")]),
        ],
        max_tokens=64,
        system_prompt="You are a painter.\nYou answer briefly.",
        include_context="none",
        temperature=0.4,
        stop_sequences=["\n\n", "END"],
        metadata={"trace": "a-1", "nested": {"deep": [1, 2.5, None, True]}},
        model_preferences=t.ModelPreferences(
            hints=[t.ModelHint(name="claude"), t.ModelHint(name="smollm2")],
            costPriority=0.2,
            speedPriority=0.5,
            intelligencePriority=0.9,
        ),
        related_request_id=ctx.request_id,
    )
    return answer.model_dump_json(by_alias=True, exclude_none=True)


@server.tool
async def describe_media(ctx: Context) -> str:
    """Shows the model a picture and plays it a tone."""
    answer = await ctx.session.create_message(
        messages=[
            user(text("What is in this picture?")),
            user(t.ImageContent(type="image", data=media.png(), mimeType="image/png")),
            user(t.AudioContent(type="audio", data=media.wav(), mimeType="audio/wav")),
        ],
        max_tokens=100,
        related_request_id=ctx.request_id,
    )
    return answer.model_dump_json(by_alias=True, exclude_none=True)


def weather(city: str) -> str:
    """Tells the weather in a city."""
    return f"It is sunny in {city}, 21 degrees."


@server.tool
async def with_tools(city: str, ctx: Context) -> str:
    """Lets the model call a tool of ours, until it answers in words."""
    answer = await ctx.sample(
        f"What is the weather in {city}? Use the tool.",
        tools=[weather],
        max_tokens=200,
    )
    return f"answer: {answer.text}\nmessages in all: {len(answer.history)}"


@server.tool
async def tool_choice_required(city: str, ctx: Context) -> str:
    """Asks once, with a tool that must be called, and tells what came back without calling it."""
    step = await ctx.sample_step(
        f"What is the weather in {city}?",
        tools=[weather],
        tool_choice="required",
        execute_tools=False,
        max_tokens=200,
    )
    calls = [{"name": call.name, "input": call.input} for call in step.tool_calls]
    return f"calls: {calls}\ntext: {step.text}"


@server.tool
async def roots(ctx: Context) -> list[str]:
    """The folders that the client tells."""
    return [str(root.uri) for root in await ctx.list_roots()]


async def slowly(word: str, ctx: Context) -> str:
    await ctx.report_progress(0, 1)
    answer = await ctx.sample(f"Say {word}.", max_tokens=32)
    await ctx.report_progress(1, 1)
    return f"{word}: {answer.text}"


@server.tool
async def parallel_one(ctx: Context) -> str:
    """One of two tools to call at the same time."""
    return await slowly("one", ctx)


@server.tool
async def parallel_two(ctx: Context) -> str:
    """The other of two tools to call at the same time."""
    return await slowly("two", ctx)


@server.tool
async def parallel_within(count: int, ctx: Context) -> str:
    """Asks several questions at the same time within one call."""
    answers = await asyncio.gather(*(ctx.sample(f"Say {n}.", max_tokens=32) for n in range(count)))
    return " | ".join(answer.text or "" for answer in answers)


@server.tool
async def log_everything(ctx: Context) -> str:
    """Logs at four levels and asks nothing."""
    await ctx.debug("a debug message")
    await ctx.info("an info message")
    await ctx.warning("a warning message")
    await ctx.error("an error message")
    return "logged"


@server.prompt
async def summary_prompt(topic: str, ctx: Context) -> str:
    """A prompt that asks the model for its middle part."""
    middle = await ctx.sample(f"Three words about {topic}.", max_tokens=24)
    return f"Write a summary of {topic}. Mind these: {middle.text}"


@server.resource("notes://today")
async def today(ctx: Context) -> str:
    """A resource that asks the model for its content."""
    answer = await ctx.sample("A note for today, in one line.", max_tokens=48)
    return f"Today: {answer.text}"


if __name__ == "__main__":
    if sys.argv[1:2] in (["http"], ["sse"]):
        server.run(transport=sys.argv[1], host="127.0.0.1", port=int(sys.argv[2]), show_banner=False)
    else:
        server.run(show_banner=False)
