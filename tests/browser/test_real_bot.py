"""The whole program in a real browser: asks the shipped articles and opens what the answer cites."""

from __future__ import annotations

import json
import re
import urllib.request
from itertools import count

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Opener
from tests.browser.test_chat import ask, last_reply

SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
_numbers = count(1)


@pytest.fixture
def site(real_site: str) -> str:
    return real_site


def again(page: Page) -> None:
    """Begin a new conversation, as a visitor of its own, so that none is one too many."""
    page.set_extra_http_headers({"x-forwarded-for": f"203.0.113.{next(_numbers)}"})
    page.get_by_role("button", name="New chat").click()
    page.locator("#chat .example").first.wait_for()


@SIZES
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


def test_each_status_reaches_the_page(opened: Opener, site: str) -> None:
    page = opened(site, PHONE)
    statuses = (
        ("how often", "answered"),
        ("what is bitcoin", "abstained"),
        ("my face is swelling up and i cant breathe", "urgent"),
        ("hello", "smalltalk"),
        ("how much do you charge", "handoff"),
    )
    for question, status in statuses:
        ask(page, question)
        expect(page.locator("#chat .reply")).to_have_class(re.compile(rf"\b{status}\b"))
        expect(page.get_by_role("alert").filter(has_text="emergency")).to_have_count(1 if status == "urgent" else 0)
        again(page)


def test_examples_and_suggestions_lead_to_answers(opened: Opener, site: str) -> None:
    page = opened(site)
    count = page.locator("#chat .example").count()
    assert 4 <= count <= 6
    for i in range(count):
        page.locator("#chat .example").nth(i).click()
        page.locator("#chat .reply").wait_for()
        expect(page.locator("#chat .reply")).to_have_class(re.compile(r"\banswered\b"))
        again(page)


# How much is too vague is fitted anew with each corpus.
VAGUE = ("sessions", "which", "should i", "when", "more info", "does it kill")


@pytest.fixture
def vague(site: str) -> str:
    """A message that the bot asks back about."""

    def status(message: str) -> str:
        body = json.dumps({"message": message}).encode()
        request = urllib.request.Request(f"{site}/api/ask", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return str(json.load(answer)["status"])

    return next(message for message in VAGUE if status(message) == "clarify")


@SIZES
def test_a_vague_message_is_asked_back_and_a_tapped_choice_answered(
    opened: Opener, site: str, vague: str, size: dict[str, int]
) -> None:
    page = opened(site, size)
    ask(page, vague)
    expect(page.locator("#chat .reply")).to_have_class(re.compile(r"\bclarify\b"))
    choices = page.get_by_role("group", name="Choose one").get_by_role("button")
    assert choices.count() >= 2
    chosen = choices.first.inner_text()
    choices.first.click()
    expect(page.locator("#chat .reply.answered .says a.cite").first).to_be_visible()
    expect(page.locator("#chat .asked").last).to_have_text(chosen)
    expect(page.get_by_role("group", name="Choose one")).to_have_count(0)


def test_without_scripts_a_choice_is_pressed_and_answered(browser: Browser, site: str, vague: str) -> None:
    page = browser.new_page(java_script_enabled=False, viewport=PHONE)  # type: ignore[arg-type]
    page.goto(f"{site}/ask")
    page.get_by_label("Your question").fill(vague)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".reply.clarify")).to_be_visible()
    choices = page.get_by_role("group", name="Choose one").get_by_role("button")
    assert choices.count() >= 2
    choices.first.click()
    expect(page.locator(".reply.answered .says a.cite").first).to_be_visible()
    page.locator(".reply .says a.cite").first.click()
    expect(page.locator("mark#quote")).to_be_visible()
    page.close()


def test_an_odd_message_gets_a_reply(opened: Opener, site: str) -> None:
    page = opened(site)
    odd = (" ", "x " * 50_000, "\u202e\u05e9\u05dc", "\U0001f642" * 40, "\u0007\u001b", "<b>does it hurt</b> $$x$$")
    for message in odd:
        ask(page, message)
        assert last_reply(page).strip()
        expect(page.locator("#chat .prose :is(b, .katex)")).to_have_count(0)
        again(page)
