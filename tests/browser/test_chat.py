"""The visitor's page in a real browser: each state of a reply, the source panel, the keyboard, hostile text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Opener, Sites, Watch, free_port, serving
from tests.fake_bot import COPIED, CREAM, HOSTILE

BOX = "#question textarea"


def ask(page: Page, question: str, count: int = 1) -> None:
    """Type a question, press Enter and wait for its reply, the ``count``-th of the conversation."""
    page.locator(BOX).fill(question)
    page.locator(BOX).press("Enter")
    page.locator("#chat .reply").nth(count - 1).wait_for()


def last_reply(page: Page) -> str:
    return page.locator("#chat .reply").last.inner_text()


# --- the page --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_empty_page_says_what_it_is(opened: Opener, fake_site: str, size: dict[str, int]) -> None:
    page = opened(fake_site, size)
    expect(page).to_have_title("Example Clinic")
    expect(page.get_by_role("heading", level=1)).to_have_text("Example Clinic")
    expect(page.locator(".top .purpose")).to_contain_text("Not for emergencies")
    expect(page.locator("#chat .example")).to_have_count(4)
    expect(page.get_by_role("textbox", name="Your question", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


# --- replies ---------------------------------------------------------------------------------


def test_an_answer_is_read_with_its_disclaimer_and_sources(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    ask(page, "does it hurt")
    text = last_reply(page)
    assert text.index(CREAM) < text.index("not medical advice") < text.index("Sources")
    assert "Example Skin Journal, 19 January 2024" in text
    expect(page.locator(BOX)).to_have_value("")
    expect(page.locator("#chat .asked")).to_have_text("does it hurt")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_citation_opens_the_passage_and_escape_returns(opened: Opener, fake_site: str, size: dict[str, int]) -> None:
    page = opened(fake_site, size)
    ask(page, "does it hurt")
    cited = page.locator("#chat .says a.cite").first
    cited.click()
    panel = page.get_by_role("dialog", name="How it works")
    expect(panel.locator("mark")).to_have_text(CREAM)
    expect(panel.locator("mark")).to_be_in_viewport()
    expect(panel).to_contain_text("Does it hurt?")
    expect(panel).to_contain_text("Example Skin Journal · 19 January 2024")
    expect(panel).to_contain_text("A digest of the published article")
    expect(panel.get_by_role("link", name="Open the whole article")).to_have_attribute("href", _whole_article(cited))
    expect(panel.get_by_role("heading", level=2)).to_be_focused()
    box = panel.bounding_box()
    assert box
    at_side = box["height"] == size["height"] and box["x"] > 0
    from_below = box["width"] == size["width"] and box["y"] > 0
    assert at_side if size is DESKTOP else from_below
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(cited).to_be_focused()


def _whole_article(cited: object) -> str:
    return str(cited.evaluate("a => a.href"))  # type: ignore[attr-defined]


def tab_to(page: Page, place: Locator, most: int = 40) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        style = page.evaluate("(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))")
        named = page.evaluate("document.activeElement.outerHTML.slice(0, 80)")
        assert style == ["solid", "3px"] or named.startswith("<body"), f"the focus can't be seen on {named}"
        if place.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"{place} is out of reach of the keyboard")


def test_the_whole_conversation_by_keyboard(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    tab_to(page, page.locator("#chat .example").first)
    page.keyboard.press("Enter")
    page.locator("#chat .reply").wait_for()
    assert page.evaluate("document.activeElement.dataset.testid") == "bot"  # the pressed example has gone
    cited = page.locator("#chat .says a.cite").first
    tab_to(page, cited)
    page.keyboard.press("Enter")
    page.locator("#source mark").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Close the source")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#source")).to_be_hidden()
    expect(cited).to_be_focused()
    tab_to(page, page.get_by_role("button", name="No", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Not what I asked")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_text("Thank you for telling us.")).to_be_focused()
    tab_to(page, page.locator("#chat .option"))
    page.keyboard.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(2)
    tab_to(page, page.locator(BOX))
    page.keyboard.type("bitcoin")
    page.keyboard.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(3)
    page.keyboard.press("Shift+Tab")  # back into the conversation
    tab_to(page, page.get_by_role("button", name="New chat"))
    page.keyboard.press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(0)
    expect(page.locator(BOX)).to_be_focused()


# --- what a screen reader is told ----------------------------------------------------------------

LISTEN = """() => {
  window.heard = [];
  new MutationObserver(() => window.heard.push(document.querySelector("#speaker").textContent))
    .observe(document.querySelector("#speaker"), { childList: true, subtree: true, characterData: true });
}"""


def live_texts(page: Page) -> list[str]:
    """What stands in the live regions, as the browser tells assistive technology."""
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    nodes = {n["nodeId"]: n for n in session.send("Accessibility.getFullAXTree")["nodes"]}

    def text(node: Any) -> str:
        if node["role"]["value"] == "StaticText":
            return str(node["name"]["value"])
        return "".join(text(nodes[c]) for c in node.get("childIds", ()) if c in nodes)

    regions = [
        n for n in nodes.values()
        if any(p["name"] == "live" and p["value"]["value"] in ("polite", "assertive") for p in n.get("properties", ()))
    ]  # fmt: skip
    session.detach()
    return [said for region in regions if (said := text(region))]


def test_a_reply_is_announced_once(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    page.evaluate(LISTEN)
    assert live_texts(page) == []
    for number, question in enumerate(("does it hurt", "does it hurt"), 1):
        ask(page, question, number)
        expect(page.locator("#speaker")).to_contain_text(CREAM)
        heard = page.evaluate("window.heard")
        assert len(heard) == number
        assert heard[-1].startswith(f"The assistant said: {CREAM}")
        assert [said.count(CREAM) for said in live_texts(page)] == [1]


def test_an_urgent_reply_is_an_alert_and_is_not_said_twice(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    page.evaluate(LISTEN)
    ask(page, "breathe")
    page.wait_for_timeout(300)
    assert page.evaluate("window.heard") == []
    assert [said.count("This could be an emergency") for said in live_texts(page)] == [1]


# --- below a reply -------------------------------------------------------------------------------


def test_feedback_is_sent_without_a_word_of_the_conversation(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    ask(page, "does it hurt, my-secret-words")
    with page.expect_request("**/api/feedback") as sent:
        page.get_by_role("button", name="Yes", exact=True).click()
    assert sent.value.post_data_json == {
        "index_version": "fake-1", "status": "answered", "helpful": True, "sources": ["003-how-it-works", "001-what"],
    }  # fmt: skip
    expect(page.get_by_text("Thank you for telling us.")).to_be_visible()
    ask(page, "bitcoin", 2)
    page.get_by_role("button", name="No", exact=True).click()
    with page.expect_request("**/api/feedback") as sent:
        page.get_by_role("button", name="Something is missing").click()
    assert sent.value.post_data_json == {
        "index_version": "fake-1", "status": "abstained", "helpful": False, "reason": "missing", "sources": [],
    }  # fmt: skip
    answer = sent.value.response()
    assert answer and answer.status == 204
    expect(page.get_by_text("Thank you for telling us.")).to_have_count(2)


def test_feedback_that_can_t_be_sent_says_so(opened: Opener, fake_site: str, watch: Watch) -> None:
    watch.excused = ("ERR_INTERNET_DISCONNECTED",)
    page = opened(fake_site)
    ask(page, "does it hurt")
    page.context.set_offline(True)
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("That could not be sent. Please try again later.")).to_be_focused()


def test_only_what_the_articles_were_asked_is_asked_about(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    for number, question in enumerate(("hello", "breathe", "book", "long"), 1):
        ask(page, question, number)
    expect(page.get_by_role("button", name="Copy")).to_have_count(4)
    expect(page.get_by_text("Was this helpful?")).to_have_count(0)


@pytest.mark.parametrize("allowed", [True, False], ids=["by the clipboard", "by the old way"])
def test_a_reply_is_copied_with_its_sources(opened: Opener, fake_site: str, allowed: bool) -> None:
    page = opened(fake_site)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, "does it hurt")
    if not allowed:  # as in another page's frame, or without https
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')) }")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_focused()
    expect(page.locator("#speaker")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == COPIED.replace("SITE", fake_site)
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()


def test_the_clinic_is_asked_by_letter_and_never_through_our_address(
    opened: Opener, fake_site: str, watch: Watch
) -> None:
    page = opened(fake_site, PHONE)
    ask(page, "bitcoin & my-secret-words?")
    hrefs = [str(a.get_attribute("href")) for a in page.locator("#chat .ask-clinic a").all()]
    assert [href.partition(":")[0] for href in hrefs] == ["mailto", "tel", "https"]
    assert "bitcoin%20%26%20my-secret-words%3F" in hrefs[0]
    assert not any("secret" in href for href in hrefs[1:])
    assert [r.url for r in watch.requests if "secret" in r.url] == []


def test_the_page_speaks_the_language_of_the_address_in_another_s_browser(browser: Browser, fake_site: str) -> None:
    page = browser.new_page(locale="de-DE")
    page.goto(fake_site + "/?lang=pl")
    page.locator("#chat .example").first.wait_for()
    assert page.url == fake_site + "/chat/?lang=pl"
    expect(page.get_by_role("textbox", name="Twoje pytanie")).to_be_visible()
    expect(page.get_by_text("Artykuły są po angielsku")).to_be_visible()
    ask(page, "does it hurt")
    expect(page.locator("#chat .sources .head")).to_have_text("Źródła")
    expect(page.get_by_role("button", name="Kopiuj")).to_be_visible()
    page.locator("#chat .says a.cite").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("19 stycznia 2024")
    expect(page.get_by_role("link", name="Otwórz cały artykuł")).to_be_visible()
    assert page.evaluate("[document.documentElement.lang, document.querySelector('#chat .reply').lang]") == ["pl", "en"]
    page.goto(fake_site + "/chat/")
    expect(page.get_by_role("textbox", name="Ihre Frage")).to_be_visible()
    page.close()


def test_after_a_lost_connection_the_conversation_goes_on(opened: Opener, fake_site: str, watch: Watch) -> None:
    watch.excused = ("ERR_INTERNET_DISCONNECTED",)
    page = opened(fake_site)
    ask(page, "how many turns")
    page.context.set_offline(True)
    page.locator(BOX).fill("how many turns then")
    page.locator(BOX).press("Enter")
    expect(page.locator("#notice")).to_contain_text("can't be reached")
    page.context.set_offline(False)
    page.locator(BOX).press("Enter")
    expect(page.locator("#chat .reply").nth(1)).to_have_text("3 turns")
    expect(page.locator("#notice")).to_be_hidden()


def test_a_server_that_dies_while_answering_leaves_the_question_in_the_box(opened: Opener, watch: Watch) -> None:
    watch.excused = ("ERR_", "network error", "Unexpected error", "503", "410")
    port = free_port()
    with serving("tests/fake_bot.py", "{port}", stops=True, port=port) as address:
        page = opened(address)
        ask(page, "does it hurt")
        page.locator(BOX).fill("a slow one")
        page.locator(BOX).press("Enter")
        page.locator("#chat .thinking").wait_for()
    expect(page.locator("#notice")).to_contain_text("can't be reached")
    expect(page.locator(BOX)).to_have_value("a slow one")
    expect(page.locator("#chat .thinking")).to_be_hidden()
    expect(page.locator("#chat .reply")).to_have_count(1)
    with serving("tests/fake_bot.py", "{port}", port=port):  # which knows nothing of the conversation
        for said in ("no longer knows what was said above", ""):
            page.locator(BOX).fill("how many turns")
            page.locator(BOX).press("Enter")
            expect(page.locator("#notice")).to_contain_text(said)
            expect(page.locator(BOX)).to_have_value("how many turns" if said else "")
        expect(page.locator("#chat .reply")).to_have_text(["1 turns"])
        expect(page.locator("#notice")).to_be_hidden()


def test_a_source_link_is_a_page_of_its_own(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    ask(page, "does it hurt")
    href = page.locator("#chat .says a.cite").first.get_attribute("href")
    page.goto(fake_site + str(href))
    expect(page.locator("mark#quote")).to_have_text(CREAM)


def test_each_kind_of_reply_in_one_conversation(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site, PHONE)
    kinds = (
        ("pregnant", "caution", "I can't decide this for you"),
        ("breathe", "urgent", "This could be an emergency. Call 112 now"),
        ("bitcoin", "abstained", "don't cover that"),
        ("long", "clarify", "Which of these do you mean?"),
        ("book", "handoff", "555-0142"),
        ("hello", "smalltalk", "Hello!"),
        ("crash", "abstained", "Something went wrong"),
    )
    for number, (question, status, part) in enumerate(kinds):
        ask(page, question, number + 1)
        reply = page.locator("#chat .reply").nth(number)
        expect(reply).to_have_class(re.compile(rf"\b{status}\b"))
        expect(reply).to_contain_text(part)
        expect(reply.get_by_role("alert")).to_have_count(1 if status == "urgent" else 0)


def test_where_sources_differ_each_value_stands_beside_who_says_it(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    ask(page, "how often")
    rows = ["6 weeksExample Skin Journal [1]", "4 weeksWhat is microneedling? [2]"]
    expect(page.locator("#chat .differ tr")).to_have_text(rows)
    expect(page.locator("#chat .says .item")).to_have_count(2)


def test_an_example_and_a_suggestion_ask_with_a_tap(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site, PHONE)
    page.get_by_text("Does it hurt?").click()
    page.locator("#chat .reply").wait_for()
    page.get_by_role("button", name="How often?").click()
    expect(page.locator("#chat .reply")).to_have_count(2)
    expect(page.locator("#chat .asked").last).to_have_text("How often?")
    assert page.evaluate("document.activeElement.dataset.testid") == "bot"  # the tapped button has gone


def test_a_new_reply_is_shown_from_its_question_on(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site, PHONE)
    for count, question in enumerate(("evil", "how often", "evil"), 1):
        ask(page, question, count)
    expect(page.locator("#chat .asked").last).to_be_in_viewport()
    expect(page.locator("#chat .reply").last.locator(".says")).to_be_in_viewport()


def test_what_is_typed_and_sent_during_an_answer_is_asked_after_it(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    page.locator(BOX).fill("a slow one: does it hurt")
    page.locator(BOX).press("Enter")
    page.locator(BOX).press("Enter")  # a second press sends nothing more
    page.locator("#chat .thinking").wait_for()
    page.locator(BOX).fill("how many turns")
    expect(page.locator("#chat .reply")).to_have_count(1)
    expect(page.locator(BOX)).to_have_value("how many turns")
    page.locator(BOX).fill("a slow one: does it hurt")
    page.locator(BOX).press("Enter")
    page.locator("#chat .thinking").wait_for()
    page.locator(BOX).fill("how many turns")
    page.locator(BOX).press("Enter")
    expect(page.locator("#chat .reply")).to_have_count(3)
    expect(page.locator("#chat .reply").last).to_have_text("5 turns")
    expect(page.locator(BOX)).to_have_value("")
    page.locator(BOX).press("Enter")  # and an empty box asks nothing
    ask(page, "how many turns", 4)
    expect(page.locator("#chat .reply").last).to_have_text("7 turns")


def test_a_conversation_goes_on_and_new_chat_forgets_it(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    expect(page.get_by_role("button", name="New chat")).to_be_hidden()
    ask(page, "how many turns")
    assert last_reply(page) == "1 turns"
    ask(page, "how many turns", 2)
    assert last_reply(page) == "3 turns"
    page.get_by_role("button", name="New chat").click()
    page.locator("#chat .example").first.wait_for()
    ask(page, "how many turns")
    assert last_reply(page) == "1 turns"


# --- odd and hostile text ----------------------------------------------------------------------


def test_an_odd_message_gets_a_fitting_reply(opened: Opener, fake_site: str) -> None:
    page = opened(fake_site)
    odd = (
        (" ", "Please type a question"),
        ("x" * 100_000, "too long"),
        ("\u05e9\u05dc\u05d5\u05dd hello", "Hello!"),
        ("\U0001f642\U0001f44d\U0001f3fd", "didn't catch that"),
        ("hello \u0007\u001b[31m\u202e", "Hello!"),
    )
    for number, (message, part) in enumerate(odd, 1):
        ask(page, message, number)
        assert part in last_reply(page)


@pytest.mark.parametrize("question", [HOSTILE, "evil\n\n" + HOSTILE + "\n\n# head\n\n$$x$$\n\n" + HOSTILE])
def test_nothing_typed_or_stored_becomes_markup(opened: Opener, fake_site: str, question: str) -> None:
    page = opened(fake_site)
    ask(page, question)
    ask(page, "evil", 2)
    page.locator("#chat .reply a.cite").last.click()
    page.locator("#source mark").wait_for()
    found = "#chat .prose :is(img, form, input, svg, script, iframe, details, strong, em, code, h1, h3, .katex)"
    expect(page.locator(found)).to_have_count(0)
    expect(page.locator("#source :is(img, form, input, svg, script, iframe, details, strong)")).to_have_count(0)
    expect(page.locator("a[href^='javascript']")).to_have_count(0)
    expect(page.locator("#chat .asked").first).to_contain_text("[link](javascript:window.owned=1)")
    expect(page.locator("#chat .reply .says").last).to_contain_text("<script>window.owned=1</script>")
    expect(page.locator("#source mark")).to_contain_text(HOSTILE)
    assert page.evaluate("window.owned") is None
    page.goto(f"{fake_site}/source/009-evil")
    expect(page.locator("h1")).to_contain_text("<script>")
    assert page.evaluate("window.owned") is None


# --- privacy, limits, size ---------------------------------------------------------------------


def test_nothing_is_kept_in_the_browser_or_put_in_an_address(opened: Opener, fake_site: str, watch: Watch) -> None:
    page = opened(fake_site)
    ask(page, "does it hurt, my-secret-words")
    page.locator("#chat .says a.cite").first.click()
    page.locator("#source mark").wait_for()
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert page.context.cookies() == []
    assert page.url == fake_site + "/chat/"
    assert [r.url for r in watch.requests if "secret" in r.url] == []


def test_too_many_questions_keep_the_typed_one_and_the_urgent_notice(
    opened: Opener, sites: Sites, watch: Watch
) -> None:
    watch.excused = ("429",)
    page = opened(sites.limited, PHONE)
    ask(page, "breathe")
    ask(page, "hello", 2)
    page.locator(BOX).fill("one more")
    page.locator(BOX).press("Enter")
    expect(page.locator("#notice")).to_contain_text("Please wait a moment and send it again")
    expect(page.locator(BOX)).to_have_value("one more")
    notice = page.get_by_role("alert").filter(has_text="This could be an emergency")
    notice.scroll_into_view_if_needed()
    box = notice.bounding_box()
    assert box
    for x, y in ((30, 12), (box["width"] - 30, box["height"] - 12)):
        on_top = f"e => e.contains(document.elementFromPoint({box['x'] + x}, {box['y'] + y}))"
        assert notice.evaluate(on_top)  # nothing covers it
