"""langchain-ollama: check 270 of the HTTP contract."""
import asyncio

import ollama
import pydantic
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM

from serving import CALL_ARGUMENTS, CALL_NAME, CALLER, EMBEDDER, SMOLLM, TOOLS, UNKNOWN, URL, need_model

ASK = "Tell me a long story about the sea."


class City(pydantic.BaseModel):
    """A city."""
    name: str
    population: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"12 degrees in {city}"


def chat(model=SMOLLM, **more):
    return ChatOllama(**{"model": model, "base_url": URL, "temperature": 0, "seed": 1, "num_predict": 12, "client_kwargs": {"timeout": 60}, **more})


def test_the_model_is_looked_up_at_the_start():
    assert chat(validate_model_on_init=True).model == SMOLLM
    assert chat(f"{SMOLLM}:latest", validate_model_on_init=True)
    with pytest.raises(ValueError, match=f"Model `{UNKNOWN}` not found"):
        chat(UNKNOWN, validate_model_on_init=True)


def test_invoke_and_stream_agree():
    whole = chat().invoke(ASK)
    assert isinstance(whole, AIMessage) and whole.content.strip()
    assert whole.response_metadata["done_reason"] == "length" and whole.response_metadata["model"] == SMOLLM
    assert whole.usage_metadata["output_tokens"] == 12 and whole.usage_metadata["input_tokens"] > 0
    parts = list(chat().stream(ASK))
    assert len(parts) > 3 and "".join(part.content for part in parts) == whole.content
    assert asyncio.run(chat().ainvoke(ASK)).content == whole.content


def test_options_full_of_nulls():
    reply = chat().invoke(ASK, options={"num_predict": 3, "temperature": None, "mirostat": None, "stop": None, "top_k": None, "num_ctx": None})
    assert reply.usage_metadata["output_tokens"] == 3


def test_stop():
    whole = chat().invoke(ASK).content
    word = whole.split()[2]
    cut = chat().invoke(ASK, stop=[word])
    assert cut.content == whole[:whole.index(word)] and cut.response_metadata["done_reason"] == "stop"


def test_structured_output():
    for method in ("json_schema", "json_mode"):
        ask = chat(num_predict=200).with_structured_output(City if method == "json_schema" else City.model_json_schema(), method=method)
        reply = ask.invoke("Describe Paris as JSON.")
        assert isinstance(reply, City if method == "json_schema" else dict)


def test_tools():
    caller = chat(CALLER, num_predict=100).bind_tools([get_weather])
    reply = caller.invoke("What is the weather in Oslo?")
    [call] = reply.tool_calls
    assert call["name"] == CALL_NAME and call["args"] == CALL_ARGUMENTS and call["id"] and reply.content == ""
    assert [c["args"] for part in caller.stream("What is the weather in Oslo?") for c in part.tool_calls] == [CALL_ARGUMENTS]

    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage) and result.content == "12 degrees in Oslo"
    reader, asked = chat(TOOLS).bind_tools([get_weather]), HumanMessage("What is the weather in Oslo?")
    before, after = reader.invoke([asked]), reader.invoke([asked, reply, result])
    assert after.usage_metadata["input_tokens"] >= before.usage_metadata["input_tokens"] + 20
    with pytest.raises(ollama.ResponseError, match="does not support tools"):
        chat().bind_tools([get_weather]).invoke(ASK)


def test_structured_output_by_a_tool():
    assert chat(CALLER, num_predict=100).with_structured_output(get_weather.args_schema.model_json_schema() | {"title": CALL_NAME},
                                                                method="function_calling").invoke(ASK) == CALL_ARGUMENTS


def test_errors():
    with pytest.raises(ollama.ResponseError, match=f"model '{UNKNOWN}' not found") as caught:
        chat(UNKNOWN).invoke(ASK)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="does not support thinking") as caught:
        chat(reasoning=True).invoke(ASK)
    assert caught.value.status_code == 400
    assert chat(reasoning=False).invoke(ASK).content == chat().invoke(ASK).content


def test_plain_completion():
    model = OllamaLLM(model=SMOLLM, base_url=URL, temperature=0, num_predict=12, validate_model_on_init=True)
    assert model.invoke(ASK) == "".join(model.stream(ASK)) != ""


def test_embeddings():
    need_model(EMBEDDER)
    model = OllamaEmbeddings(model=EMBEDDER, base_url=URL, validate_model_on_init=True)
    one, two = model.embed_documents(["a red apple", "a blue sea"])
    assert two == pytest.approx(model.embed_query("a blue sea"), abs=1e-4) and one != pytest.approx(two, abs=1e-2)
