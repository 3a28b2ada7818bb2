"""litellm over each of our APIs: check 271 of the HTTP contract."""
import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it is fetched when the package is imported

import litellm  # noqa: E402
import pytest  # noqa: E402

from serving import ASK, CALL_ARGUMENTS, CALL_NAME, CALLER, EMBEDDER, SMOLLM, TOOLS, UNKNOWN, URL, WEATHER_TOOL, need_model, need_route  # noqa: E402

# How a model is named for an API of the server, and where that API begins.
APIS = {"ollama_chat": URL, "ollama": URL, "openai": URL + "/v1", "anthropic": URL}
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "population": {"type": "integer"}}, "required": ["name", "population"]}


def ask(api, model=SMOLLM, messages=ASK, **more):
    return litellm.completion(**{"model": f"{api}/{model}", "api_base": APIS[api], "api_key": "any", "messages": messages, "temperature": 0,
                                 "max_tokens": 12, "timeout": 60, "num_retries": 0, **more})


@pytest.mark.parametrize("api", APIS)
def test_completion_streams_what_it_answers_at_once(api):
    whole = ask(api)
    assert whole.choices[0].message.content.strip() and whole.choices[0].message.role == "assistant"
    assert whole.usage.completion_tokens == 12 and whole.usage.prompt_tokens > 0
    assert whole.choices[0].finish_reason == ("stop" if api == "ollama" else "length")  # over /api/generate litellm always says stop
    parts = list(ask(api, stream=True))
    assert len(parts) > 3 and "".join(part.choices[0].delta.content or "" for part in parts) == whole.choices[0].message.content
    assert parts[-1].choices[0].finish_reason


def test_all_apis_say_the_same():
    assert len({ask(api, seed=1).choices[0].message.content for api in ("ollama_chat", "openai")}) == 1


@pytest.mark.parametrize("api", ["ollama_chat", "openai", "anthropic"])
def test_tools(api):
    [choice] = ask(api, CALLER, tools=[WEATHER_TOOL], max_tokens=100).choices
    [call] = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls" and call.function.name == CALL_NAME
    assert json.loads(call.function.arguments) == CALL_ARGUMENTS
    history = [*ASK, choice.message.model_dump(), {"role": "tool", "tool_call_id": call.id, "name": CALL_NAME, "content": "12 degrees and rain"}]
    before, after = (ask(api, TOOLS, messages=messages, tools=[WEATHER_TOOL]).usage.prompt_tokens for messages in (ASK, history))
    assert after >= before + 20  # the call and its result are in the prompt


@pytest.mark.parametrize("api", ["ollama_chat", "openai"])
def test_tools_in_a_stream(api):
    deltas = [call for part in ask(api, CALLER, tools=[WEATHER_TOOL], max_tokens=100, stream=True) for call in part.choices[0].delta.tool_calls or []]
    assert "".join(call.function.name or "" for call in deltas) == CALL_NAME
    assert json.loads("".join(call.function.arguments or "" for call in deltas)) == CALL_ARGUMENTS


@pytest.mark.parametrize("api", ["ollama_chat", "openai"])
def test_structured_output(api):
    messages = [{"role": "user", "content": "Describe Paris as JSON."}]
    by_schema = ask(api, messages=messages, max_tokens=100, response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}})
    assert set(json.loads(by_schema.choices[0].message.content)) == {"name", "population"}
    free = ask(api, messages=messages, max_tokens=200, response_format={"type": "json_object"})
    assert isinstance(json.loads(free.choices[0].message.content), dict)


@pytest.mark.parametrize("api", APIS)
def test_an_unknown_model_is_an_error(api):
    with pytest.raises(litellm.NotFoundError, match=f"model .{UNKNOWN}. not found"):
        ask(api, UNKNOWN)


def test_what_a_model_cannot_do_is_refused():
    with pytest.raises(litellm.BadRequestError, match="does not support thinking"):
        ask("openai", reasoning_effort="low", allowed_openai_params=["reasoning_effort"])
    with pytest.raises(litellm.BadRequestError, match="does not support tools"):
        ask("openai", tools=[WEATHER_TOOL])


def test_facts_of_a_model(monkeypatch):
    monkeypatch.setenv("OLLAMA_API_BASE", URL)
    info = litellm.get_model_info(f"ollama/{SMOLLM}")
    assert info["max_tokens"] > 0 and not info["supports_function_calling"]
    assert litellm.get_model_info(f"ollama/{CALLER}")["supports_function_calling"]


def test_embedding():
    need_model(EMBEDDER)
    reply = litellm.embedding(f"ollama/{EMBEDDER}", ["a red apple", "a blue sea"], api_base=URL)
    assert len(reply.data) == 2 and abs(sum(x * x for x in reply.data[0]["embedding"]) - 1) < 1e-4


def test_embedding_over_the_openai_api():
    need_route("POST", "/v1/embeddings")
    need_model(EMBEDDER)
    reply = litellm.embedding(f"openai/{EMBEDDER}", ["a blue sea"], api_base=URL + "/v1", api_key="any")
    native = litellm.embedding(f"ollama/{EMBEDDER}", ["a blue sea"], api_base=URL)
    assert reply.data[0]["embedding"] == pytest.approx(native.data[0]["embedding"], abs=1e-4)
