"""A server with everything that the conformance suite asks of one, in both revisions, on the official Python SDK.

    python conforming.py http PORT    streamable HTTP at http://127.0.0.1:PORT/mcp

Names, texts and shapes are those that the suite's scenarios look for. It is run against the suite directly, and then
behind the gateway, where the same must come out.
"""

import json
import sys
import warnings

import anyio
import mcp_types as t
import uvicorn
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, PromptsListChanged, ToolsListChanged
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

import media

# Logging is deprecated in the newer revision and tested in the older one.
warnings.simplefilter("ignore", MCPDeprecationWarning)

PICTURE, TONE = media.png(8, 8), media.wav(0.02)
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

bus = InMemorySubscriptionBus()
tools: dict[str, tuple[t.Tool, object]] = {}
prompts: dict[str, tuple[t.Prompt, object]] = {}


def tool(about: str, schema: dict | None = None, **properties: dict):
    """Registers `async (ctx, params) -> str | list of blocks | result` under the function's name."""
    if schema is None:
        schema = {"type": "object", "properties": properties, "required": list(properties)}

    def register(run):
        tools[run.__name__] = (t.Tool(name=run.__name__, description=about, input_schema=schema), run)
        return run

    return register


def prompt(about: str, **arguments: str):
    """Registers `async (params) -> list of messages | result` under the function's name."""
    asked = [t.PromptArgument(name=name, description=text, required=True) for name, text in arguments.items()]

    def register(run):
        prompts[run.__name__] = (t.Prompt(name=run.__name__, description=about, arguments=asked or None), run)
        return run

    return register


def text(words: str) -> t.TextContent:
    return t.TextContent(type="text", text=words)


def picture() -> t.ImageContent:
    return t.ImageContent(type="image", data=PICTURE, mime_type="image/png")


def embedded(uri: str, kind: str, words: str) -> t.EmbeddedResource:
    return t.EmbeddedResource(type="resource", resource=t.TextResourceContents(uri=uri, mime_type=kind, text=words))


def form(message: str, required: list[str] | None = None, **properties: dict) -> dict:
    schema = {"type": "object", "properties": properties, "required": list(properties) if required is None else required}
    return {"message": message, "requested_schema": schema}


# Plain results, then questions while a call runs, which in the newer revision are results too.


@tool("Plain text.")
async def test_simple_text(_ctx, _params):
    return "This is a simple text response for testing."


@tool("A picture.")
async def test_image_content(_ctx, _params):
    return [picture()]


@tool("A sound.")
async def test_audio_content(_ctx, _params):
    return [t.AudioContent(type="audio", data=TONE, mime_type="audio/wav")]


@tool("A resource within the result.")
async def test_embedded_resource(_ctx, _params):
    return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


@tool("Text, a picture and a resource in one result.")
async def test_multiple_content_types(_ctx, _params):
    mixed = embedded("test://mixed-content-resource", "application/json", json.dumps({"test": "data", "value": 123}))
    return [text("Multiple content types test:"), picture(), mixed]


@tool("Says what it does in three log lines.")
async def test_tool_with_logging(ctx, _params):
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message("info", words, related_request_id=ctx.request_id)
        await anyio.sleep(0.05)
    return "Tool with logging executed"


@tool("Tells its progress three times.")
async def test_tool_with_progress(ctx, _params):
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100, f"Completed step {done} of 100")
        await anyio.sleep(0.05)
    return "Tool with progress executed"


@tool("Always fails.")
async def test_error_handling(_ctx, _params):
    words = "This tool intentionally returns an error for testing"
    return t.CallToolResult(content=[text(words)], is_error=True)


@tool("Has a schema of JSON Schema 2020-12.", SCHEMA)
async def json_schema_2020_12_tool(_ctx, _params):
    return "ok"


@tool("Closes its stream in the middle of the call.")
async def test_reconnection(ctx, _params):
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
    await anyio.sleep(0.2)
    return "Reconnection test completed successfully"


@tool("Asks the client's model.", prompt={"type": "string", "description": "What to ask"})
async def test_sampling(ctx, params):
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        answer = given(params, "answer", t.CreateMessageResult)
        if not answer:
            return ask(answer=sample(params.arguments["prompt"], 100))
    else:
        message = t.SamplingMessage(role="user", content=text(params.arguments["prompt"]))
        answer = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
    return f"LLM response: {answer.content.text}"


async def fill_in(ctx, params, said: str, asked: dict) -> str | t.InputRequiredResult:
    """Has a form filled in, in the way of the request's revision, and says what came back."""
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        answer = given(params, "form", t.ElicitResult)
        if not answer:
            return ask(form=t.ElicitRequest(params=t.ElicitRequestFormParams(**asked)))
    else:
        answer = await ctx.session.elicit_form(**asked, related_request_id=ctx.request_id)
    return f"{said}: action={answer.action}, content={json.dumps(answer.content or {})}"


@tool("Asks the person.", message={"type": "string", "description": "What to show"})
async def test_elicitation(ctx, params):
    username = {"type": "string", "description": "User's response"}
    email = {"type": "string", "description": "User's email address"}
    asked = form(params.arguments["message"], username=username, email=email)
    return await fill_in(ctx, params, "User response", asked)


@tool("Asks with a default in every field.")
async def test_elicitation_sep1034_defaults(ctx, params):
    asked = form(
        "Please review and update the form fields with defaults",
        [],
        name={"type": "string", "description": "User name", "default": "John Doe"},
        age={"type": "integer", "description": "User age", "default": 30},
        score={"type": "number", "description": "User score", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "description": "Verification status", "default": True},
    )
    return await fill_in(ctx, params, "Elicitation completed", asked)


@tool("Asks with every kind of choice.")
async def test_elicitation_sep1330_enums(ctx, params):
    options, legacy = ["option1", "option2", "option3"], ["opt1", "opt2", "opt3"]
    choices = [("value1", "First Choice"), ("value2", "Second Choice"), ("value3", "Third Choice")]
    titled = [{"const": value, "title": title} for value, title in choices]
    asked = form(
        "Please select options from the enum fields",
        [],
        untitledSingle={"type": "string", "enum": options},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={"type": "string", "enum": legacy, "enumNames": ["Option One", "Option Two", "Option Three"]},
        untitledMulti={"type": "array", "items": {"type": "string", "enum": options}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    )
    return await fill_in(ctx, params, "Elicitation completed", asked)


# What the newer revision alone asks for: questions as results, capabilities of each request, changes to listen for.


def elicit(message: str, **properties: dict) -> t.ElicitRequest:
    return t.ElicitRequest(params=t.ElicitRequestFormParams(**form(message, **properties)))


def sample(words: str, limit: int) -> t.CreateMessageRequest:
    message = t.SamplingMessage(role="user", content=text(words))
    return t.CreateMessageRequest(params=t.CreateMessageRequestParams(messages=[message], max_tokens=limit))


def ask(state: dict | None = None, **asked) -> t.InputRequiredResult:
    return t.InputRequiredResult(input_requests=asked or None, request_state=state and json.dumps(state))


def given(params, key: str, kind: type):
    """The answer under a key, if it is there and of the right kind."""
    answer = (params.input_responses or {}).get(key)
    return answer if isinstance(answer, kind) else None


def filled(params, key: str, field: str):
    """A field of an accepted form."""
    answer = given(params, key, t.ElicitResult)
    return answer and answer.action == "accept" and (answer.content or {}).get(field)


NAME = {"type": "string"}
OK = {"type": "boolean"}


@tool("Asks for a name.")
async def test_input_required_result_elicitation(_ctx, params):
    name = filled(params, "user_name", "name")
    return f"Hello, {name}!" if name else ask(user_name=elicit("What is your name?", name=NAME))


@tool("Asks the client's model, in rounds.")
async def test_input_required_result_sampling(_ctx, params):
    answer = given(params, "capital_question", t.CreateMessageResult)
    return answer.content.text if answer else ask(capital_question=sample("What is the capital of France?", 100))


@tool("Asks for the client's roots.")
async def test_input_required_result_list_roots(_ctx, params):
    answer = given(params, "client_roots", t.ListRootsResult)
    return ", ".join(str(root.uri) for root in answer.roots) if answer else ask(client_roots=t.ListRootsRequest())


@tool("Asks with a state.")
async def test_input_required_result_request_state(_ctx, params):
    if params.request_state and filled(params, "confirm", "ok"):
        return "state-ok"
    return ask({"round": 1}, confirm=elicit("Please confirm", ok=OK))


@tool("Asks with a state that must come back whole.")
async def test_input_required_result_tampered_state(ctx, params):
    return await test_input_required_result_request_state(ctx, params)


@tool("Asks three things at once.")
async def test_input_required_result_multiple_inputs(_ctx, params):
    name = filled(params, "user_name", "name")
    greeting = given(params, "greeting", t.CreateMessageResult)
    roots = given(params, "client_roots", t.ListRootsResult)
    if params.request_state and name and greeting and roots:
        return f"{greeting.content.text} {name}, {len(roots.roots)} roots"
    return ask(
        {"round": 1},
        user_name=elicit("What is your name?", name=NAME),
        greeting=sample("Generate a greeting", 50),
        client_roots=t.ListRootsRequest(),
    )


@tool("Asks twice, one thing after the other.")
async def test_input_required_result_multi_round(_ctx, params):
    state = json.loads(params.request_state) if params.request_state else {}
    if state.get("name") and (color := filled(params, "step2", "color")):
        return f"{state['name']} likes {color}"
    if state and (name := filled(params, "step1", "name")):
        return ask({"name": name}, step2=elicit("Step 2: What is your favorite color?", color=NAME))
    return ask({"name": None}, step1=elicit("Step 1: What is your name?", name=NAME))


@tool("Asks only for what the client says it can do.")
async def test_input_required_result_capabilities(ctx, params):
    can = ctx.session.client_capabilities
    asked = {}
    if can and can.sampling is not None:
        asked["greeting"] = sample("Generate a greeting", 50)
    if can and can.elicitation is not None:
        asked["user_name"] = elicit("What is your name?", name=NAME)
    return "done" if params.input_responses else ask(**asked)


@tool("Needs sampling, and says so where the client has none.")
async def test_missing_capability(ctx, _params):
    can = ctx.session.client_capabilities
    if can is None or can.sampling is None:
        data = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(t.MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs sampling", data)
    return "sampling is there"


@tool("Tells its progress, then asks.")
async def test_streaming_elicitation(ctx, params):
    await ctx.session.report_progress(1, 2)
    return await test_input_required_result_elicitation(ctx, params)


@tool("Logs, where the request asks for it.")
async def test_logging_tool(ctx, _params):
    await ctx.session.send_log_message("info", "A line of the log", related_request_id=ctx.request_id)
    return "logged"


@tool("Has an argument that a header repeats.", region={"type": "string", "x-mcp-header": "Region"})
async def test_header(_ctx, params):
    return params.arguments["region"]


@tool("Says that the tools changed.")
async def test_trigger_tool_change(_ctx, _params):
    await bus.publish(ToolsListChanged())
    return "done"


@tool("Says that the prompts changed.")
async def test_trigger_prompt_change(_ctx, _params):
    await bus.publish(PromptsListChanged())
    return "done"


@prompt("A prompt without arguments.")
async def test_simple_prompt(_params):
    return [text("This is a simple prompt for testing.")]


@prompt("A prompt with two arguments.", arg1="First test argument", arg2="Second test argument")
async def test_prompt_with_arguments(params):
    return [text("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'".format(**params.arguments))]


@prompt("A prompt with a resource in it.", resourceUri="URI of the resource to embed")
async def test_prompt_with_embedded_resource(params):
    resource = embedded(params.arguments["resourceUri"], "text/plain", "Embedded resource content for testing.")
    return [resource, text("Please process the embedded resource above.")]


@prompt("A prompt with a picture in it.")
async def test_prompt_with_image(_params):
    return [picture(), text("Please analyze the image above.")]


@prompt("A prompt that asks for its context.")
async def test_input_required_result_prompt(params):
    context = filled(params, "user_context", "context")
    if not context:
        return ask(user_context=elicit("What context should the prompt use?", context=NAME))
    return [text(f"Prompt with context: {context}")]


RESOURCES = [
    t.Resource(uri="test://static-text", name="static-text", description="A text.", mime_type="text/plain"),
    t.Resource(uri="test://static-binary", name="static-binary", description="A picture.", mime_type="image/png"),
    t.Resource(uri="test://watched-resource", name="watched", description="To subscribe to.", mime_type="text/plain"),
]
TEMPLATE = t.ResourceTemplate(
    uri_template="test://template/{id}/data", name="template", description="A template.", mime_type="application/json"
)


async def list_tools(_ctx, _params):
    return t.ListToolsResult(tools=[described for described, _ in tools.values()])


async def call_tool(ctx, params):
    if params.name not in tools:
        raise MCPError(t.INVALID_PARAMS, f"Unknown tool: {params.name}")
    result = await tools[params.name][1](ctx, params)
    if isinstance(result, str):
        result = [text(result)]
    return t.CallToolResult(content=result) if isinstance(result, list) else result


async def list_prompts(_ctx, _params):
    return t.ListPromptsResult(prompts=[described for described, _ in prompts.values()])


async def get_prompt(_ctx, params):
    if params.name not in prompts:
        raise MCPError(t.INVALID_PARAMS, f"Unknown prompt: {params.name}")
    result = await prompts[params.name][1](params)
    if not isinstance(result, list):
        return result
    return t.GetPromptResult(messages=[t.PromptMessage(role="user", content=content) for content in result])


async def list_resources(_ctx, _params):
    return t.ListResourcesResult(resources=RESOURCES)


async def list_templates(_ctx, _params):
    return t.ListResourceTemplatesResult(resource_templates=[TEMPLATE])


async def read_resource(_ctx, params):
    uri = str(params.uri)
    parts = uri.removeprefix("test://template/").split("/")
    if uri == "test://static-binary":
        contents = t.BlobResourceContents(uri=uri, mime_type="image/png", blob=PICTURE)
    elif uri == "test://static-text":
        words = "This is the content of the static text resource."
        contents = t.TextResourceContents(uri=uri, mime_type="text/plain", text=words)
    elif uri == "test://watched-resource":
        contents = t.TextResourceContents(uri=uri, mime_type="text/plain", text="Watched resource content")
    elif len(parts) == 2 and parts[1] == "data":
        words = json.dumps({"id": parts[0], "templateTest": True, "data": f"Data for ID: {parts[0]}"})
        contents = t.TextResourceContents(uri=uri, mime_type="application/json", text=words)
    else:
        raise MCPError(t.INVALID_PARAMS, "Resource not found", {"uri": uri})
    return t.ReadResourceResult(contents=[contents])


async def complete(_ctx, params):
    values = [word for word in ("paris", "park", "party") if word.startswith(params.argument.value)]
    return t.CompleteResult(completion=t.Completion(values=values, total=len(values), has_more=False))


async def accepted(_ctx, _params):
    return t.EmptyResult()


class Kept(EventStore):
    """All events, so that a stream can be taken up again where it was closed."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events) - 1)

    async def replay_events_after(self, last_event_id, send_callback):
        last = int(last_event_id)
        stream = self.events[last][0]
        for number, (owner, message) in list(enumerate(self.events))[last + 1 :]:
            if owner == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


server = Server(
    "conforming",
    version="1.0.0",
    cache_hints={
        method: CacheHint(ttl_ms=60_000, scope="private")
        for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read")
    },
    get_tool_input_schema=lambda name: tools[name][0].input_schema if name in tools else None,
    on_list_tools=list_tools,
    on_call_tool=call_tool,
    on_list_prompts=list_prompts,
    on_get_prompt=get_prompt,
    on_list_resources=list_resources,
    on_list_resource_templates=list_templates,
    on_read_resource=read_resource,
    on_subscribe_resource=accepted,
    on_unsubscribe_resource=accepted,
    on_subscriptions_listen=ListenHandler(bus),
    on_completion=complete,
    on_set_logging_level=accepted,
)
server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience="conforming"))

if __name__ == "__main__":
    _, transport, port = sys.argv
    assert transport == "http"
    app = server.streamable_http_app(event_store=Kept(), retry_interval=200)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
