"""A legacy server that asks the person whatever its arguments say. No library; stdio only.

`ask` sends {"params": …} as `elicitation/create` and tells the reply. `told` tells the capabilities it was told.
`needs` fails with -32042 and {"elicitations": […]} as long as one of them is not done; `finish` says that {"id": …} is.
"""

import threading

from raw_wire import Wire, text_result

wire = Wire()
told: dict = {}
finished: set = set()


def tool(name: str) -> dict:
    return {"name": name, "inputSchema": {"type": "object"}}


def call(request: dict) -> None:
    name, given = request["params"]["name"], request["params"].get("arguments") or {}
    if name == "told":
        wire.result(request, text_result(told))
        return
    if name == "needs":
        open_ones = [one for one in given["elicitations"] if one.get("elicitationId") not in finished]
        if open_ones:
            wire.error(request, -32042, "Open this first.", {"elicitations": open_ones, "more": 1})
        else:
            wire.result(request, text_result("made"))
        return
    if name == "finish":
        finished.add(given["id"])
        wire.notify("notifications/elicitation/complete", {"elicitationId": given["id"]})
        wire.notify("notifications/message", {"level": "info", "data": f"finished {given['id']}"})
        wire.result(request, text_result("told"))
        return
    reply = wire.reply(wire.request("elicitation/create", given["params"]))
    wire.result(request, text_result(reply))


for request in wire.requests():
    match request["method"]:
        case "server/discover":
            wire.error(request, -32601, "Method not found")
        case "initialize":
            told = request["params"]["capabilities"]
            version = request["params"]["protocolVersion"]
            info = {"name": "asks", "version": "1"}
            wire.result(request, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        case "tools/list":
            wire.result(request, {"tools": [tool(name) for name in ("ask", "told", "needs", "finish")]})
        case "tools/call":
            threading.Thread(target=call, args=(request,), daemon=True).start()
        case "ping":
            wire.result(request, {})
