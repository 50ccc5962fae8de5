"""A 2026-07-28 server without any library, for rounds that no library would ask for. stdio only.

    python raw_rounds.py

It speaks `server/discover` and never `initialize`. `bad_NAME` and `fine_NAME` ask the questions named in raw_wire.py in
one round. What came back is told in the call's result, as JSON: {"rounds": [PARAMS of each time the call was sent,
without name, arguments and _meta]}.
"""

import os
import subprocess
import sys
import threading
import time

from raw_wire import BAD, FINE, Wire, text, text_result, user

VERSION = "2026-07-28"
wire = Wire()
tools: dict = {}
rounds: dict[str, list] = {}  # what each tool was sent so far, until its call completes
cancelled: list = []


def tool(run):
    tools[run.__name__] = run
    return run


def sampling(params: dict) -> dict:
    return {"method": "sampling/createMessage", "params": params}


def say(words: str) -> dict:
    return sampling({"messages": [user(text(words))], "maxTokens": 16})


def required(questions: dict | None = None, state: str | None = None, **more) -> dict:
    result: dict = {"resultType": "input_required", **more}
    if questions is not None:
        result["inputRequests"] = questions
    if state is not None:
        result["requestState"] = state
    return result


def complete(value, **more) -> dict:
    return text_result(value, resultType="complete", **more)


def one_round(questions: dict | None, state: str | None = "state-1"):
    def run(sent: list) -> dict:
        return required(questions, state) if len(sent) == 1 else complete({"rounds": sent})

    return run


for name, params in BAD.items():
    tools[f"bad_{name}"] = one_round({name: sampling(params)})
for name, params in FINE.items():
    tools[f"fine_{name}"] = one_round({name: sampling(params)})
tools |= {
    "no_state": one_round({"q": say("Say hello.")}, None),
    "empty_state": one_round({"q": say("Say hello.")}, ""),
    "strange_state": one_round({"q": say("Say hello.")}, '{"é": "\u202e\\u0000 \U0001f511"}\n'),
    "long_state": one_round({"q": say("Say hello.")}, "s" * 100_000),
    "state_without_questions": one_round(None, "only-state"),
    "neither": one_round(None, None),
    "no_questions": one_round({}, "empty"),
    "unknown_kind": one_round({"q": {"method": "payments/authorize", "params": {"amount": 5}}}),
    "unknown_kind_among_known": one_round({"known": say("Say hello."), "odd": {"method": "camera/snap", "params": {}}}),
    "question_not_an_object": one_round({"q": "say hello"}),
    "questions_a_list": one_round([say("Say hello.")]),  # type: ignore[arg-type]
    "roots": one_round({"q": {"method": "roots/list", "params": {}}}),
    "form": one_round(
        {
            "q": {
                "method": "elicitation/create",
                "params": {
                    "mode": "form",
                    "message": "Who is it for?",
                    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
                },
            }
        }
    ),
    "good_and_bad": one_round({"good": say("Say hello."), "bad": sampling(BAD["role_system"])}),
    "strange_keys": one_round({"": say("Say one."), "a/b~c": say("Say two."), "\u202ekey": say("Say three.")}),
    "many": one_round({f"q{n:02}": say(f"Say {n}.") for n in range(1, 21)}),
    "huge": one_round({"q": say("h" * 20 * 1024 * 1024)}),
}


@tool
def endless(sent: list) -> dict:
    """Asks in every round and never completes."""
    return required({"q": say(f"Round {len(sent)}.")}, f"round-{len(sent)}")


@tool
def endless_states(sent: list) -> dict:
    """Sends a new state in every round, with no question, and never completes."""
    return required(None, f"round-{len(sent)}")


@tool
def five_rounds(sent: list) -> dict:
    """Asks in five rounds, each under another key."""
    n = len(sent)
    return required({f"q{n}": say(f"Round {n}.")}, f"round-{n}") if n <= 5 else complete({"rounds": sent})


@tool
def drops_state(sent: list) -> dict:
    """The first round has a state, the second has none, so that the third call must have none."""
    n = len(sent)
    return required({f"q{n}": say(f"Round {n}.")}, "first" if n == 1 else None) if n <= 2 else complete({"rounds": sent})


@tool
def unknown_result_type(sent: list) -> dict:
    """Ends with a result type that nobody knows."""
    return text_result("done?", resultType="deferred")


@tool
def dies_between(sent: list) -> dict | None:
    """Asks, and exits with 7 when the answer comes."""
    if len(sent) == 1:
        return required({"q": say("Nobody will hear the answer.")}, "state-1")
    print("giving up", file=sys.stderr, flush=True)
    os._exit(7)


@tool
def dies_while_open(sent: list) -> dict:
    """Asks, and exits with 7 a second later."""

    def later() -> None:
        time.sleep(1)
        os._exit(7)

    threading.Thread(target=later, daemon=True).start()
    return required({"q": say("Nobody will hear the answer.")}, "state-1")


@tool
def never_answers(sent: list) -> None:
    """Never answers its call."""


@tool
def never_answers_the_second(sent: list) -> dict | None:
    """Asks, and never answers when the call is sent again."""
    return required({"q": say("Say hello.")}, "state-1") if len(sent) == 1 else None


@tool
def fails_after(sent: list) -> dict:
    """Asks, then ends with an error of its own."""
    return required({"q": say("Say hello.")}) if len(sent) == 1 else complete("the tool itself failed", isError=True)


@tool
def spawns(sent: list) -> dict:
    """Starts a process that outlives it if nobody ends it."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], **quiet)
    return complete({"server": os.getpid(), "child": child.pid})


@tool
def cancelled_calls(sent: list) -> dict:
    """Tells which of its calls the client took back."""
    return complete(cancelled)


@tool
def forget(sent: list) -> dict:
    """Forgets every round of every call that was not completed."""
    rounds.clear()
    return complete("forgotten")


def asked(request: dict, key: str, run) -> None:
    """Answers a call, prompt or resource by what was sent for it so far."""
    params = request["params"]
    sent = rounds.setdefault(key, [])
    if "inputResponses" not in params and "requestState" not in params:
        sent.clear()  # a call that answers nothing is a new one
    sent.append({name: value for name, value in params.items() if name not in ("name", "arguments", "uri", "_meta")})
    result = run(list(sent))
    if result is not None:
        if result.get("resultType") != "input_required":
            rounds.pop(key, None)
        wire.result(request, result)


def prompt(sent: list) -> dict:
    if len(sent) == 1:
        return required({"q": say("Three words, please.")}, "prompt-1")
    return {"resultType": "complete", "messages": [user(text(f"Mind this: {sent[-1].get('inputResponses')}"))]}


def resource(sent: list) -> dict:
    if len(sent) == 1:
        return required({"q": say("A note for today, please.")}, "resource-1")
    note = {"uri": "notes://today", "mimeType": "text/plain", "text": f"{sent[-1].get('inputResponses')}"}
    return {"resultType": "complete", "contents": [note]}


LISTS = {
    "tools/list": lambda: {
        "tools": [
            {"name": name, "description": run.__doc__ or "Asks in one round.", "inputSchema": {"type": "object"}}
            for name, run in tools.items()
        ]
    },
    "prompts/list": lambda: {"prompts": [{"name": "summary", "description": "A prompt that asks."}]},
    "resources/list": lambda: {"resources": [{"uri": "notes://today", "name": "today"}]},
    "resources/templates/list": lambda: {"resourceTemplates": []},
}


def main() -> None:
    for request in wire.requests():
        method, params = request["method"], request.get("params") or {}
        if method == "server/discover":
            wire.result(
                request,
                {
                    "resultType": "complete",
                    "supportedVersions": [VERSION],
                    "capabilities": {"tools": {}, "prompts": {}, "resources": {}},
                    "ttlMs": 0,
                    "cacheScope": "private",
                    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "raw-rounds", "version": "1.0.0"}},
                },
            )
        elif method in LISTS:
            wire.result(request, {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **LISTS[method]()})
        elif method == "tools/call" and params.get("name") in tools:
            asked(request, f"tool {params['name']}", tools[params["name"]])
        elif method == "prompts/get" and params.get("name") == "summary":
            asked(request, "prompt", prompt)
        elif method == "resources/read" and params.get("uri") == "notes://today":
            asked(request, "resource", resource)
        elif method == "notifications/cancelled":
            cancelled.append(params.get("requestId"))
        elif "id" in request:
            unknown_name = method in ("tools/call", "prompts/get", "resources/read")
            wire.error(request, -32602 if unknown_name else -32601, f"nothing like that here: {method}")


if __name__ == "__main__":
    main()
