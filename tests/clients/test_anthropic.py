"""The Python package of Anthropic: checks 241 to 254 of the HTTP contract as far as a client shows them."""
import anthropic
import pytest

from serving import ASK, CALL_ARGUMENTS, CALL_NAME, CALLER, SMOLLM, TALKER, TOOLS, UNKNOWN, URL, WEATHER_SCHEMA, is_busy, wait_until_idle

GREEDY = {"max_tokens": 12, "extra_body": {"temperature": 0}}  # the package has no field for it, but older ones and other programs send it
WEATHER = {"name": CALL_NAME, "description": "the weather of a city", "input_schema": WEATHER_SCHEMA}


@pytest.fixture(scope="module")
def client():
    return anthropic.Anthropic(base_url=URL, api_key="any", timeout=60, max_retries=0)


def test_a_message_streams_what_it_answers_at_once(client):
    whole = client.messages.create(model=SMOLLM, messages=ASK, **GREEDY)
    assert whole.type == "message" and whole.role == "assistant" and whole.model == SMOLLM and whole.id.startswith("msg_")
    [block] = whole.content
    assert block.type == "text" and block.text.strip()
    assert whole.stop_reason == "max_tokens" and whole.usage.output_tokens == 12 and whole.usage.input_tokens > 0

    with client.messages.stream(model=SMOLLM, messages=ASK, **GREEDY) as stream:
        texts = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(texts) > 3 and "".join(texts) == block.text
    assert final.content[0].text == block.text and final.stop_reason == "max_tokens"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (whole.usage.input_tokens, 12)


def test_the_order_of_events(client):
    events = list(client.messages.create(model=SMOLLM, messages=ASK, stream=True, **GREEDY))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) <= {"content_block_delta", "ping"} and "content_block_delta" in kinds
    assert events[0].message.content == [] and events[0].message.usage.input_tokens > 0
    assert events[-2].delta.stop_reason == "max_tokens" and events[-2].usage.output_tokens == 12


def test_stop_sequences(client):
    text = client.messages.create(model=SMOLLM, messages=ASK, **GREEDY).content[0].text
    word = text.split()[2]
    cut = client.messages.create(model=SMOLLM, messages=ASK, stop_sequences=[word], **GREEDY)
    assert cut.stop_reason == "stop_sequence" and cut.stop_sequence == word
    assert cut.content[0].text == text[:text.index(word)]


def test_system_as_text_and_as_blocks(client):
    texts = [client.messages.create(model=SMOLLM, messages=ASK, system=system, **GREEDY)
             for system in ("You are a pirate. Be brief.", [{"type": "text", "text": "You are a pirate. "}, {"type": "text", "text": "Be brief."}])]
    assert texts[0].content[0].text == texts[1].content[0].text
    assert texts[0].usage.input_tokens == texts[1].usage.input_tokens


def test_tools(client):
    reply = client.messages.create(model=CALLER, messages=ASK, tools=[WEATHER], max_tokens=100)
    [call] = reply.content
    assert reply.stop_reason == "tool_use" and call.type == "tool_use" and call.name == CALL_NAME and call.input == CALL_ARGUMENTS and call.id

    asked = {"model": TOOLS, "tools": [WEATHER], **GREEDY}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "12 degrees and rain"}]}
    history = [*ASK, {"role": "assistant", "content": [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}]},
               {"role": "user", "content": [result, {"type": "text", "text": "Is that warm?"}]}]
    after = client.messages.create(messages=history, **asked)
    assert after.usage.input_tokens >= client.messages.create(messages=ASK, **asked).usage.input_tokens + 20
    with pytest.raises(anthropic.BadRequestError, match="does not support tools"):
        client.messages.create(model=SMOLLM, messages=ASK, tools=[WEATHER], max_tokens=5)


def test_tools_in_a_stream(client):
    with client.messages.stream(model=CALLER, messages=ASK, tools=[WEATHER], max_tokens=100) as stream:
        events = [event for event in stream if event.type in ("content_block_start", "input_json")]
        final = stream.get_final_message()
    assert events[0].content_block.type == "tool_use" and events[0].content_block.input == {}
    assert [event.type for event in events[1:]] == ["input_json"] and events[1].snapshot == CALL_ARGUMENTS
    assert final.content[-1].input == CALL_ARGUMENTS and final.stop_reason == "tool_use"


def test_thinking_is_dropped_where_a_model_cannot(client):
    reply = client.messages.create(model=SMOLLM, messages=ASK, thinking={"type": "enabled", "budget_tokens": 1024}, **GREEDY)
    assert [block.type for block in reply.content] == ["text"]


def test_count_tokens(client):
    counted = client.messages.count_tokens(model=SMOLLM, messages=ASK, system="You are a pirate.")
    used = client.messages.create(model=SMOLLM, messages=ASK, system="You are a pirate.", max_tokens=1).usage.input_tokens
    assert counted.input_tokens == used


def test_beta(client):
    reply = client.beta.messages.create(model=SMOLLM, messages=ASK, betas=["some-feature-2025-01-01"], **GREEDY)
    assert reply.content[0].text == client.messages.create(model=SMOLLM, messages=ASK, **GREEDY).content[0].text


def test_errors_are_typed(client):
    with pytest.raises(anthropic.NotFoundError, match=f"model '{UNKNOWN}' not found") as caught:
        client.messages.create(model=UNKNOWN, messages=ASK, max_tokens=5)
    assert caught.value.status_code == 404
    assert caught.value.body["type"] == "error" and caught.value.body["error"]["type"] == "not_found_error"
    assert caught.value.body["request_id"].startswith("req_")
    with pytest.raises(anthropic.NotFoundError), client.messages.stream(model=UNKNOWN, messages=ASK, max_tokens=5) as stream:
        stream.get_final_message()
    with pytest.raises(anthropic.BadRequestError, match="max_tokens is required and must be positive"):
        client.messages.create(model=SMOLLM, messages=ASK, max_tokens=0)
    with pytest.raises(anthropic.BadRequestError, match="messages is required"):
        client.messages.create(model=SMOLLM, messages=[], max_tokens=5)
    image = {"type": "image", "source": {"type": "url", "url": "http://a/b.png"}}
    with pytest.raises(anthropic.BadRequestError, match="invalid image source type: url"):
        client.messages.create(model=SMOLLM, messages=[{"role": "user", "content": [image]}], max_tokens=5)


def test_an_abandoned_stream_frees_its_place(client):
    with client.messages.stream(model=TALKER, messages=ASK, max_tokens=20000) as stream:
        texts = [text for text, _ in zip(stream.text_stream, range(3))]
        assert is_busy()
    assert len(texts) == 3
    wait_until_idle()
