"""The launcher on somebody else's page, in a real browser: it works there, costs little, keeps and breaks nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, Playwright, expect

from tests.browser.axe import violations
from tests.browser.conftest import CHROMIUM, DESKTOP, FLAGS, PHONE, ROOT, Sites, Visit, Watch, serving
from tests.browser.host_page import Host
from tests.browser.states import BOX
from tests.fake_bot import COPIED, CREAM

SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
KEPT = """() => {
  try { return [localStorage.length, sessionStorage.length, document.cookie]; } catch (error) { return error.name; }
}"""
Visitor = Callable[..., Page]


@pytest.fixture
def host(sites: Sites) -> Host:
    return sites.host


@pytest.fixture
def site(sites: Sites) -> str:
    return sites.usual


@pytest.fixture
def visitor(browser: Browser, visit: Visit, host: Host, site: str, watch: Watch) -> Iterator[Visitor]:
    """Open the host page; afterwards nobody else was asked, nothing was complained about and nothing is kept."""
    done: list[Page] = []

    def open_page(size: dict[str, int] = DESKTOP, motion: str = "reduce", new: bool = False, **more: Any) -> Page:
        if new or more or size not in (DESKTOP, PHONE):
            page = browser.new_context(viewport=size, **more).new_page()  # type: ignore[arg-type]
        else:
            page = visit(size)
        page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
        page.set_default_timeout(15_000)
        watch.attach(page)
        page.goto(host.address)
        done.append(page)
        return page

    host.set_up(site)
    yield open_page
    kept: list[Any] = [page.context.cookies() for page in done]
    kept += [frame.evaluate(KEPT) for page in done for frame in page.frames if "chrome-error:" not in frame.url]
    for page in done:
        page.close()
    assert [k for k in kept if k not in ([], [0, 0, ""], "SecurityError")] == []  # denied to frames of another site
    watch.check(host.address, host.same_site, site)


def launcher(page: Page) -> Locator:
    return page.get_by_role("button", name="Ask a question")


def panel(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Ask a question")


def opened(page: Page) -> FrameLocator:
    """Open the panel; the frame once the chat in it can be used."""
    launcher(page).click()
    frame = page.frame_locator("iframe")
    frame.locator("#chat .example").first.wait_for()
    return frame


def ask(frame: FrameLocator, question: str) -> None:
    frame.locator(BOX).fill(question)
    frame.locator(BOX).press("Enter")


# --- using it ----------------------------------------------------------------------------------


@SIZES
def test_a_visitor_asks_and_reads_the_source_by_keyboard(
    visitor: Visitor, host: Host, site: str, size: dict[str, int]
) -> None:
    host.set_up(site, styles="hostile")
    page = visitor(size)
    expect(launcher(page)).to_be_in_viewport(ratio=1)
    page.keyboard.press("Shift+Tab")  # from the page's end: it comes last
    expect(launcher(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("button", name="Close the chat")).to_be_focused()
    frame = page.frame_locator("iframe")
    frame.locator("#chat .example").first.wait_for()
    page.keyboard.press("Tab")
    expect(page.locator("iframe")).to_be_focused()
    frame.locator(BOX).focus()
    page.keyboard.type("does it hurt")
    page.keyboard.press("Enter")
    expect(frame.locator("#chat .reply .says")).to_contain_text(CREAM)
    cited = frame.locator("#chat .says a.cite").first
    cited.focus()
    page.keyboard.press("Enter")
    expect(frame.locator("#source mark")).to_have_text(CREAM)
    expect(frame.locator("#source mark")).to_be_in_viewport()
    page.keyboard.press("Escape")  # closes what is on top
    expect(frame.locator("#source")).to_be_hidden()
    expect(cited).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_focused()
    expect(launcher(page)).to_have_attribute("aria-expanded", "false")


@SIZES
def test_the_panel_stands_above_the_launcher_and_on_a_phone_is_all_there_is(
    visitor: Visitor, size: dict[str, int]
) -> None:
    page = visitor(size)
    opened(page)
    box, button = panel(page).bounding_box(), launcher(page).bounding_box()
    assert box
    if size is PHONE:
        assert box == {"x": 0, "y": 0, **size}
        assert panel(page).evaluate("d => d.matches(':modal')")  # nothing behind it can be reached
    else:
        assert button
        assert box["y"] >= 0
        assert box["y"] + box["height"] < button["y"]
        launcher(page).click()
        expect(panel(page)).to_be_hidden()


@pytest.mark.parametrize(
    ("size", "scale"), [({"width": 640, "height": 400}, 2), ({"width": 320, "height": 256}, 4)], ids=["200%", "400%"]
)
def test_zoomed_in_the_panel_fills_the_screen(visitor: Visitor, size: dict[str, int], scale: int) -> None:
    page = visitor(size, device_scale_factor=scale)
    expect(launcher(page)).to_be_in_viewport(ratio=1)
    frame = opened(page)
    assert panel(page).bounding_box() == {"x": 0, "y": 0, **size}
    expect(page.get_by_role("button", name="Close the chat")).to_be_in_viewport(ratio=1)
    ask(frame, "hello")
    expect(frame.locator("#chat .reply")).to_contain_text("Hello!")


def test_a_click_closes_it_and_the_conversation_waits_until_the_page_is_left(visitor: Visitor) -> None:
    page = visitor()
    frame = opened(page)
    ask(frame, "how many turns")
    expect(frame.locator("#chat .reply")).to_have_text("1 turns")
    page.get_by_role("button", name="Close the chat").click()
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_focused()
    launcher(page).click()
    expect(frame.locator("#chat .reply")).to_have_text("1 turns")
    page.reload()
    expect(panel(page)).to_be_hidden()
    expect(opened(page).locator("#chat .reply")).to_have_count(0)


def test_escape_in_the_page_closes_it_and_leaves_the_focus_there(visitor: Visitor) -> None:
    page = visitor()
    opened(page)
    page.get_by_role("link", name="open").focus()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(page.get_by_role("link", name="open")).to_be_focused()


def test_a_reply_is_copied_in_the_way_of_today(visitor: Visitor, host: Host, site: str) -> None:
    page = visitor()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=host.address)
    frame = opened(page)
    expect(page.locator("iframe")).to_have_attribute("allow", "clipboard-write")
    page.frames[1].evaluate("document.execCommand = () => false")  # the old way, which would work as well
    ask(frame, "does it hurt")
    frame.get_by_role("button", name="Copy").click()
    expect(frame.get_by_role("button", name="Copied")).to_be_focused()
    page.get_by_role("button", name="Close the chat").focus()
    assert page.evaluate("navigator.clipboard.readText()") == COPIED.replace("SITE", site)


def test_it_moves_only_for_who_did_not_ask_for_less(visitor: Visitor) -> None:
    for motion, name in (("reduce", "none"), ("no-preference", "in")):
        page = visitor(motion=motion)
        opened(page)
        assert panel(page).evaluate("d => getComputedStyle(d).animationName") == name


# --- what a page can set -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "direction", "left"),
    [
        ((), "ltr", False),
        (('data-position="left"',), "ltr", True),
        ((), "rtl", True),
        (('data-position="right"',), "rtl", False),
        (('data-position="}*{"',), "ltr", False),
    ],
)
def test_the_side(visitor: Visitor, host: Host, site: str, attributes: tuple[str], direction: str, left: bool) -> None:
    host.set_up(site, *attributes, direction=direction)
    page = visitor()
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.reload()
        button = launcher(page).bounding_box()
        launcher(page).click()
        box = panel(page).bounding_box()
        assert button
        assert box
        near = [16 if left else size["width"] - 16 - each["width"] for each in (button, box)]
        assert [button["x"], box["x"]] == [near[0], 0 if size is PHONE else near[1]]
    page.frame_locator("iframe").locator("#chat .example").first.wait_for()


@pytest.mark.parametrize(
    ("colour", "background", "text"),
    [
        ("#7a1f5c", "rgb(122, 31, 92)", "rgb(255, 255, 255)"),
        ("#FFD166", "rgb(255, 209, 102)", "rgb(0, 0, 0)"),
        ("red; display: none", "rgb(15, 107, 100)", "rgb(255, 255, 255)"),
    ],
)
def test_the_colour_gets_a_text_that_can_be_read_on_it(
    visitor: Visitor, host: Host, site: str, colour: str, background: str, text: str
) -> None:
    host.set_up(site, f'data-colour="{colour}"')
    page = visitor()
    shown = "b => [getComputedStyle(b).backgroundColor, getComputedStyle(b).color]"
    assert launcher(page).evaluate(shown) == [background, text]
    assert violations(page) == []


def test_the_language_goes_to_the_frame(visitor: Visitor, host: Host, site: str, watch: Watch) -> None:
    host.set_up(site, 'data-lang="sv"')
    page = visitor()
    page.get_by_role("button", name="Ställ en fråga").click()
    expect(page.get_by_role("button", name="Stäng chatten")).to_be_visible()
    page.frame_locator("iframe").locator("#chat .example").first.wait_for()
    assert page.frames[1].url == f"{site}/chat/?embed=1&lang=sv"
    assert page.locator("clinic-faq-chat .root").get_attribute("lang") == "sv"


@pytest.mark.parametrize(("locale", "label"), [("pl-PL", "Zadaj pytanie"), ("ja-JP", "Ask a question")])
def test_without_one_the_browser_s_language_counts(visitor: Visitor, locale: str, label: str) -> None:
    page = visitor(locale=locale)
    expect(page.get_by_role("button", name=label)).to_be_visible()


def test_the_lines_in_the_readme_work_as_they_stand(visitor: Visitor, host: Host, site: str) -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- embed lines -->\n```html\n")[1].split("```")[0]
    assert lines.count("\n") == 3
    host.page = re.sub(r"<script.*</script>", lines.replace("https://faq.clinic.example", site), host.page)
    page = visitor()
    page.get_by_role("button", name="Questions about your skin?").click()
    page.frame_locator("iframe").locator("#chat .example").first.wait_for()


def test_a_label_is_text(visitor: Visitor, host: Host, site: str) -> None:
    host.set_up(site, 'data-label="<b>Skin</b> questions, answered from our own articles, at any hour of the day"')
    page = visitor({"width": 320, "height": 568})
    button = page.get_by_role("button", name="<b>Skin</b> questions")
    expect(button).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


# --- what it costs and leaves behind -------------------------------------------------------------


def test_until_opened_it_costs_one_small_request(visitor: Visitor, site: str, watch: Watch) -> None:
    page = visitor(new=True)
    expect(launcher(page)).to_be_visible()
    page.wait_for_timeout(500)
    ours = [r for r in watch.requests if r.url.startswith(site)]
    assert [r.url for r in ours] == [f"{site}/embed.js"]
    sizes = ours[0].sizes()
    total = sizes["responseBodySize"] + sizes["responseHeadersSize"]
    print(f"launcher: 1 request, {total} bytes")
    assert total <= 4096


LEFT = """() => [Object.getOwnPropertyNames(window).filter(n => isNaN(n)).sort().join(), history.length,
  document.body.innerHTML.replace(/<script.*<.script>/, ""), customElements.get("clinic-faq-chat") === undefined,
  document.adoptedStyleSheets.length, document.title]"""


def test_the_page_stays_as_it_was(visitor: Visitor, host: Host, site: str) -> None:
    host.page = re.sub(r"<script.*</script>", "", host.page)
    without = visitor().evaluate(LEFT)
    host.set_up(site)
    page = visitor()
    opened(page)
    page.keyboard.press("Escape")
    assert page.evaluate(LEFT) == without


@pytest.mark.parametrize("head", [False, True], ids=["at the end", "in the head"])
def test_there_is_one_launcher_however_often_the_script_is_included(
    visitor: Visitor, host: Host, site: str, head: bool
) -> None:
    script = f'<script src="{site}/embed.js"></script>'
    host.set_up(site, times=2, head=script if head else "")
    host.policy = host.policy.split("; require-trusted")[0]  # which would stop the test's own script
    page = visitor()
    add = "(src) => new Promise((r) => { const s = document.createElement('script'); s.src = src; s.onload = r;"
    page.evaluate(add + " document.head.append(s); })", f"{site}/embed.js")
    expect(launcher(page)).to_have_count(1)
    expect(page.locator("clinic-faq-chat")).to_have_count(1)
    opened(page)


def test_a_browser_that_denies_storage_still_shows_the_chat(
    playwright: Playwright, host: Host, site: str, tmp_path: Path
) -> None:
    settings = tmp_path / "Default" / "Preferences"
    settings.parent.mkdir()
    settings.write_text('{"profile": {"default_content_setting_values": {"cookies": 2}, "cookie_controls_mode": 1}}')
    host.set_up(site)
    assert CHROMIUM
    context = playwright.chromium.launch_persistent_context(tmp_path, executable_path=CHROMIUM, args=FLAGS)
    page = context.pages[0]
    page.goto(host.address)
    denied = "() => { try { return !localStorage } catch (error) { return error.name } }"
    assert page.evaluate(denied) == "SecurityError"
    frame = opened(page)
    assert page.frames[1].evaluate(KEPT) == "SecurityError"
    ask(frame, "does it hurt")
    expect(frame.locator("#chat .reply .says")).to_contain_text(CREAM)
    context.close()


def test_a_frame_that_could_store_something_does_not(visitor: Visitor, host: Host) -> None:
    page = visitor()
    page.goto(host.same_site)
    frame = opened(page)
    ask(frame, "does it hurt")
    frame.locator("#chat .says a.cite").first.click()
    frame.locator("#source mark").wait_for()
    assert page.frames[1].evaluate(KEPT) == [0, 0, ""]


# --- when it can't ---------------------------------------------------------------------------------


@SIZES
def test_a_chat_that_can_t_be_reached_is_told_and_tried_again(
    visitor: Visitor, watch: Watch, size: dict[str, int]
) -> None:
    watch.excused = ("ERR_INTERNET_DISCONNECTED",)
    page = visitor(size)
    page.context.set_offline(True)
    launcher(page).click()
    note = panel(page).get_by_role("status")
    expect(note).to_have_text("Opening the chat …")
    expect(note).to_contain_text("The chat can’t be reached right now.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.get_by_role("button", name="Close the chat")).to_be_focused()
    frame = page.frame_locator("iframe")
    frame.locator("#chat .example").first.wait_for()
    expect(note).to_be_hidden()
    ask(frame, "hello")
    expect(frame.locator("#chat .reply")).to_contain_text("Hello!")


def test_a_page_that_is_not_allowed_gets_a_link_instead_of_the_chat(
    visitor: Visitor, host: Host, sites: Sites, watch: Watch
) -> None:
    watch.excused = ("frame-ancestors", "Framing")
    page = visitor()
    host.set_up(sites.limited)  # which allows nobody
    page.goto(host.address)
    launcher(page).click()
    expect(panel(page).get_by_role("status")).to_contain_text("The chat can’t be reached right now.")
    link = panel(page).get_by_role("link", name="Open it in a new tab")
    expect(link).to_have_attribute("href", f"{sites.limited}/chat/")
    assert any("frame-ancestors" in c for c in watch.complaints)
    assert page.frame_locator("iframe").locator("#question").count() == 0
    page.get_by_role("button", name="Close the chat").click()
    expect(launcher(page)).to_be_focused()
    watch.requests = [r for r in watch.requests if not r.url.startswith(sites.limited)]


def test_a_chat_that_is_starting_says_so_and_then_opens_by_itself(
    visitor: Visitor, visit: Visit, host: Host, watch: Watch
) -> None:
    """In the frame and as a page of its own."""
    watch.excused = ("503",)
    page, whole = visitor(), visit(PHONE)
    with serving("tests/fake_bot.py", "{port}", "10000", "4", host.address, ready="/healthz") as site:
        page.goto(host.set_up(site))
        launcher(page).click()
        frame = page.frame_locator("iframe")
        expect(frame.get_by_text("The chat is starting")).to_be_visible()
        whole.goto(site + "/chat/?lang=sv")
        expect(whole.get_by_role("heading", name="Ett ögonblick")).to_be_visible()
        page.wait_for_timeout(2000)  # longer than a frame that says nothing is waited for
        expect(frame.get_by_text("The chat is starting")).to_be_visible()
        frame.locator("#chat .example").first.wait_for(timeout=60_000)  # both load all of the page's files at once
        expect(panel(page).get_by_role("status")).to_be_hidden()
        whole.get_by_role("textbox", name="Din fråga").wait_for(timeout=60_000)
        page.goto("about:blank")
        whole.goto("about:blank")
    watch.requests = [r for r in watch.requests if not r.url.startswith(site)]


def test_only_the_frame_is_listened_to(visitor: Visitor) -> None:
    page = visitor()
    opened(page)
    page.evaluate("postMessage('faq:close', '*')")
    page.wait_for_timeout(200)
    expect(panel(page)).to_be_visible()


# --- accessibility -----------------------------------------------------------------------------------


def luminance(rgb: str) -> float:
    """Of ``rgb(r, g, b)``, as WCAG 2 defines it."""
    parts = [int(n) / 255 for n in re.findall(r"\d+", rgb)]
    linear = [n / 12.92 if n <= 0.04045 else ((n + 0.055) / 1.055) ** 2.4 for n in parts]
    return sum(weight * n for weight, n in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("colour", ["", *(f'data-colour="#{c}"' for c in ("757575", "777777", "0f6b64", "ff0000"))])
def test_every_text_of_the_launcher_stands_out(
    visitor: Visitor, watch: Watch, host: Host, site: str, colour: str
) -> None:
    """Axe can't tell: no page stands behind what floats."""
    watch.excused = ("ERR_INTERNET_DISCONNECTED",)
    host.set_up(site, colour)
    page = visitor()
    page.context.set_offline(True)
    launcher(page).click()
    page.get_by_role("button", name="Try again").wait_for()
    shown = "(e, on) => [getComputedStyle(e).color, getComputedStyle(on ? e.closest(on) : e).backgroundColor]"
    parts = ((".open", ""), (".bar span", "dialog"), (".x", "dialog"), (".note", "dialog"),
             (".note button", ""), (".note a", "dialog"))  # fmt: skip
    for scheme, (part, behind) in product(("light", "dark"), parts):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        dark, light = sorted(luminance(c) for c in page.locator(part).evaluate(shown, behind))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, part)


def test_the_accessibility_tree_names_button_and_panel(visitor: Visitor) -> None:
    page = visitor()
    opened(page)
    expect(page.get_by_role("region", name="Ask a question")).to_match_aria_snapshot(
        """
        - region "Ask a question":
          - button "Ask a question" [expanded]
          - dialog "Ask a question":
            - text: Ask a question
            - button "Close the chat"
            - iframe
        """
    )


# --- the whole program ---------------------------------------------------------------------------------


@SIZES
def test_the_real_bot_answers_on_the_page(visit: Visit, host: Host, real_site: str, size: dict[str, int]) -> None:
    page = visit(size)
    page.goto(host.set_up(real_site))
    frame = opened(page)
    ask(frame, "does it hurt")
    expect(frame.locator("#chat .reply.answered .says")).to_contain_text("[1]")
    frame.locator("#chat .reply .says a.cite").first.click()
    expect(frame.locator("#source mark").first).to_be_in_viewport()
