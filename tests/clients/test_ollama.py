"""The Python package of Ollama: checks 268 and 99 to 102 of the HTTP contract, tools, structured output."""
import asyncio
import datetime

import ollama
import pydantic
import pytest

from serving import ASK, CALL_ARGUMENTS, CALL_NAME, CALLER, EMBEDDER, SMOLLM, TALKER, TOOLS, UNKNOWN, URL, is_busy, need_model, need_route, wait_until_idle

GREEDY = {"temperature": 0, "seed": 1, "num_predict": 12}


class City(pydantic.BaseModel):
    name: str
    population: int
    capital: bool


def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
      city: name of the city
    """
    return f"12 degrees in {city}"


@pytest.fixture(scope="module")
def client():
    return ollama.Client(host=URL, timeout=60)


def refused(call, status, *words):
    with pytest.raises(ollama.ResponseError) as caught:
        call()
    assert caught.value.status_code == status, caught.value
    for word in words:
        assert word in caught.value.error
    return caught.value.error


def test_chat_streams_what_it_answers_at_once(client):
    whole = client.chat(SMOLLM, messages=ASK, options=GREEDY)
    assert whole.model == SMOLLM and whole.done is True and whole.done_reason == "length"
    assert whole.message.role == "assistant" and whole.message.content.strip()
    assert whole.eval_count == 12 and whole.prompt_eval_count > 0
    assert whole.total_duration >= whole.load_duration
    parts = list(client.chat(SMOLLM, messages=ASK, options=GREEDY, stream=True))
    assert len(parts) > 3
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(part.message.role == "assistant" for part in parts)
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert parts[-1].done_reason == "length" and parts[-1].eval_count == 12
    assert all(part.eval_count is None for part in parts[:-1])


def test_generate_streams_what_it_answers_at_once(client):
    whole = client.generate(SMOLLM, "Tell me a long story about the sea.", options=GREEDY)
    assert whole.response.strip() and whole.done_reason == "length" and whole.eval_count == 12
    assert whole.context and all(isinstance(token, int) for token in whole.context)
    parts = list(client.generate(SMOLLM, "Tell me a long story about the sea.", options=GREEDY, stream=True))
    assert len(parts) > 3 and parts[-1].done and not parts[0].done
    assert "".join(part.response for part in parts) == whole.response
    raw = client.generate(SMOLLM, "Tell me a long story about the sea.", options=GREEDY, raw=True)
    assert raw.context is None and raw.prompt_eval_count < whole.prompt_eval_count


def test_context_of_an_answer_goes_on(client):
    first = client.generate(SMOLLM, "My name is Ada.", options=GREEDY)
    second = client.generate(SMOLLM, "What is my name?", context=first.context, options=GREEDY)
    assert second.prompt_eval_count > len(first.context)


def test_a_seed_repeats_and_stop_strings_cut(client):
    warm = {"temperature": 1.0, "seed": 7, "num_predict": 12}
    texts = [client.generate(SMOLLM, "Tell a story.", options=warm).response for _ in range(2)]
    assert texts[0] == texts[1]
    whole = client.generate(SMOLLM, "Tell a story.", options=GREEDY).response
    word = whole.split()[3]
    cut = client.generate(SMOLLM, "Tell a story.", options={**GREEDY, "stop": [word]})
    assert cut.done_reason == "stop" and cut.response == whole[:whole.index(word)]


def test_more_context_than_a_model_has(client):
    client.generate(SMOLLM, keep_alive=0)
    reply = client.generate(SMOLLM, "a", options={"num_ctx": 1_000_000, "num_predict": 1})
    assert reply.eval_count == 1
    assert client.ps().models[0].context_length == client.show(SMOLLM).modelinfo["llama.context_length"]


def test_structured_output(client):
    reply = client.chat(SMOLLM, messages=[{"role": "user", "content": "Describe Paris."}], format=City.model_json_schema(),
                        options={**GREEDY, "num_predict": 100})
    assert reply.done_reason == "stop"
    City.model_validate_json(reply.message.content)
    assert list(pydantic.TypeAdapter(dict).validate_json(reply.message.content)) == ["name", "population", "capital"]


def test_json_mode(client):
    reply = client.generate(SMOLLM, "Describe Paris as JSON.", format="json", options={**GREEDY, "num_predict": 200})
    assert reply.done_reason == "stop"
    pydantic.TypeAdapter(dict).validate_json(reply.response)
    refused(lambda: client._request_raw("POST", "/api/generate", json={"model": SMOLLM, "prompt": "a", "format": "xml"}), 400, "invalid format: ")


def test_logprobs(client):
    reply = client.generate(SMOLLM, "Name a color.", options={**GREEDY, "num_predict": 3}, logprobs=True, top_logprobs=2)
    assert len(reply.logprobs) == 3
    assert "".join(entry.token for entry in reply.logprobs) == reply.response
    for entry in reply.logprobs:
        assert entry.logprob <= 0 and len(entry.top_logprobs) == 2
        assert entry.top_logprobs[0].logprob >= entry.top_logprobs[1].logprob


def test_a_python_function_as_tool(client):
    reply = client.chat(CALLER, messages=[{"role": "user", "content": "What is the weather in Oslo?"}], tools=[get_weather])
    [call] = reply.message.tool_calls
    assert call.function.name == CALL_NAME and call.function.arguments == CALL_ARGUMENTS
    assert not reply.message.content and reply.done_reason == "stop"
    assert get_weather(**call.function.arguments) == "12 degrees in Oslo"


def test_tools_in_a_stream(client):
    parts = list(client.chat(CALLER, messages=ASK, tools=[get_weather], stream=True))
    calls = [call for part in parts for call in part.message.tool_calls or []]
    assert [(call.function.name, call.function.arguments) for call in calls] == [(CALL_NAME, CALL_ARGUMENTS)]
    assert "".join(part.message.content or "" for part in parts) == "" and parts[-1].done


def test_the_result_of_a_tool_goes_back(client):
    asked = [{"role": "user", "content": "What is the weather in Oslo?"}]
    call = client.chat(CALLER, messages=asked, tools=[get_weather]).message
    before = client.chat(TOOLS, messages=asked, tools=[get_weather], options=GREEDY)
    after = client.chat(TOOLS, messages=[*asked, call, {"role": "tool", "tool_name": CALL_NAME, "content": "12 degrees and rain"}],
                        tools=[get_weather], options=GREEDY)
    assert after.prompt_eval_count >= before.prompt_eval_count + 20  # the call and its result are in the prompt
    assert after.message.role == "assistant"


def test_what_a_model_cannot_do_is_refused(client):
    refused(lambda: client.chat(SMOLLM, messages=ASK, tools=[get_weather]), 400, "does not support tools")
    assert refused(lambda: client.chat(SMOLLM, messages=ASK, think=True), 400) == f'"{SMOLLM}" does not support thinking'
    refused(lambda: list(client.generate(SMOLLM, "a", think="high", stream=True)), 400, "does not support thinking")
    refused(lambda: client.generate(SMOLLM, "a", suffix="b"), 400, "does not support insert")
    refused(lambda: client.generate(SMOLLM, "a", options={"top_k": "many"}), 400, 'option "top_k" must be of type integer')
    plain = client.chat(SMOLLM, messages=ASK, think=False, options=GREEDY)
    assert plain.message.content and plain.message.thinking is None


def test_an_unknown_model_is_a_typed_error(client):
    refused(lambda: client.chat(UNKNOWN, messages=ASK), 404, f"model '{UNKNOWN}' not found")
    refused(lambda: list(client.chat(UNKNOWN, messages=ASK, stream=True)), 404, f"model '{UNKNOWN}' not found")
    refused(lambda: client.generate(UNKNOWN, "a"), 404, f"model '{UNKNOWN}' not found")
    refused(lambda: client.show(UNKNOWN), 404, f"model '{UNKNOWN}:latest' not found")
    refused(lambda: client.embed(UNKNOWN, "a"), 404, "not found, try pulling it first")


def test_list(client):
    models = client.list().models
    assert {model.model for model in models} >= {f"{name}:latest" for name in (SMOLLM, TOOLS, CALLER)}
    for model in models:
        assert model.size > 90_000_000 and len(model.digest) == 64 and int(model.digest, 16)
        assert model.details.family == "llama" and model.details.format == "gguf"
        assert model.details.quantization_level and model.details.parameter_size.endswith("M")
        assert model.modified_at.tzinfo and model.modified_at < datetime.datetime.now(datetime.timezone.utc)
    times = [model.modified_at for model in models]
    assert times == sorted(times, reverse=True)


def test_show(client):
    shown = client.show(SMOLLM)
    info = shown.modelinfo
    assert info["general.architecture"] == "llama" and info["llama.context_length"] > 0 and info["general.parameter_count"] > 100_000_000
    assert "general.name" not in info and info["tokenizer.ggml.tokens"] is None
    assert shown.capabilities == ["completion"] and shown.template and "FROM " in shown.modelfile
    assert set(client.show(CALLER).capabilities) == {"completion", "tools"}
    assert client.show(CALLER).parameters.splitlines()[0].startswith("grammar ")


def test_ps_follows_loading_and_unloading(client):
    client.generate(SMOLLM, keep_alive=0)  # one model serves all names of its weights, under the name that loaded it
    assert not {f"{name}:latest" for name in (SMOLLM, TALKER, TOOLS, CALLER)} & {model.model for model in client.ps().models}
    loaded = client.generate(SMOLLM, keep_alive="10m")
    assert loaded.done_reason == "load" and loaded.response == ""
    entry = next(model for model in client.ps().models if model.model == f"{SMOLLM}:latest")
    stays = entry.expires_at - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=9) < stays <= datetime.timedelta(minutes=10)
    assert entry.size > 0 and 0 <= entry.size_vram <= entry.size and entry.context_length == 2048
    assert entry.digest == next(model.digest for model in client.list().models if model.model == entry.model)
    assert client.chat(SMOLLM, messages=[], keep_alive=0).done_reason == "unload"
    assert SMOLLM + ":latest" not in [model.model for model in client.ps().models]


def test_embed(client):
    need_model(EMBEDDER)
    both = client.embed(EMBEDDER, ["a red apple", "a blue sea"])
    assert len(both.embeddings) == 2 and both.prompt_eval_count > 2
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-4 for vector in both.embeddings)
    single = client.embed(EMBEDDER, "a blue sea").embeddings
    assert single[0] == pytest.approx(both.embeddings[1], abs=1e-4)
    assert both.embeddings[0] != pytest.approx(both.embeddings[1], abs=1e-2)
    short = client.embed(EMBEDDER, "a blue sea", dimensions=16).embeddings[0]
    assert len(short) == 16 and abs(sum(x * x for x in short) - 1) < 1e-4
    old = client.embeddings(EMBEDDER, "a blue sea").embedding
    assert list(old) == pytest.approx(single[0], abs=1e-4)
    assert client.embed(EMBEDDER, "").embeddings == []


def test_embed_and_chat_do_not_mix(client):
    refused(lambda: client.embed(SMOLLM, "a"), 501, "does not support embeddings")
    need_model(EMBEDDER)
    assert refused(lambda: client.chat(EMBEDDER, messages=ASK), 400) == f'"{EMBEDDER}" does not support chat'
    assert refused(lambda: client.generate(EMBEDDER, "a"), 400) == f'"{EMBEDDER}" does not support generate'


def test_copy_and_delete(client):
    need_route("POST", "/api/copy")
    need_route("DELETE", "/api/delete")
    assert client.copy(SMOLLM, "twin").status == "success"
    digests = {model.model: model.digest for model in client.list().models}
    assert digests["twin:latest"] == digests[f"{SMOLLM}:latest"]
    assert client.delete("twin").status == "success"
    assert "twin:latest" not in [model.model for model in client.list().models]
    refused(lambda: client.delete("twin"), 404, "not found")
    refused(lambda: client.copy(UNKNOWN, "twin"), 404, "not found")
    assert client.generate(SMOLLM, "a", options={"num_predict": 1}).done


def test_create(client):
    need_route("POST", "/api/create")
    states = [part.status for part in client.create("pirate", from_=SMOLLM, system="You are a pirate.", parameters={"temperature": 0}, stream=True)]
    assert states[-1] == "success" and "writing manifest" in states
    shown = client.show("pirate")
    assert "You are a pirate." in shown.modelfile and "temperature" in shown.parameters
    plain = client.chat(SMOLLM, messages=ASK, options={"num_predict": 1})
    assert client.chat("pirate", messages=ASK, options={"num_predict": 1}).prompt_eval_count != plain.prompt_eval_count
    refused(lambda: client.create("nothing"), 400, "neither 'from' or 'files' was specified")


def test_an_abandoned_stream_frees_its_place():
    async def main():
        client = ollama.AsyncClient(host=URL, timeout=60)
        answer = await client.chat(TALKER, messages=ASK, stream=True)
        texts = []
        async for part in answer:
            texts.append(part.message.content)
            if len(texts) == 3:
                break
        assert is_busy()
        await answer.aclose()
        await client._client.aclose()
        return texts

    assert len(asyncio.run(main())) == 3
    wait_until_idle()


def test_many_at_once():
    async def main():
        client = ollama.AsyncClient(host=URL, timeout=60)
        asks = [client.generate(SMOLLM, f"Count from {n}.", options=GREEDY) for n in range(4)]
        return [reply.response for reply in await asyncio.gather(*asks)]

    together = asyncio.run(main())
    alone = ollama.Client(host=URL, timeout=60)
    assert together == [alone.generate(SMOLLM, f"Count from {n}.", options=GREEDY).response for n in range(4)]
