"""A FastMCP 4 server that asks by `input_required` (2026-07-28): its call ends with questions, and is sent again.

    python fastmcp4_rounds.py              over stdio
    python fastmcp4_rounds.py http PORT    streamable HTTP at http://127.0.0.1:PORT/mcp
"""

import json
import sys

import mcp_types as t
from fastmcp import Context, FastMCP

import media

server = FastMCP("rounds", version="4.1.2", instructions="Tools that ask your model for help, in rounds.")


def ask(words: str, *, max_tokens: int = 64, **more) -> t.CreateMessageRequest:
    messages = [t.SamplingMessage(role="user", content=t.TextContent(type="text", text=words))]
    return t.CreateMessageRequest(params=t.CreateMessageRequestParams(messages=messages, max_tokens=max_tokens, **more))


def said(ctx: Context, key: str) -> str | None:
    """The text that came back under a key, if this round brought one."""
    answer = (ctx.input_responses or {}).get(key)
    if answer is None:
        return None
    content = answer.content[0] if isinstance(answer.content, list) else answer.content
    return content.text


def questions(state: dict | None = None, **asked) -> t.InputRequiredResult:
    return t.InputRequiredResult(input_requests=asked or None, request_state=json.dumps(state) if state is not None else None)


@server.tool
async def generate_keywords(topic: str, ctx: Context) -> str | t.InputRequiredResult:
    """Two rounds: the first answer rewrites the prompt, the second does the work with the rewritten one."""
    state = json.loads(ctx.request_state) if ctx.request_state else {}
    if (keywords := said(ctx, "keywords")) is not None:
        return f"prompt: {state['prompt']}\nkeywords: {keywords}"
    if (prompt := said(ctx, "rewrite")) is not None:
        return questions({"prompt": prompt}, keywords=ask(prompt, temperature=0.7))
    return questions({}, rewrite=ask(f"Rewrite as a precise prompt: list five keywords about {topic}.", temperature=0.2))


@server.tool
async def confirm_payment(amount: int, to: str, ctx: Context) -> str | t.InputRequiredResult:
    """One round, without a state. Sends a payment when the answer, without its edges and case, is "yes"."""
    answer = said(ctx, "confirm")
    if answer is None:
        words = f"A payment of {amount} EUR to {to} is waiting. Send it? Answer yes or no."
        return questions(confirm=ask(words, max_tokens=8, system_prompt="You confirm payments. Answer with one word."))
    return "payment sent" if answer.strip().lower() == "yes" else "payment refused"


@server.tool
async def two_at_once(ctx: Context) -> str | t.InputRequiredResult:
    """Two questions in one round."""
    if (left := said(ctx, "left")) is None:
        return questions({"round": 1}, left=ask("Say left."), right=ask("Say right."))
    return f"left: {left}\nright: {said(ctx, 'right')}"


@server.tool
async def sample_and_elicit(ctx: Context) -> str | t.InputRequiredResult:
    """A question to the model and a form for the person, in one round."""
    if (ctx.input_responses or {}).get("form") is None:
        form = t.ElicitRequest(
            params=t.ElicitRequestFormParams(
                message="Who is it for?",
                requested_schema={
                    "type": "object",
                    "properties": {"name": {"type": "string", "title": "Name"}, "urgent": {"type": "boolean"}},
                    "required": ["name"],
                },
            )
        )
        return questions({}, form=form, greeting=ask("A friendly greeting, please."))
    form = ctx.input_responses["form"]
    return f"form: {form.action} {json.dumps(form.content)}\ngreeting: {said(ctx, 'greeting')}"


@server.tool
async def state_only(ctx: Context) -> str | t.InputRequiredResult:
    """A round without a question: the state alone goes out and comes back, twice."""
    count = json.loads(ctx.request_state)["count"] if ctx.request_state else 0
    return f"came back {count} times" if count == 2 else questions({"count": count + 1})


@server.tool
async def describe_media(ctx: Context) -> str | t.InputRequiredResult:
    """Shows the model a picture."""
    if (words := said(ctx, "picture")) is not None:
        return words
    picture = t.SamplingMessage(role="user", content=t.ImageContent(type="image", data=media.png(), mime_type="image/png"))
    question = ask("What is in this picture?", max_tokens=100)
    question.params.messages.append(picture)
    return questions({}, picture=question)


@server.tool
async def legacy_ask(ctx: Context) -> str:
    """Asks the old way, in the middle of the call; only a legacy client can be asked so."""
    answer = await ctx.session.create_message(messages=ask("Say hello.").params.messages, max_tokens=32)
    return answer.content.text


@server.prompt
async def summary_prompt(topic: str, ctx: Context) -> str | t.InputRequiredResult:
    """A prompt that asks the model for its middle part."""
    if (middle := said(ctx, "middle")) is not None:
        return f"Write a summary of {topic}. Mind these: {middle}"
    return questions({}, middle=ask(f"Three words about {topic}.", max_tokens=24))


@server.resource("notes://today")
async def today(ctx: Context) -> str | t.InputRequiredResult:
    """A resource that asks the model for its content."""
    if (note := said(ctx, "note")) is not None:
        return f"Today: {note}"
    return questions({}, note=ask("A note for today, in one line.", max_tokens=48))


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        server.run(transport="http", host="127.0.0.1", port=int(sys.argv[2]), show_banner=False)
    else:
        server.run(show_banner=False)
