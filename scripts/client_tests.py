#!/usr/bin/env python3
"""Tests the server with the clients that people use: packages of the Python package index, and the page in a headless Chromium.

    client_tests.py [--engine build/dev/bin/engine] [NAME...]

Installs the versions of tests/clients/requirements.txt into build/clients/venv, starts `engine serve` on a free port of this machine with a
store of its own, and runs tests/clients/test_NAME.py one after the other; without a NAME: all. SmolLM2 comes from $ENGINE_TEST_MODELS
(build/models). Without that file, or when the package index cannot be reached, one line says SKIPPED and the exit status is 0. The log of the
server and the screenshots of the page lie in build/clients.
"""
import argparse
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from lib import client_store

ROOT = pathlib.Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "clients"
OUT = ROOT / "build" / "clients"
UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|ConnectTimeoutError|ReadTimeoutError|ProxyError|"
                         r"Max retries exceeded|Connection (?:refused|reset|broken)|Network is unreachable", re.IGNORECASE)


class Skipped(Exception):
    pass


def say(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def run(command, seconds, **more):
    """Ends the command and all that it started when its time is over; then the status is 124."""
    child = subprocess.Popen([str(part) for part in command], start_new_session=True, **more)
    try:
        output, _ = child.communicate(timeout=seconds)
        return child.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return 124, output


def install():
    """The Python of an environment with the pinned packages; pip runs only when the pins changed."""
    venv = OUT / "venv"
    python, stamp = venv / "bin" / "python", venv / "installed"
    pins = TESTS / "requirements.txt"
    if stamp.exists() and stamp.read_text() == pins.read_text():
        return python
    say("installing the clients")
    OUT.mkdir(parents=True, exist_ok=True)
    # without pip: the venv module of Debian has none, and the pip beside it can install for another Python
    status, text = run([sys.executable, "-m", "venv", "--clear", "--without-pip", venv], 60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if status != 0:
        sys.exit(f"error: no virtual environment could be made:\n{text}")
    status, text = run([sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--retries", "1", "--timeout", "15", "install",
                        "--quiet", "--only-binary", ":all:", "-r", pins], 600, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (OUT / "pip.log").write_text(text)
    if status == 124 or (status != 0 and UNREACHABLE.search(text)):
        raise Skipped("the package index cannot be reached (log: build/clients/pip.log)")
    if status != 0:
        sys.exit(f"error: pip could not install tests/clients/requirements.txt:\n{text[-2000:]}")
    stamp.write_text(pins.read_text())
    return python


def local_environment(**more):
    """No proxy is used, and one that nobody serves catches what a client would send elsewhere."""
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy") and not key.startswith(("OLLAMA_", "ENGINE_"))}
    nowhere = "http://127.0.0.1:9"
    env.update(http_proxy=nowhere, https_proxy=nowhere, HTTP_PROXY=nowhere, HTTPS_PROXY=nowhere, no_proxy="127.0.0.1,localhost", NO_PROXY="127.0.0.1,localhost")
    env.update({key: str(value) for key, value in more.items()})
    return env


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def healthy(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url + "/health", timeout=5) as reply:
        return reply.status == 200
    return False


@contextlib.contextmanager
def server(engine, store):
    """Runs the server; it must be alive at the end, and end by itself when it is asked to."""
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    log = OUT / "server.log"
    with open(log, "wb") as out:
        child = subprocess.Popen([engine, "serve"], stdout=out, stderr=out, start_new_session=True,
                                 env=local_environment(OLLAMA_HOST=address, OLLAMA_MODELS=store, OLLAMA_CONTEXT_LENGTH=2048))
    try:
        until = time.monotonic() + 30
        while not healthy(url):
            if child.poll() is not None or time.monotonic() > until:
                sys.exit(f"error: the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield url
        if child.poll() is not None:
            sys.exit(f"error: the server ended by itself with status {child.returncode}; the end of its log:\n{log.read_text(errors='replace')[-2000:]}")
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(15)
        if child.poll() != 0:
            sys.exit(f"error: the server did not end as it should after SIGTERM: status {child.poll()}")
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def names_of(wanted):
    every = sorted(path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py"))
    if unknown := set(wanted) - set(every):
        sys.exit(f"error: no such test: {', '.join(sorted(unknown))}; there are: {' '.join(every)}")
    return [name for name in every if not wanted or name in wanted]


def test(args, python, model):
    failed = []
    with tempfile.TemporaryDirectory(prefix="engine-clients-") as folder:
        store = pathlib.Path(folder) / "models"
        store.mkdir()

        def import_model(file, name):
            status, text = run([args.engine, "import", file, name], 120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=local_environment(OLLAMA_MODELS=store))
            if status != 0:
                sys.exit(f"error: engine import {name} failed:\n{text[-2000:]}")

        client_store.fill(store, model, import_model)
        with server(args.engine, store) as url:
            for name in names_of(args.names):
                # home: clients keep settings and caches there, and the tests must not depend on them
                env = local_environment(ENGINE_CLIENTS_URL=url, ENGINE_CLIENTS_OUT=OUT, ENGINE_CLIENTS_PROGRAM=args.engine, ENGINE_CLIENTS_STORE=store,
                                        HOME=folder, COLUMNS="160", PYTHONDONTWRITEBYTECODE="1")
                status, _ = run([python, "-m", "pytest", "-c", TESTS / "pytest.ini", TESTS / f"test_{name}.py"], 240, env=env, cwd=folder)
                if status != 0:
                    failed.append(name + (" (took more than 240 s)" if status == 124 else ""))
                if not healthy(url):
                    say(f"the server does not answer after the tests of {name}")
                    failed.append("server")
                    break
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--engine", default=ROOT / "build" / "dev" / "bin" / "engine", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    args.engine = args.engine.resolve()
    if not os.access(args.engine, os.X_OK):
        sys.exit(f"error: {args.engine} is not there; build it: cmake --workflow --preset dev")
    started = time.monotonic()
    try:
        model = pathlib.Path(os.environ.get("ENGINE_TEST_MODELS") or ROOT / "build" / "models") / "smollm2-135m.gguf"
        if not model.is_file():
            raise Skipped(f"{model} is missing; scripts/fetch_model.py smollm2 {model}")
        failed = test(args, install(), model.resolve())
    except Skipped as reason:
        say(f"SKIPPED: the tests with clients: {reason}")
        return
    if failed:
        sys.exit(f"error: tests with clients failed: {', '.join(failed)}; the log of the server is build/clients/server.log")
    say(f"tests with clients passed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
