"""What a visit costs, and that the pages fit every width, zoom, direction and taste for motion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from bot.theme import DARK, LIGHT, Theme
from tests.bench.page_time import in_page
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, PHONE, Opener, Sites, Watch
from tests.browser.screenshots import take
from tests.browser.states import BOX, STATES, ask, open_chat
from tests.fake_bot import SLOW

KIB = 1024
COLD, COLD_REQUESTS, REPEAT = 350 * KIB, 60, 60 * KIB  # the brief's bounds


class Traffic:
    """Requests and bytes over the wire of one visit, from the browser's own count."""

    def __init__(self, page: Page) -> None:
        self.addresses: dict[str, str] = {}
        self.bytes: dict[str, int] = {}
        self.cached: set[str] = set()
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", lambda e: self.addresses.update({e["requestId"]: e["request"]["url"]}))
        session.on("Network.requestServedFromCache", lambda e: self.cached.add(e["requestId"]))
        session.on("Network.responseReceived", self._received)
        session.on(
            "Network.loadingFinished", lambda e: self.bytes.update({e["requestId"]: int(e["encodedDataLength"])})
        )
        session.send("Network.enable")

    def _received(self, event: Any) -> None:
        if event["response"].get("fromDiskCache"):
            self.cached.add(event["requestId"])

    def asked(self) -> list[str]:
        """What was asked of the server."""
        return [url for number, url in self.addresses.items() if number not in self.cached and url.startswith("http")]

    def total(self) -> int:
        """Bytes received."""
        return sum(length for number, length in self.bytes.items() if number not in self.cached)


def test_a_first_visit_is_small_and_a_second_one_smaller(
    browser: Browser, sites: Sites, watch: Watch, record_property: Any
) -> None:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    costs = []
    for visit in ("first", "repeat"):
        page = context.new_page()
        watch.attach(page)
        traffic = Traffic(page)
        open_chat(page, sites.usual)
        page.wait_for_timeout(500)
        costs.append((len(traffic.asked()), traffic.total()))
        record_property(f"{visit} visit", f"{costs[-1][0]} requests, {costs[-1][1] / KIB:.0f} KiB")
        print(f"{visit} visit: {costs[-1][0]} requests, {costs[-1][1] / KIB:.0f} KiB")
        page.close()
    context.close()
    watch.check(sites.usual)
    (requests, first), (_, repeat) = costs
    assert 10 * KIB < first <= COLD
    assert requests <= COLD_REQUESTS
    assert repeat <= REPEAT


def test_the_browser_is_told_to_run_no_foreign_and_no_inline_script(
    opened: Opener, fake_site: str, watch: Watch
) -> None:
    watch.excused = ("Executing inline script violates",)
    page = opened(fake_site)
    policy = page.request.get(fake_site + "/chat/").headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "*" not in policy
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert page.evaluate("window.ran") is None


def fits(page: Page) -> bool:
    """Nothing that is seen reaches over the sides of the page."""
    over = (
        "e => { const b = e.getBoundingClientRect();"
        " return b.width > 1 && (b.right > innerWidth + 1 || b.left < -1) && !e.closest('.unseen') }"
    )
    wide = f"[...document.querySelectorAll('body *')].filter({over}).length"
    return bool(page.evaluate(f"[document.documentElement.scrollWidth - innerWidth, {wide}]") == [0, 0])


WIDTHS = (320, 390, 760, 1100, 1280, 1920)


def fits_every_width(page: Page) -> None:
    """Nothing is cut off however wide the window is drawn."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 700})
        assert fits(page), width


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_nothing_is_wider_than_the_page(opened: Opener, fake_site: str, language: str) -> None:
    page = opened(fake_site, path=f"/?lang={language}")
    fits_every_width(page)
    for number, question in enumerate(("how often", "bitcoin", "evil"), 1):
        ask(page, question, number)
    page.locator("#chat .tools").nth(2).wait_for()
    page.locator("#chat .feedback button").last.click()
    fits_every_width(page)
    assert violations(page) == []
    page.locator("#chat .reply a.cite").last.click()
    page.locator("#source mark").first.wait_for()
    fits_every_width(page)


@pytest.mark.parametrize("path", ["/ask", "/source/003-how-it-works?start=15&end=62", "/source/009-evil", "/api/docs"])
def test_no_plain_page_is_wider_than_its_window(browser: Browser, sites: Sites, path: str) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.goto(sites.usual + path)
    assert fits(page)
    page.close()


def test_at_200_percent_question_and_answer_are_both_there(browser: Browser, sites: Sites) -> None:
    half = {"width": DESKTOP["width"] // 2, "height": DESKTOP["height"] // 2}
    page = browser.new_page(viewport=half, device_scale_factor=2)  # type: ignore[arg-type]
    open_chat(page, sites.usual)
    reply = ask(page, "does it hurt")
    expect(reply.locator(".says")).to_be_in_viewport(ratio=0.9)
    expect(page.locator(BOX)).to_be_in_viewport(ratio=1)
    assert fits(page)
    page.close()


def test_a_page_from_right_to_left_holds_together(browser: Browser, sites: Sites) -> None:
    page = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]

    def turned(route: Route) -> None:
        answer = route.fetch()
        text = answer.text().replace('dir="ltr"', 'dir="rtl"', 1)
        route.fulfill(response=answer, body=text.replace("direction&quot;: &quot;ltr", "direction&quot;: &quot;rtl"))

    page.route("**/chat/", turned)
    open_chat(page, sites.usual)
    ask(page, "does it hurt").locator(".says a.cite").first.click()
    page.locator("#source mark").wait_for()
    assert page.evaluate("getComputedStyle(document.querySelector('.top')).direction") == "rtl"
    assert fits(page)
    again, title = (page.locator(place).bounding_box() for place in ("#again", ".top h1"))
    assert again and title and again["x"] + again["width"] < PHONE["width"] / 2
    page.close()


@pytest.mark.parametrize(("motion", "name"), [("reduce", "none"), ("no-preference", "source-in")])
def test_who_wants_no_motion_gets_none(browser: Browser, sites: Sites, motion: str, name: str) -> None:
    page = browser.new_page(reduced_motion=motion)  # type: ignore[arg-type]
    open_chat(page, sites.usual)
    ask(page, "does it hurt").locator(".says a.cite").first.click()
    page.locator("#source mark").wait_for()
    assert page.evaluate("getComputedStyle(document.querySelector('#source')).animationName") == name
    page.close()


@pytest.mark.parametrize("wish", ["#7fd6c8", "#ff0000", "#808080"])
def test_a_clinic_s_colour_that_just_passes_passes_axe_too(browser: Browser, sites: Sites, wish: str) -> None:
    theme = Theme.read({"accent": LIGHT.nearest(wish), "accent_dark": DARK.nearest(wish)})
    page = browser.new_page(viewport=PHONE, reduced_motion="reduce")  # type: ignore[arg-type]
    open_chat(page, sites.usual)
    page.add_style_tag(content=theme.css())
    ask(page, "pregnant")
    page.locator("#chat .tools").wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    page.close()


def test_the_pictures_are_taken_at_both_sizes_in_both_schemes(browser: Browser, sites: Sites, tmp_path: Path) -> None:
    take(browser, sites, next(state for state in STATES if state.name == "empty"), tmp_path)
    names = [f"empty-{size}-{scheme}.png" for size in ("desktop", "phone") for scheme in ("dark", "light")]
    assert sorted(file.name for file in tmp_path.iterdir()) == names


def test_the_bench_s_stopwatch_runs_from_the_key_to_the_reply(browser: Browser, sites: Sites) -> None:
    page = browser.new_page()
    open_chat(page, sites.usual)
    quick, slow = in_page(page, "does it hurt"), in_page(page, "a slow one: does it hurt")
    assert 0 < quick < slow
    assert SLOW * 1000 <= slow < SLOW * 1000 + 10_000
    page.close()
