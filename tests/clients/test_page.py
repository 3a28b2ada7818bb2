"""The chat page in a headless Chromium: by keyboard alone, in light and dark. Screenshots lie in build/clients."""
import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from playwright.sync_api import expect, sync_playwright

from serving import ENGINE, OUT, SMOLLM, STORE, TALKER, URL, is_busy, wait_until_idle

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed: the page is NOT tested")
ANSWER_MS = 30_000


@pytest.fixture(scope="module")
def browser():
    flags = ["--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # as root there is none
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=30_000)
        yield chromium
        chromium.close()


@pytest.fixture(params=["light", "dark"])
def page(browser, request):
    """The loaded page; errors in it, and requests to others, fail the test."""
    context = browser.new_context(viewport={"width": 1000, "height": 700}, color_scheme=request.param)
    page = context.new_page()
    page.set_default_timeout(10_000)
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: wrong.append(sent.url) if not sent.url.startswith((URL + "/", "data:")) else None)
    page.goto(URL + "/")
    expect(page.locator("#model")).not_to_have_value("")
    page.scheme, page.wrong = request.param, wrong
    yield page
    context.close()
    assert not wrong


def shoot(page, what):
    page.screenshot(path=OUT / f"page_{what}_{page.scheme}.png")


def choose(page, model):
    """By keyboard: focus goes back from the text to the list of models, and letters choose in it."""
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.id") == "model":
            break
    page.keyboard.type(model)
    expect(page.locator("#model")).to_have_value(f"{model}:latest")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "text":
            return
    raise AssertionError("the keyboard does not reach the text")


def limit_answers(page, n_tokens):
    """By keyboard, in the settings: so many tokens, no chance."""
    page.keyboard.press("Alt+s")
    expect(page.locator("#settings")).to_be_visible()
    for field, value in (("n-num_predict", n_tokens), ("n-temperature", 0)):
        page.locator(f"#{field}").focus()
        page.keyboard.type(str(value))
    shoot(page, "settings")
    page.keyboard.press("Escape")
    expect(page.locator("#settings")).to_be_hidden()
    page.locator("#text").focus()


def luminance(page, selector):
    """Of the background, 0 to 255."""
    numbers = page.eval_on_selector(selector, "e => getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    return sum(numbers) / 3


def test_a_question_by_keyboard(page):
    assert page.evaluate("document.activeElement.id") == "text"
    choose(page, SMOLLM)
    limit_answers(page, 12)
    page.keyboard.type("Tell me a long story about the sea.")
    page.keyboard.press("Enter")
    expect(page.locator("article.user")).to_have_text("Tell me a long story about the sea.")
    note = page.locator("article.assistant .note span")
    expect(note).to_contain_text("12 tokens", timeout=ANSWER_MS)
    assert len(page.locator("article.assistant p").first.inner_text()) > 5
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("#text")).to_be_focused()

    page.keyboard.type("Two lines,")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("one question.")
    expect(page.locator("article.user")).to_have_count(1)  # nothing was sent yet
    page.keyboard.press("Enter")
    expect(page.locator("article.user").nth(1)).to_have_text("Two lines,\none question.")
    expect(note).to_have_count(2, timeout=ANSWER_MS)

    shoot(page, "answers")
    page.reload()
    expect(page.locator("article")).to_have_count(4)
    expect(page.locator("#model")).to_have_value(f"{SMOLLM}:latest")
    page.keyboard.press("Alt+n")
    expect(page.locator("article")).to_have_count(0)
    expect(page.locator("#empty")).to_be_visible()


@pytest.mark.parametrize("how", ["button", "escape"])
def test_text_streams_and_stops(page, how):
    choose(page, TALKER)
    page.keyboard.type("Tell me a long story.")
    page.keyboard.press("Enter")
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#send")).to_be_hidden()
    grown = "n => (document.querySelector('article.assistant')?.textContent.length ?? 0) > n"
    page.wait_for_function(grown, arg=20, timeout=ANSWER_MS)
    length = page.locator("article.assistant").evaluate("e => e.textContent.length")
    page.wait_for_function(grown, arg=length + 20, timeout=ANSWER_MS)  # it grows while the answer is computed
    assert is_busy() and page.locator("#stop").is_visible()
    shoot(page, "streaming")
    page.locator("#stop").click() if how == "button" else page.keyboard.press("Escape")
    expect(page.locator("article.assistant .note span")).to_have_text("stopped")
    expect(page.locator("#send")).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()
    wait_until_idle()


def test_light_and_dark(page):
    dark = page.scheme == "dark"
    assert (luminance(page, "body") < 80) is dark and (luminance(page, "body") > 200) is not dark
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    assert (luminance(page, "body") > 200) is dark
    page.reload()
    assert (luminance(page, "body") > 200) is dark  # the choice stays


def test_an_error_is_shown(page):
    page.route("**/api/chat", lambda route: route.continue_(post_data='{"model": "no-such-model", "messages": [{"role": "user", "content": "a"}]}'))
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(page.locator("article.assistant .error")).to_have_text("model 'no-such-model' not found")
    expect(page.locator("#send")).to_be_visible()
    [line] = page.wrong  # what Chromium itself says about the status
    assert "404" in line
    page.wrong.clear()


@pytest.fixture
def locked():
    """The address of a second server, which wants the key "sesame"."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {**os.environ, "OLLAMA_HOST": address, "OLLAMA_MODELS": STORE, "ENGINE_API_KEY": "sesame"}
    with open(OUT / "locked.log", "wb") as log, subprocess.Popen([ENGINE, "serve"], env=environment, stdout=log, stderr=log) as server:
        try:
            until = time.monotonic() + 30
            while server.poll() is None and time.monotonic() < until:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/health", timeout=5):
                    break
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            server.terminate()


def test_a_key_is_asked_for_until_it_is_right(browser, locked):
    context = browser.new_context()
    page = context.new_page()
    asked, keys = [], ["wrong", "sesame"]

    def answer(dialog):
        asked.append(dialog.message)
        dialog.accept(keys.pop(0)) if keys else dialog.dismiss()

    page.on("dialog", answer)
    page.goto(locked + "/")
    expect(page.locator("#model")).not_to_have_value("")
    page.locator("#model").select_option(f"{SMOLLM}:latest")
    page.locator("#text").fill("Say something about the sea.")
    page.keyboard.press("Enter")
    expect(page.locator("#stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("article.assistant .note span")).to_be_visible(timeout=ANSWER_MS)
    assert asked == ["The key of this server:"] * 2
    context.close()


def test_a_phone(browser):
    context = browser.new_context(viewport={"width": 390, "height": 740})
    page = context.new_page()
    page.goto(URL + "/")
    expect(page.locator("#model")).not_to_have_value("")
    page.screenshot(path=OUT / "page_phone.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#send")).to_be_in_viewport(ratio=1)
    context.close()
