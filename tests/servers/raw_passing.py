"""No library: a server full of things that must pass a gateway unchanged, in both eras.

    python raw_passing.py [--stateless] [--stuck METHOD]...

Everything it lists and answers has members that no protocol revision knows. Its results tell what it was sent. With
`--stuck` it never answers requests of that method.
"""

import os
import sys
import threading
import time

from raw_wire import Wire, user, text

STATELESS = "--stateless" in sys.argv
STUCK = [sys.argv[at + 1] for at, word in enumerate(sys.argv) if word == "--stuck"]
INFO = {"name": "raw-passing", "version": "1.0.0", "title": "Passing", "icons": [{"src": "data:,x", "later": 1}]}
CAPABILITIES = {
    "tools": {"listChanged": True, "later": True},
    "prompts": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "completions": {},
    "logging": {},
}
NAMES = ["echo", "steps", "ask", "fail", "wait", "cancelled", "change", "update", "log"]
SAMPLING = {
    "method": "sampling/createMessage",
    "params": {"messages": [user(text("What is it?"))], "maxTokens": 50, "includeContext": "none", "later": 1},
}
FORM = {
    "method": "elicitation/create",
    "params": {
        "message": "How many?",
        "requestedSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
}
TOOL = {"name": "look", "description": "Looks.", "inputSchema": {"type": "object"}}
QUESTIONS = {
    "ask": {"q": SAMPLING},
    "ask_with_tools": {"q": {**SAMPLING, "params": {**SAMPLING["params"], "tools": [TOOL]}}},
    "form": {"f": FORM},
    "both": {"q": SAMPLING, "f": FORM},
}
wire = Wire()
cancelled: list = []
watched: list = []
listening: dict = {}
asked: dict = {}


def tool(name: str) -> dict:
    return {
        "name": name,
        "title": name.title(),
        "description": f"Does {name}.",
        "inputSchema": {"type": "object", "later": {"x": 1}},
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True, "later": "yes"},
        "icons": [{"src": "data:,x", "mimeType": "image/png", "sizes": ["1x1"], "later": 1}],
        "_meta": {"example.com/a": {"b": 1.0}},
        "later": [1, None, 10.0],
    }


LISTS = {
    "prompts/list": lambda: {"prompts": [{"name": "greet", "later": 1, "arguments": [{"name": "who", "later": 1}]}]},
    "resources/list": lambda: {"resources": [{"uri": "memo://one?x#y", "name": "one", "size": 3, "later": 1}]},
    "resources/templates/list": lambda: {"resourceTemplates": [{"uriTemplate": "memo://{+name}", "name": "memo"}]},
}


def tools_page(params: dict) -> dict:
    """Three tools a page."""
    start = int(params.get("cursor", "page-0").removeprefix("page-"))
    page = {"tools": [tool(name) for name in NAMES[start : start + 3]], "later": "list"}
    if start + 3 < len(NAMES):
        page["nextCursor"] = f"page-{start + 3}"
    return page


def result(request: dict, value: dict) -> None:
    if STATELESS:
        value = {"resultType": "complete", **value}
        if request["method"].endswith("/list") or request["method"] == "resources/read":
            value = {"ttlMs": 0, "cacheScope": "private", **value}
        meta = value.get("_meta", {})
        value = {**value, "_meta": {**meta, "io.modelcontextprotocol/serverInfo": INFO}}
    wire.result(request, value)


def said(value: object, **more) -> dict:
    return {"content": [text("said")], "structuredContent": {"value": value}, "later": True, **more}


def tell(method: str, params: dict) -> None:
    """Tells of a change, to who listens in the way of the era."""
    if not STATELESS:
        wire.notify(method, params)
        return
    for key, wanted in list(listening.items()):
        names = {"notifications/tools/list_changed": "toolsListChanged"}
        uris = wanted.get("resourceSubscriptions") or []
        if wanted.get(names.get(method)) or params.get("uri") in uris:
            meta = {"io.modelcontextprotocol/subscriptionId": key}
            wire.notify(method, {**params, "_meta": meta})


def call(request: dict) -> None:
    params = request["params"]
    name, meta = params["name"], params.get("_meta", {})
    if name == "echo":
        result(request, said(params, _meta={"example.com/c": 1}, isError=False))
    elif name == "steps":
        for step in (1, 2):
            wire.notify(
                "notifications/progress",
                {"progressToken": meta["progressToken"], "progress": step, "total": 2, "later": step, "message": f"s{step}"},
            )
        result(request, said("stepped"))
    elif name in QUESTIONS:
        questions = QUESTIONS[name]
        if not STATELESS:
            keys = {key: wire.request(**question) for key, question in questions.items()}
            asked.update(keys)
            replies = {key: wire.reply(request_id) for key, request_id in keys.items()}
            result(request, said(replies if len(replies) > 1 else replies[next(iter(keys))]))
        elif params.get("requestState") == name:
            answers = params["inputResponses"]
            result(request, said(answers if len(answers) > 1 else answers[next(iter(questions))]))
        else:
            wire.result(request, {"resultType": "input_required", "requestState": name, "inputRequests": questions})
    elif name == "take_back":
        wire.notify("notifications/cancelled", {"requestId": asked["q"]})
        wire.waiting[asked["q"]].put({"taken": "back"})
        result(request, said("taken back"))
    elif name == "later":
        result(request, said("later"))
        time.sleep(0.5)
        wire.request(**QUESTIONS["ask"]["q"])
    elif name == "fail":
        wire.send({"id": request["id"], "error": {"code": -31999, "message": "no", "data": {"why": [1, {"x": None}]}}})
    elif name == "wait":
        for _ in range(6000):
            if request["id"] in cancelled:
                return
            time.sleep(0.01)
        result(request, said("waited"))
    elif name == "cancelled":
        result(request, said(len(cancelled)))
    elif name == "change":
        tell("notifications/tools/list_changed", {})
        result(request, said("changed"))
    elif name == "update":
        tell("notifications/resources/updated", {"uri": "memo://one?x#y", "later": 1})
        result(request, said(watched))
    elif name == "log":
        for level in ("debug", "error"):
            wire.notify("notifications/message", {"level": level, "logger": "l", "data": {"x": [1]}, "later": level})
        result(request, said(meta.get("io.modelcontextprotocol/logLevel")))
    else:
        wire.error(request, -32602, f"no tool {name}")


def main() -> None:
    for request in wire.requests():
        method, params = request["method"], request.get("params") or {}
        if method in STUCK:
            continue
        if method == "server/discover" and STATELESS:
            welcome = {"supportedVersions": ["2026-07-28"], "capabilities": CAPABILITIES, "ttlMs": 0, "cacheScope": "private"}
            result(request, {**welcome, "instructions": "Pass on."})
        elif method == "initialize" and not STATELESS:
            welcome = {"protocolVersion": "2025-11-25", "capabilities": CAPABILITIES, "serverInfo": INFO}
            result(request, {**welcome, "instructions": "Pass on.", "_meta": {"example.com/w": 1}})
        elif method == "tools/list":
            result(request, tools_page(params))
        elif method in LISTS:
            result(request, LISTS[method]())
        elif method == "tools/call":
            threading.Thread(target=call, args=(request,), daemon=True).start()
        elif method == "prompts/get":
            content = {"type": "resource", "resource": {"uri": "memo://one?x#y", "text": "t", "later": 1}}
            result(request, {"messages": [{"role": "user", "content": content, "later": 1}], "given": params})
        elif method == "resources/read":
            result(request, {"contents": [{"uri": params["uri"], "text": f"pid {os.getpid()}", "later": 1}]})
        elif method == "completion/complete":
            result(request, {"completion": {"values": ["a"], "later": 1}, "given": params})
        elif method == "resources/subscribe":
            watched.append(f"+{params['uri']}")
            result(request, {})
        elif method == "resources/unsubscribe":
            watched.append(f"-{params['uri']}")
            result(request, {})
        elif method == "subscriptions/listen":
            listening[request["id"]] = params["notifications"]
            watched.extend(f"+{uri}" for uri in params["notifications"].get("resourceSubscriptions") or [])
            meta = {"io.modelcontextprotocol/subscriptionId": request["id"]}
            accepted = {"notifications": params["notifications"], "_meta": meta}
            wire.notify("notifications/subscriptions/acknowledged", accepted)
        elif method in ("logging/setLevel", "ping"):
            result(request, {})
        elif method == "notifications/cancelled":
            cancelled.append(params.get("requestId"))
            gone = listening.pop(params.get("requestId"), None) or {}
            watched.extend(f"-{uri}" for uri in gone.get("resourceSubscriptions") or [])
        elif "id" in request:
            wire.error(request, -32601, f"no method {method}")


if __name__ == "__main__":
    main()
