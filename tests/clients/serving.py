"""What all tests of clients know: the server, its models (scripts/lib/client_store.py), requests without a client."""
import json
import os
import pathlib
import time
import urllib.error
import urllib.request

import pytest

URL = os.environ["ENGINE_CLIENTS_URL"]
OUT = pathlib.Path(os.environ["ENGINE_CLIENTS_OUT"])
ENGINE, STORE = os.environ["ENGINE_CLIENTS_PROGRAM"], os.environ["ENGINE_CLIENTS_STORE"]  # of that server
SMOLLM, TOOLS, CALLER, TALKER, EMBEDDER, UNKNOWN = "smollm2", "tools", "caller", "talker", "embedder", "no-such-model"

ASK = [{"role": "user", "content": "Tell me a long story about the sea."}]
# What `caller` always calls, and nothing else.
CALL_NAME, CALL_ARGUMENTS = "get_weather", {"city": "Oslo"}
WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "description": "name of the city"}}, "required": ["city"]}
WEATHER_TOOL = {"type": "function", "function": {"name": CALL_NAME, "description": "the weather of a city", "parameters": WEATHER_SCHEMA}}


def request(method, path, body=None):
    """(status, text) of a plain request."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(URL + path, data, method=method), timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def need_route(method, path):
    status, text = request(method, path, {})
    if status in (404, 405) and text.startswith(("404 page", "405 method")):
        pytest.skip(f"the server has no {method} {path}")


def need_model(name):
    if name not in {model["name"].removesuffix(":latest") for model in json.loads(request("GET", "/api/tags")[1])["models"]}:
        pytest.skip(f"the model {name} is not in the store")


def is_busy():
    return any(slot["is_processing"] for slot in json.loads(request("GET", "/slots")[1]))


def wait_until_idle(seconds=5):
    """Fails when a sequence still computes after that time."""
    until = time.monotonic() + seconds
    while is_busy():
        assert time.monotonic() < until, f"a sequence still computes after {seconds} s"
        time.sleep(0.05)
