"""The Python package of OpenAI: check 240 of the HTTP contract, and 200 to 235 as far as a client shows them."""
import asyncio
import json

import openai
import pydantic
import pytest

from serving import (ASK, CALL_ARGUMENTS, CALL_NAME, CALLER, EMBEDDER, SMOLLM, TALKER, TOOLS, UNKNOWN, URL, WEATHER_TOOL, is_busy, need_model, need_route,
                     wait_until_idle)

GREEDY = {"temperature": 0, "seed": 1, "max_tokens": 12}
WEATHER_ITEM = {"type": "function", **WEATHER_TOOL["function"]}


class City(pydantic.BaseModel):
    name: str
    population: int


@pytest.fixture(scope="module")
def client():
    return openai.OpenAI(base_url=URL + "/v1", api_key="any", timeout=60, max_retries=0)


def test_chat_streams_what_it_answers_at_once(client):
    whole = client.chat.completions.create(model=SMOLLM, messages=ASK, **GREEDY)
    [choice] = whole.choices
    assert whole.object == "chat.completion" and whole.model == SMOLLM and whole.id.startswith("chatcmpl-")
    assert choice.message.role == "assistant" and choice.message.content.strip() and choice.finish_reason == "length"
    assert whole.usage.completion_tokens == 12
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + 12

    chunks = list(client.chat.completions.create(model=SMOLLM, messages=ASK, stream=True, stream_options={"include_usage": True}, **GREEDY))
    *texts, usage = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in texts) == choice.message.content
    assert texts[0].choices[0].delta.role == "assistant" and all(chunk.choices[0].delta.role is None for chunk in texts[1:])
    assert [chunk.choices[0].finish_reason for chunk in texts] == [None] * (len(texts) - 1) + ["length"]
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert usage.choices == [] and usage.usage.total_tokens == whole.usage.total_tokens
    assert all(chunk.usage is None for chunk in texts)
    assert all(chunk.usage is None for chunk in client.chat.completions.create(model=SMOLLM, messages=ASK, stream=True, **GREEDY))


def test_limits_and_stop(client):
    short = client.chat.completions.create(model=SMOLLM, messages=ASK, temperature=0, max_completion_tokens=3)
    assert short.usage.completion_tokens == 3 and short.choices[0].finish_reason == "length"
    whole = client.chat.completions.create(model=SMOLLM, messages=ASK, **GREEDY).choices[0].message.content
    word = whole.split()[2]
    for stop in (word, [word]):
        cut = client.chat.completions.create(model=SMOLLM, messages=ASK, stop=stop, **GREEDY).choices[0]
        assert cut.message.content == whole[:whole.index(word)] and cut.finish_reason == "stop"


def test_parts_of_text_are_joined(client):
    parts = [{"role": "user", "content": [{"type": "text", "text": "Name three"}, {"type": "text", "text": "colors."}]}]
    joined = [{"role": "user", "content": "Name three\ncolors."}]
    texts = [client.chat.completions.create(model=SMOLLM, messages=messages, **GREEDY).choices[0].message.content for messages in (parts, joined)]
    assert texts[0] == texts[1]


def test_structured_output(client):
    reply = client.chat.completions.parse(model=SMOLLM, messages=[{"role": "user", "content": "Describe Paris."}], response_format=City,
                                          temperature=0, max_tokens=100)
    assert isinstance(reply.choices[0].message.parsed, City) and reply.choices[0].finish_reason == "stop"
    free = client.chat.completions.create(model=SMOLLM, messages=[{"role": "user", "content": "Describe Paris as JSON."}], temperature=0, max_tokens=200,
                                          response_format={"type": "json_object"})
    assert isinstance(json.loads(free.choices[0].message.content), dict)


def test_logprobs(client):
    reply = client.chat.completions.create(model=SMOLLM, messages=ASK, temperature=0, max_tokens=3, logprobs=True, top_logprobs=2)
    entries = reply.choices[0].logprobs.content
    assert "".join(entry.token for entry in entries) == reply.choices[0].message.content
    assert all(len(entry.top_logprobs) == 2 and entry.logprob <= 0 for entry in entries)
    with pytest.raises(openai.BadRequestError, match="top_logprobs must be between 0 and 20"):
        client.chat.completions.create(model=SMOLLM, messages=ASK, logprobs=True, top_logprobs=21)


def test_tools(client):
    reply = client.chat.completions.create(model=CALLER, messages=ASK, tools=[WEATHER_TOOL])
    [choice] = reply.choices
    [call] = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls" and call.type == "function" and call.id.startswith("call_")
    assert call.function.name == CALL_NAME and json.loads(call.function.arguments) == CALL_ARGUMENTS

    asked = {"model": TOOLS, "tools": [WEATHER_TOOL], **GREEDY}
    before = client.chat.completions.create(messages=ASK, **asked)
    history = [*ASK, {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
               {"role": "tool", "tool_call_id": call.id, "content": "12 degrees and rain"}]
    after = client.chat.completions.create(messages=history, **asked)
    assert after.usage.prompt_tokens >= before.usage.prompt_tokens + 20  # the call and its result are in the prompt


def test_tools_in_a_stream(client):
    chunks = list(client.chat.completions.create(model=CALLER, messages=ASK, tools=[WEATHER_TOOL], stream=True))
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.index, call.function.name, json.loads(call.function.arguments)) for call in deltas] == [(0, CALL_NAME, CALL_ARGUMENTS)]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ""


def test_tool_choice(client):
    none = client.chat.completions.create(model=CALLER, messages=ASK, tools=[WEATHER_TOOL], tool_choice="none").choices[0]
    assert not none.message.tool_calls and none.finish_reason == "stop"
    with pytest.raises(openai.BadRequestError, match='unknown tool "fly" in tool_choice'):
        client.chat.completions.create(model=TOOLS, messages=ASK, tools=[WEATHER_TOOL], tool_choice={"type": "function", "function": {"name": "fly"}})
    try:
        forced = client.chat.completions.create(model=TOOLS, messages=ASK, tools=[WEATHER_TOOL], tool_choice="required", temperature=0, max_tokens=100)
    except openai.InternalServerError as error:
        assert error.status_code == 501 and "not supported" in error.message
    else:
        assert forced.choices[0].message.tool_calls[0].function.name == CALL_NAME


def test_completions(client):
    whole = client.completions.create(model=SMOLLM, prompt="Tell me a long story about the sea.", **GREEDY)
    assert whole.object == "text_completion" and whole.choices[0].text.strip() and whole.usage.completion_tokens == 12
    chunks = list(client.completions.create(model=SMOLLM, prompt="Tell me a long story about the sea.", stream=True, stream_options={"include_usage": True}, **GREEDY))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 12
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"


def test_embeddings(client):
    need_route("POST", "/v1/embeddings")
    need_model(EMBEDDER)
    reply = client.embeddings.create(model=EMBEDDER, input=["a red apple", "a blue sea"])  # base64 underneath
    assert [item.index for item in reply.data] == [0, 1] and reply.usage.prompt_tokens == reply.usage.total_tokens > 2
    assert abs(sum(x * x for x in reply.data[1].embedding) - 1) < 1e-4
    plain = client.embeddings.create(model=EMBEDDER, input="a blue sea", encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(reply.data[1].embedding, abs=1e-4)
    assert len(client.embeddings.create(model=EMBEDDER, input="a", dimensions=16).data[0].embedding) == 16
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model=UNKNOWN, input="a")
    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model=SMOLLM, input="a")
    assert caught.value.status_code == 501


def test_models(client):
    models = {model.id: model for model in client.models.list()}
    assert {f"{name}:latest" for name in (SMOLLM, TOOLS, CALLER)} <= set(models)
    assert models[f"{SMOLLM}:latest"].owned_by == "library" and models[f"{SMOLLM}:latest"].created > 1_600_000_000
    assert client.models.retrieve(SMOLLM).id == SMOLLM
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(UNKNOWN)


def test_errors_are_typed(client):
    with pytest.raises(openai.NotFoundError, match=f"model '{UNKNOWN}' not found") as caught:
        client.chat.completions.create(model=UNKNOWN, messages=ASK)
    assert caught.value.status_code == 404 and caught.value.type == "not_found_error" and caught.value.code is None and caught.value.param is None
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=UNKNOWN, messages=ASK, stream=True)
    with pytest.raises(openai.BadRequestError, match="too short - 'messages'") as caught:
        client.chat.completions.create(model=SMOLLM, messages=[])
    assert caught.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError, match="image URLs are not currently supported|does not support vision"):
        client.chat.completions.create(model=SMOLLM, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://a/b.png"}}]}])
    with pytest.raises(openai.BadRequestError, match="does not support tools"):
        client.chat.completions.create(model=SMOLLM, messages=ASK, tools=[WEATHER_TOOL])
    with pytest.raises(openai.BadRequestError, match="only n = 1 is supported"):
        client.chat.completions.create(model=SMOLLM, messages=ASK, n=2)


def test_thinking_is_refused(client):
    with pytest.raises(openai.BadRequestError, match="does not support thinking"):
        client.chat.completions.create(model=SMOLLM, messages=ASK, reasoning_effort="low")
    with pytest.raises(openai.BadRequestError, match='invalid reasoning value: "bogus"'):
        client.chat.completions.create(model=SMOLLM, messages=ASK, reasoning_effort="bogus")
    assert client.chat.completions.create(model=SMOLLM, messages=ASK, reasoning_effort="none", **GREEDY).choices[0].message.content


def test_responses(client):
    reply = client.responses.create(model=SMOLLM, input="Tell me a long story about the sea.", instructions="Be brief.", temperature=0, max_output_tokens=12)
    assert reply.object == "response" and reply.output_text.strip() and reply.usage.output_tokens == 12
    assert reply.status == "incomplete" and reply.incomplete_details.reason == "max_output_tokens"
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=UNKNOWN, input="a")
    with pytest.raises(openai.BadRequestError, match='unknown input item type: "zzz"'):
        client.responses.create(model=SMOLLM, input=[{"type": "zzz"}])


def test_responses_stream(client):
    whole = client.responses.create(model=SMOLLM, input="Tell me a long story about the sea.", temperature=0, max_output_tokens=12)
    events = list(client.responses.create(model=SMOLLM, input="Tell me a long story about the sea.", temperature=0, max_output_tokens=12, stream=True))
    kinds = [event.type for event in events]
    assert kinds[:4] == ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    assert kinds[-4:] == ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.incomplete"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert events[-1].response.output_text == whole.output_text


def test_responses_tools(client):
    reply = client.responses.create(model=CALLER, input="What is the weather in Oslo?", tools=[WEATHER_ITEM])
    [call] = [item for item in reply.output if item.type == "function_call"]
    assert call.name == CALL_NAME and json.loads(call.arguments) == CALL_ARGUMENTS and call.call_id
    history = [{"role": "user", "content": "What is the weather in Oslo?"}, call.model_dump(exclude_none=True),
               {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}]
    asked = {"model": TOOLS, "tools": [WEATHER_ITEM], "temperature": 0, "max_output_tokens": 12}
    after = client.responses.create(input=history, **asked)
    assert after.usage.input_tokens > client.responses.create(input=history[:1], **asked).usage.input_tokens


def test_an_abandoned_stream_frees_its_place():
    async def main():
        client = openai.AsyncOpenAI(base_url=URL + "/v1", api_key="any", timeout=60, max_retries=0)
        stream = await client.chat.completions.create(model=TALKER, messages=ASK, stream=True)
        texts = []
        async for chunk in stream:
            texts.append(chunk.choices[0].delta.content)
            if len(texts) == 3:
                break
        assert is_busy()
        await stream.close()
        await client.close()
        return texts

    assert len(asyncio.run(main())) == 3
    wait_until_idle()
