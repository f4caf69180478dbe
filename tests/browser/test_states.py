"""Each state of each page at both sizes: it is seen, axe finds nothing in light or dark, and nothing is cut off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Sites, Watch, serving
from tests.browser.states import STATES, State

# Every rule of WCAG 2.2 A and AA and of best practice; the size of targets is off unless asked for.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
}


def violations(page: Page) -> list[tuple[str, str, str]]:
    """What axe finds on a page: rule, element, why."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], node["html"], node["failureSummary"]) for rule in found for node in rule["nodes"]]


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=request.param, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_is_seen_and_open_to_everybody(page: Page, sites: Sites, watch: Watch, state: State) -> None:
    watch.excused = state.complaints
    watch.attach(page)
    shown = state.reach(page, sites)
    expect(shown).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    expect(shown).to_be_visible()
    watch.check(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2])


def test_the_chat_opens_by_itself_once_it_has_started(browser: Browser) -> None:
    with serving("tests/fake_bot.py", "{port}", "9", "1", ready="/healthz") as address:
        page = browser.new_page()
        page.goto(address + "/chat/?lang=sv")
        expect(page.get_by_role("heading", name="Ett ögonblick")).to_be_visible()
        expect(page.get_by_role("textbox", name="Din fråga")).to_be_visible(timeout=20_000)
        page.close()
