"""schemathesis: requests made from docs/openapi.yaml, right and wrong ones. No reply is a fault of the server or another than described."""
import json
import pathlib

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from serving import SMOLLM, URL, request

EXAMPLES = 30  # per endpoint, besides those at the bounds of each field
BY_FILE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"

config = schemathesis.Config.from_dict({"generation": {"deterministic": True, "database": "none", "max-examples": EXAMPLES, "no-shrink": True}})
served = request("GET", "/openapi.yaml")
schema = schemathesis.openapi.from_file(served[1] if served[0] == 200 else BY_FILE.read_text(), config=config)
schema.config.update(base_url=URL)
# The store stays as it is, and nobody is asked for models.
schema = schema.exclude(path_regex=r"/api/(create|copy|delete|pull|push|blobs).*")


# The document cannot say all that makes a request right. Half of the requests get these values for what they have of it, so that the rest of
# them is tried; the others stay wrong in all ways.
RIGHT = {"model": SMOLLM, "messages": [{"role": "user", "content": "Name a color."}], "input": "Name a color.", "prompt": "Name a color.", "tools": [],
         "tool_choice": "auto", "keep_alive": 60, "logit_bias": {"5": 1.5}, "options": {}, "n": 1, "reasoning_effort": "none", "reasoning": {},
         "thinking": {"type": "disabled"}, "system": "Be brief.", "stop": ["x"], "stop_sequences": ["x"]}
LIMITS = {"/v1/responses": "max_output_tokens", "/completion": "n_predict", "/completions": "n_predict", "/infill": "n_predict"}
replies = {}  # {endpoint: statuses}


def is_lucky(fields):
    return len(json.dumps(fields, default=str)) % 2 == 0


@schema.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    body = dict(body)
    if is_lucky(body):
        body.update({key: value for key, value in RIGHT.items() if key in body})
    elif isinstance(body.get("model"), str) and len(body["model"]) % 2:
        body["model"] = SMOLLM
    # short answers
    if context.operation.path.startswith("/api/"):
        options = body.get("options", {})
        body["options"] = {**options, "num_predict": 4} if isinstance(options, dict) else options
    else:
        for key in ("max_completion_tokens", LIMITS.get(context.operation.path, "max_tokens")):
            if not isinstance(body.get(key), int) or not 1 <= body[key] <= 4:  # below 1: no limit
                body[key] = 4
    return body


@schema.hook
def map_path_parameters(context, parameters):
    return {**parameters, "model": SMOLLM} if parameters and "model" in parameters and is_lucky(parameters) else parameters


@schema.parametrize()
@hypothesis.settings(deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_replies_are_as_described(case):
    response = case.call(timeout=30)
    replies.setdefault(case.operation.label, set()).add(response.status_code)
    if response.status_code == 501:  # not offered, and said so
        assert json.loads(response.text)["error"]
        return
    checks = [not_a_server_error, status_code_conformance, content_type_conformance]
    kind = response.headers.get("content-type", [""])[0].split(";")[0]
    if kind == "text/event-stream":  # schemathesis would read its schema as that of each event
        events = response.text.strip("\n").split("\n\n")
        datas = [event.rsplit("data: ", 1)[1] for event in events]
        assert datas and all(data == "[DONE]" or isinstance(json.loads(data), dict) for data in datas)
    elif kind != "application/yaml":  # which it would parse, though the schema says string
        checks.append(response_schema_conformance)
    case.validate_response(response, checks=checks)


def test_the_document_covers_the_apis():
    names = {operation.ok().label for operation in schema.get_all_operations()}
    assert {"POST /v1/chat/completions", "POST /v1/messages", "POST /v1/responses", "GET /v1/models", "GET /health"} <= names


@pytest.mark.parametrize("endpoint", ["POST /v1/chat/completions", "POST /v1/completions", "POST /v1/responses", "POST /v1/messages", "POST /tokenize"])
def test_right_and_wrong_requests_were_made(endpoint):
    if endpoint not in replies:
        pytest.skip("its test was not run")
    assert {200, 400} <= replies[endpoint]


def test_the_server_is_well():
    status, text = request("POST", "/api/generate", {"model": SMOLLM, "prompt": "a", "stream": False, "options": {"num_predict": 2}})
    assert status == 200 and json.loads(text)["done"] is True
    if served[0] != 200:
        pytest.skip("the server has no GET /openapi.yaml: the file of the sources was used")
    assert served[1] == BY_FILE.read_text()
