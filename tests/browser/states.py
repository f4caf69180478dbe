"""Every state the pages can be in, each with the steps that lead there and what must then be seen.

Shared by the tests and by the screenshots.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.browser.conftest import Sites

BOX = "#question textarea"
_addresses = count(1)


@dataclass(frozen=True)
class State:
    """``reach`` leads a new page to the state and returns what shows that it is there."""

    name: str
    reach: Callable[[Page, Sites], Locator]
    complaints: tuple[str, ...] = ()  # of the browser's console, which the state can't do without


def open_chat(page: Page, address: str) -> None:
    """Open the chat and wait until it can be used."""
    page.goto(address + "/chat/")
    page.locator(BOX).wait_for()
    page.locator("#chat .example").first.wait_for()


def ask(page: Page, question: str, number: int = 1) -> Locator:
    """Type a question, press Enter and wait for its reply, the ``number``-th of the conversation."""
    page.locator(BOX).fill(question)
    page.locator(BOX).press("Enter")
    reply = page.locator("#chat .reply").nth(number - 1)
    reply.wait_for()
    return reply


def _empty(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    expect(page.locator("#chat .example")).to_have_count(4)
    return page.get_by_role("heading", name="What would you like to know?")


def _starting(page: Page, sites: Sites) -> Locator:
    page.goto(sites.starting + "/chat/")
    return page.get_by_text("The chat is starting.")


def _thinking(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    page.locator(BOX).fill("a very slow one: does it hurt")
    page.locator(BOX).press("Enter")
    expect(page.locator("#speaker")).to_have_text("Looking it up …")
    return page.locator("#chat .thinking")


def _replied(question: str, status: str, shown: str) -> Callable[[Page, Sites], Locator]:
    def reach(page: Page, sites: Sites) -> Locator:
        open_chat(page, sites.usual)
        reply = ask(page, question)
        expect(reply).to_have_class(re.compile(rf"\b{status}\b"))
        expect(page.locator("#chat .tools .copy")).to_be_visible()
        return reply.locator(shown).first

    return reach


def _urgent(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    number = ask(page, "breathe").get_by_role("alert").get_by_role("link", name="112")
    expect(number).to_have_attribute("href", "tel:112")
    expect(number).to_be_in_viewport()
    return number


def _clarify(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    ask(page, "long")
    choices = page.get_by_role("group", name="Choose one").get_by_role("button")
    expect(choices).to_have_text(["How long is a session?", "How long until it heals?"])
    return choices.last


def _panel(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    ask(page, "does it hurt").locator(".says a.cite").first.click()
    return page.get_by_role("dialog", name="How it works").locator("mark")


def _why_not(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    ask(page, "does it hurt")
    page.get_by_role("group", name="Was this helpful?").get_by_role("button", name="No").click()
    return page.get_by_role("group", name="What was wrong with it?").get_by_role("button", name="Unclear")


def _thanks(page: Page, sites: Sites) -> Locator:
    _why_not(page, sites).click()
    return page.get_by_text("Thank you for telling us.")


def _unsent(page: Page, question: str) -> Locator:
    page.locator(BOX).fill(question)
    page.locator(BOX).press("Enter")
    notice = page.get_by_role("alert").filter(has_text=re.compile("send it again"))
    notice.wait_for()
    expect(page.locator(BOX)).to_have_value(question)
    return notice


def _offline(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    ask(page, "does it hurt")
    page.context.set_offline(True)
    return _unsent(page, "how often")


def _broken(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    ask(page, "does it hurt")
    page.route("**/queue/join*", lambda route: route.fulfill(status=502, body="<html>Bad gateway</html>"))
    return _unsent(page, "how often")


def _too_many(page: Page, sites: Sites) -> Locator:
    # As behind a proxy: each page is a visitor of its own, whose questions are counted apart.
    page.set_extra_http_headers({"x-forwarded-for": f"192.0.2.{next(_addresses)}"})
    open_chat(page, sites.limited)
    ask(page, "breathe")
    ask(page, "hello", 2)
    notice = _unsent(page, "one more")
    expect(page.get_by_role("alert").filter(has_text="This could be an emergency")).to_be_attached()
    return notice


def _too_long(page: Page, sites: Sites) -> Locator:
    open_chat(page, sites.usual)
    return ask(page, "does it hurt " * 200).get_by_text("too long")


def _page(path: str, shown: str) -> Callable[[Page, Sites], Locator]:
    def reach(page: Page, sites: Sites) -> Locator:
        page.goto(sites.usual + path)
        return page.locator(shown).first

    return reach


def _plain(question: str, shown: str) -> Callable[[Page, Sites], Locator]:
    def reach(page: Page, sites: Sites) -> Locator:
        page.goto(sites.usual + "/ask")
        page.get_by_label("Your question").fill(question)
        page.get_by_role("button", name="Send").click()
        return page.locator(shown).first

    return reach


def _plain_too_many(page: Page, sites: Sites) -> Locator:
    page.set_extra_http_headers({"x-forwarded-for": f"198.51.100.{next(_addresses)}"})
    for _ in range(3):
        page.goto(sites.limited + "/ask?q=hello")
    return page.get_by_text("Please wait a moment")


def _widget(page: Page, sites: Sites, styles: str = "calm") -> Locator:
    page.goto(sites.host.set_up(sites.usual, styles=styles))
    return page.get_by_role("button", name="Ask a question")


def _widget_open(page: Page, sites: Sites, styles: str = "calm") -> FrameLocator:
    _widget(page, sites, styles).click()
    frame = page.frame_locator("iframe")
    frame.locator("#chat .example").first.wait_for()
    expect(page.get_by_text("Opening the chat")).to_be_hidden()
    return frame


def _widget_examples(page: Page, sites: Sites) -> Locator:
    return _widget_open(page, sites).locator("#chat .example").first


def _widget_answered(page: Page, sites: Sites, question: str = "does it hurt") -> Locator:
    frame = _widget_open(page, sites)
    frame.locator(BOX).fill(question)
    frame.locator(BOX).press("Enter")
    frame.locator("#chat .tools .copy").wait_for()
    return frame.locator("#chat .reply .says").first


def _widget_panel(page: Page, sites: Sites) -> Locator:
    """The source in the panel, on a page whose styles fight the launcher's."""
    frame = _widget_open(page, sites, "hostile")
    frame.locator(BOX).fill("how often")
    frame.locator(BOX).press("Enter")
    frame.locator("#chat .reply a.cite").first.click()
    return frame.locator("#source mark")


def _widget_urgent(page: Page, sites: Sites) -> Locator:
    return _widget_answered(page, sites, "breathe").get_by_role("link", name="112")


def _widget_unreachable(page: Page, sites: Sites) -> Locator:
    button = _widget(page, sites)
    page.context.set_offline(True)
    button.click()
    return page.get_by_role("button", name="Try again")


_CUT = ("502", "429", "ERR_INTERNET_DISCONNECTED")
STATES = (
    State("starting", _starting, ("503",)),
    State("empty", _empty),
    State("thinking", _thinking),
    State("answered", _replied("does it hurt", "answered", ".says a.cite")),
    State("differ", _replied("how often", "answered", "table.differ")),
    State("caution", _replied("pregnant", "caution", ".ask-clinic a[href^=mailto]")),
    State("urgent", _urgent),
    State("abstained", _replied("bitcoin", "abstained", ".ask-clinic a[href^=tel]")),
    State("clarify", _clarify),
    State("handoff", _replied("book", "handoff", ".ask-clinic a[href^=https]")),
    State("smalltalk", _replied("hello", "smalltalk", ".says")),
    State("hostile", _replied("evil", "answered", ".says")),
    State("panel", _panel),
    State("why-not", _why_not),
    State("thanks", _thanks),
    State("offline", _offline, _CUT),
    State("server-error", _broken, _CUT),
    State("too-many", _too_many, _CUT),
    State("too-long", _too_long),
    State("source", _page("/source/003-how-it-works?start=15&end=62&h=a0eaef9d", "mark#quote")),
    State("source-changed", _page("/source/003-how-it-works?start=15&end=62&h=00000000", ".note >> nth=1")),
    State("ask-empty", _page("/ask", ".choices button")),
    State("ask-answered", _plain("how often", ".reply table.differ")),
    State("ask-urgent", _plain("breathe", ".reply [role=alert]")),
    State("ask-abstained", _plain("bitcoin", ".reply .ask-clinic a")),
    State("ask-clarify", _plain("long", "[aria-label='Choose one'] button")),
    State("ask-too-many", _plain_too_many, _CUT),
    State("not-found", _page("/nowhere", "h1"), ("404",)),
    State("api-docs", _page("/api/docs", "h2")),
    State("widget-closed", _widget),
    State("widget-hostile", lambda page, sites: _widget(page, sites, "hostile")),
    State("widget-open", _widget_examples),
    State("widget-answered", _widget_answered),
    State("widget-urgent", _widget_urgent),
    State("widget-panel", _widget_panel),
    State("widget-unreachable", _widget_unreachable, _CUT),
)
