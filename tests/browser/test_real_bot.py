"""The whole program in a real browser: asks the shipped articles and opens what the answer cites."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from bot.config import Config
from tests.browser.conftest import DESKTOP, PHONE, Opener, serving
from tests.browser.test_chat import ask, last_reply


@pytest.fixture(scope="module")
def site(shipped: Config) -> Iterator[str]:
    with serving("app.py", "--port", "{port}", "--index", str(shipped.index)) as address:
        yield address


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_ask_read_open_the_source_and_close_it(opened: Opener, site: str, size: dict[str, int]) -> None:
    page = opened(site, size)
    ask(page, "does it hurt")
    reply = page.locator("#chat .reply.answered")
    expect(reply.locator(".says")).to_contain_text("[1]")
    expect(reply.locator(".notes")).not_to_be_empty()
    cited = reply.locator(".says a.cite").first
    cited.click()
    mark = page.locator("#source mark").first
    expect(mark).to_be_in_viewport()
    address = re.sub(r"^/source/", "/api/passages/", str(cited.get_attribute("href"))).split("#")[0]
    with urllib.request.urlopen(site + address) as answer:
        passage = json.load(answer)
    marked = [p["text"] for b in passage["blocks"] for p in b["parts"] if p["mark"]]
    assert page.locator("#source mark").all_inner_texts() == marked
    assert "".join(marked)[:30] in last_reply(page)
    page.keyboard.press("Escape")
    expect(page.locator("#source")).to_be_hidden()
    expect(cited).to_be_focused()


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("how often", "answered"),
        ("what is bitcoin", "abstained"),
        ("my face is swelling up and i cant breathe", "urgent"),
        ("hello", "smalltalk"),
        ("how much do you charge", "handoff"),
    ],
)
def test_each_status_reaches_the_page(opened: Opener, site: str, question: str, status: str) -> None:
    page = opened(site, PHONE)
    ask(page, question)
    expect(page.locator("#chat .reply")).to_have_class(re.compile(rf"\b{status}\b"))
    expect(page.get_by_role("alert").filter(has_text="emergency")).to_have_count(1 if status == "urgent" else 0)


def test_examples_and_suggestions_lead_to_answers(opened: Opener, site: str) -> None:
    page = opened(site)
    count = page.locator("#chat .example").count()
    assert 4 <= count <= 6
    for i in range(count):
        page.locator("#chat .example").nth(i).click()
        page.locator("#chat .reply").wait_for()
        expect(page.locator("#chat .reply")).to_have_class(re.compile(r"\banswered\b"))
        page.get_by_role("button", name="New chat").click()
        page.locator("#chat .example").first.wait_for()


@pytest.mark.parametrize(
    "message",
    [" ", "x " * 50_000, "\u202e\u05e9\u05dc", "\U0001f642" * 40, "\u0007\u001b", "<b>does it hurt</b> $$x$$"],
    ids=["blank", "100,000 characters", "right-to-left", "emoji", "control", "markup"],
)
def test_an_odd_message_gets_a_reply(opened: Opener, site: str, message: str) -> None:
    page = opened(site)
    ask(page, message)
    assert last_reply(page).strip()
    expect(page.locator("#chat .prose :is(b, .katex)")).to_have_count(0)
