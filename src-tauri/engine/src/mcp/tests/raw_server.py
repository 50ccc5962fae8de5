"""A server of raw JSON lines for tests. The first argument says how it behaves at the start, the tool what it does."""

import json
import os
import subprocess
import sys
import threading
import time

START = sys.argv[1] if len(sys.argv) > 1 else "2025-11-25"
HUGE = "x" * (17 * 1024 * 1024)
answers = {}
lock = threading.Lock()
seen = []
listing = START != "lists_late"
calls = 0
heard = []
capabilities = {}


def raw(data):
    with lock:
        sys.stdout.buffer.write(data + b"\n")
        sys.stdout.buffer.flush()


def out(message):
    raw(json.dumps({"jsonrpc": "2.0", **message}).encode())


def text(id, value, **more):
    out({"id": id, "result": {"content": [{"type": "text", "text": json.dumps(value)}], "future": 1, **more}})


def ask(id, params, method="sampling/createMessage"):
    done = threading.Event()
    answers[id] = [done, None]
    out({"id": id, "method": method, "params": params})
    return lambda wait=10: answers[id][1] if done.wait(wait) else "nothing"


PARAMS = {
    "messages": [{"role": "user", "content": {"type": "video", "url": "x"}}],
    "maxTokens": 10.0,
    "futureField": {"b": 1, "a": [None]},
    "_meta": {"progressToken": "p", "x": 1},
}


def tool(id, name, arguments, params):
    if name == "ask":
        text(id, ask("q-" + str(id), PARAMS)())
    elif name == "ask_and_cancel":
        answer = ask("q", PARAMS)
        time.sleep(0.2)
        out({"method": "notifications/cancelled", "params": {"requestId": "q", "reason": "never mind"}})
        text(id, answer(0.5))
    elif name == "ask_and_hang":
        ask("q", PARAMS)
    elif name == "ask_and_die":
        ask("q", PARAMS)
        time.sleep(0.2)
        print("last words", file=sys.stderr, flush=True)
        os._exit(5)
    elif name == "ask_undeclared":
        text(id, ask("q", PARAMS, "roots/list")())
    elif name == "list_now":
        globals()["listing"] = True
        text(id, "from now on")
    elif name == "log_among":
        # Once so many calls have come.
        while calls < arguments["calls"]:
            time.sleep(0.01)
        out({"method": "notifications/message", "params": {"level": "warning", "data": "whose?"}})
        text(id, "logged", resultType="complete")
    elif name == "capabilities":
        text(id, capabilities)
    elif name == "heard_of_roots":
        text(id, heard.count("notifications/roots/list_changed"), resultType="complete")
    elif name == "roots_in_result":
        if "inputResponses" in params:
            text(id, params["inputResponses"], resultType="complete")
        else:
            inputs = {"r": {"method": "roots/list"}}
            out({"id": id, "result": {"resultType": "input_required", "inputRequests": inputs}})
    elif name == "ask_roots_outside":
        text(id, ask("q", PARAMS, "roots/list")(), resultType="complete")
    elif name == "forge":
        text(id, [ask("a", {"token": 0}, "samplegate/asked")(), ask("b", {"code": 1}, "samplegate/refuse")()])
    elif name == "wait":
        time.sleep(arguments["seconds"])
        text(id, "waited")
    elif name == "noise":
        raw(b"\xff\xfe not utf-8")
        raw(b"Traceback (most recent call last):")
        raw(b"[1, 2]")
        raw(b"")
        out({"method": "notifications/message", "params": {"level": "warning", "logger": "l", "data": {"a": 1}}})
        token = params["_meta"]["progressToken"]
        out({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1, "total": 2}})
        out({"method": "notifications/tools/list_changed"})
        text(id, "still here")
    elif name == "huge_question":
        text(id, ask(77, {"messages": HUGE})())
    elif name == "huge_result":
        text(id, HUGE)
    elif name == "huge_riddle":
        raw(HUGE.encode())
    elif name == "env":
        text(id, sorted(os.environ))
    elif name == "grandchild":
        text(id, [os.getpid(), subprocess.Popen(["sleep", "600"]).pid])
    elif name == "error":
        out({"id": id, "error": {"code": -32050, "message": "no", "data": {"x": 1}}})
    elif name == "rounds":
        seen.append({key: value for key, value in params.items() if key not in ("_meta", "arguments")})
        inputs = {"b": {"method": "sampling/createMessage", "params": PARAMS}}
        if len(seen) == 1:
            inputs["a"] = {"method": "sampling/createMessage", "params": {"second": True}}
            out({"id": id, "result": {"resultType": "input_required", "inputRequests": inputs, "requestState": "s 1"}})
        elif len(seen) == 2:
            out({"id": id, "result": {"resultType": "input_required", "inputRequests": inputs}})
        else:
            text(id, seen, resultType="complete")
    elif name == "for_ever":
        out({"id": id, "result": {"resultType": "input_required", "requestState": "again"}})
    elif name == "ask_outside":
        text(id, ask("q", PARAMS)(), resultType="complete")


if START == "dies":
    print("cannot find my configuration", file=sys.stderr, flush=True)
    sys.exit(7)

for line in sys.stdin:
    message = json.loads(line)
    id, method, params = message.get("id"), message.get("method"), message.get("params", {})
    if START == "mute":
        continue
    if method == "server/discover":
        if START == "exits_on_discover":
            sys.exit(3)
        elif START == "silent_on_discover":
            continue
        elif START == "2026-07-28":
            info = {"io.modelcontextprotocol/serverInfo": {"name": "raw", "version": "2"}}
            out({"id": id, "result": {"resultType": "complete", "supportedVersions": [START], "ttlMs": 0,
                 "cacheScope": "private", "capabilities": {"tools": {}}, "_meta": info}})
        else:
            out({"id": id, "error": {"code": -32601, "message": "Method not found"}})
    elif method == "initialize":
        capabilities = params["capabilities"]
        version = START if START[:2] == "20" else params["protocolVersion"]
        out({"id": id, "result": {"protocolVersion": version, "capabilities": {"tools": {}, "logging": {}},
             "serverInfo": {"name": "raw", "version": "1", "title": "Raw"}}})
    elif method == "tools/list" and not listing:
        out({"id": id, "error": {"code": -32603, "message": "not yet"}})
    elif method == "tools/list":
        if params.get("cursor"):
            out({"id": id, "result": {"tools": [{"name": "two", "inputSchema": {"type": "object"}}]}})
        else:
            page = [{"name": "one", "inputSchema": {"type": "object"}, "future": {"x": 1}}]
            out({"id": id, "result": {"tools": page, "nextCursor": "p2"}})
    elif method == "tools/call":
        calls += 1
        arguments = params.get("arguments") or {}
        threading.Thread(target=tool, args=(id, params["name"], arguments, params), daemon=True).start()
    elif method == "logging/setLevel":
        out({"id": id, "result": {}})
    elif method == "notifications/cancelled":
        print("cancelled", file=sys.stderr, flush=True)
    elif method == "notifications/roots/list_changed":
        heard.append(method)
    elif method is None and id in answers:
        answers[id][1] = message.get("result", message.get("error"))
        answers[id][0].set()
