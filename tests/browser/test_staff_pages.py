"""The front desk in a real browser, over the shipped articles: every page, its keys, and the whole loop of teaching."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from bot.accounts import Accounts
from bot.queue import STATES, Queue
from bot.staff import Store
from tests.browser.axe import violations
from tests.browser.conftest import DESKTOP, Opener, Watch
from tests.browser.states import ask
from tests.conftest import ROOT
from tests.hosted import Program
from tests.test_lessons import taught_questions

WORD = "four words in a row"
LETTER = (ROOT / "tests" / "enquiry.txt").read_text(encoding="utf-8")
TABLET = {"width": 768, "height": 1024}
DOG = "can I bring my dog to the appointment"
DOG_TOO = "are dogs allowed at the appointment"
FAILED = "handoff|abstained"
ANSWER = "Dogs wait outside, because the treatment room must stay clean."
Reach = Callable[[Page, str], Locator]


def ask_api(site: str, question: str) -> dict[str, Any]:
    """What a visitor's program gets."""
    body = json.dumps({"message": question}).encode()
    request = urllib.request.Request(f"{site}/api/ask", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        reply: dict[str, Any] = json.load(answer)
    return reply


def counted(store: Store, *questions: str, seconds: float = 60) -> None:
    """Wait until the server has counted what it was asked, which it does beside the replies."""
    until = time.monotonic() + seconds
    while True:
        known = {text for entry in Queue(store).entries(STATES, 1000) for text in (entry.text, *entry.wordings)}
        if known >= set(questions):
            break
        assert time.monotonic() < until, set(questions) - known
        time.sleep(0.1)


@pytest.fixture(scope="module")
def records(real_program: tuple[Path, Program]) -> Iterator[Store]:
    """What the program keeps, opened beside it."""
    store = real_program[1].records()
    yield store
    store.close()


@pytest.fixture(scope="module")
def site(real_site: str, records: Store) -> str:
    """The whole program with two accounts, and questions that it could not answer."""
    accounts = Accounts(records)
    for name, role in (("anna", "editor"), ("ben", "staff")):
        if not accounts.find(name):
            accounts.add(name, WORD, role)  # type: ignore[arg-type]
    for question in ("what is bitcoin", "do you offer gift vouchers", "how often", "<b>is it</b> vegan"):
        ask_api(real_site, question)
    counted(records, "what is bitcoin", "do you offer gift vouchers", "<b>is it</b> vegan")
    return real_site


def sign_in(page: Page, site: str, name: str) -> Page:
    page.goto(f"{site}/staff")
    expect(page).to_have_url(f"{site}/staff/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(WORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site}/staff")
    return page


@pytest.fixture(scope="module")
def signed_in(browser: Browser, site: str) -> Iterator[BrowserContext]:
    """An editor's browser."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")  # type: ignore[arg-type]
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    context.set_default_timeout(15_000)
    sign_in(context.new_page(), site, "anna").close()
    yield context
    context.close()


@pytest.fixture
def staff(signed_in: BrowserContext, watch: Watch, site: str) -> Iterator[Page]:
    """A page of the editor's; afterwards it must have asked no other host and complained about nothing."""
    page = signed_in.new_page()
    watch.attach(page)
    yield page
    page.close()
    watch.check(site)


# --- every page ------------------------------------------------------------------------------------


def enquire(page: Page, site: str, text: str) -> Locator:
    """Type or paste an enquiry at the desk and press Enter."""
    page.goto(f"{site}/staff")
    page.get_by_label("Enquiry").fill(text)
    page.get_by_label("Enquiry").press("Enter")
    reply = page.get_by_role("heading", name="Reply", exact=True)
    reply.wait_for()
    return reply


def _page(path: str, heading: str) -> Reach:
    def reach(page: Page, site: str) -> Locator:
        page.goto(site + path)
        return page.get_by_role("heading", name=heading, level=1)

    return reach


def _login(page: Page, site: str) -> Locator:
    page.context.clear_cookies()
    page.goto(f"{site}/staff/login")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("wrong words in a row")
    page.get_by_role("button", name="Sign in").click()
    return page.get_by_role("alert")


def _urgent(page: Page, site: str) -> Locator:
    enquire(page, site, "How many sessions do I need?\n\nRegards\nAnna\nPS my lips are swelling and I can't breathe")
    return page.locator("article.urgent").first


def _opened(page: Page, site: str) -> Locator:
    enquire(page, site, "I am pregnant. Can I have it, and does it hurt?")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    expect(page.locator(".mark-lone").first).to_be_visible()
    return page.locator(".rules").first


def _teach(page: Page, site: str) -> Locator:
    page.goto(f"{site}/staff/queue")
    page.get_by_role("button", name=re.compile("Teach the bot.*what is bitcoin")).click()
    return page.get_by_role("heading", name="Teach the bot")


def _wording(page: Page, site: str) -> Locator:
    _teach(page, site)
    page.get_by_label("Answer it from a passage").check()
    return page.get_by_role("radio", name=re.compile("Answer from this passage")).first


def _preview(page: Page, site: str) -> Locator:
    _teach(page, site)
    fill_answer(page, "We take no bitcoin.")
    page.get_by_role("button", name="Before and after").click()
    return page.get_by_role("heading", name="After", exact=True)


def _incomplete(page: Page, site: str) -> Locator:
    _teach(page, site)
    page.get_by_role("button", name="Before and after").click()
    return page.get_by_role("alert")


PAGES: dict[str, Reach] = {
    "desk": _page("/staff", "Enquiry desk"),
    "letter": lambda page, site: enquire(page, site, LETTER),
    "urgent": _urgent,
    "opened": _opened,
    "queue": _page("/staff/queue", "What the bot could not answer"),
    "dismissed": _page("/staff/queue?tab=dismissed", "What the bot could not answer"),
    "teach": _teach,
    "wording": _wording,
    "preview": _preview,
    "incomplete": _incomplete,
    "taught": _page("/staff/taught", "What the bot was taught"),
    "insights": _page("/staff/insights", "What visitors ask"),
    "account": _page("/staff/account", "Account"),
    "nothing": _page("/staff/nothing", "There is nothing here"),
    "login": _login,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_staff_page_is_open_to_everybody_at_both_widths(
    browser: Browser, signed_in: BrowserContext, site: str, watch: Watch, name: str
) -> None:
    watch.excused = {"nothing": ("404",), "login": ("401",), "incomplete": ("400",)}.get(name, ())
    context = browser.new_context(reduced_motion="reduce")
    context.add_cookies(signed_in.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    watch.attach(page)
    for size in (DESKTOP, TABLET):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        expect(PAGES[name](page, site)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []
    context.close()
    watch.check(site)


# --- the desk by its keys --------------------------------------------------------------------------


def copied(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_the_desk_goes_by_keys_alone(staff: Page, site: str) -> None:
    enquire(staff, site, "caller wants to know how often it is done and if it hurts")
    reply = staff.locator(".answer")
    expect(reply).to_be_focused()
    staff.keyboard.press("Enter")
    expect(staff.locator("#spoken")).to_have_text("Copied.")
    assert copied(staff).startswith("Thank you for asking.")
    assert "[" not in copied(staff)
    staff.keyboard.press("ArrowDown")
    expect(staff.locator("article.item").first).to_be_focused()
    staff.keyboard.press("ArrowDown")
    expect(staff.locator("article.item").nth(1)).to_be_focused()
    staff.keyboard.press("Shift+Enter")
    expect(staff.locator("#spoken")).to_have_text("Copied with sources.")
    assert "/source/" in copied(staff)
    staff.keyboard.press("/")
    expect(staff.get_by_label("Enquiry")).to_be_focused()
    staff.keyboard.type("what is it / how deep")  # typed over the selected text, and the slash is a slash
    expect(staff.get_by_label("Enquiry")).to_have_value("what is it / how deep")


def test_a_reply_is_edited_and_copied_for_each_channel(staff: Page, site: str) -> None:
    enquire(staff, site, LETTER)
    expect(staff.locator("article.item.answered")).to_have_count(3)
    expect(staff.get_by_role("radio", name="E-mail")).to_be_checked()
    draft = staff.get_by_label("Reply for an e-mail")
    expect(draft).to_have_value(re.compile(r"^Hello,\n\nthank you for your message\."))
    draft.fill("Dear Ms Lindgren, it does. [1]")
    staff.get_by_role("button", name="Copy with sources").click()
    assert copied(staff).startswith("Dear Ms Lindgren, it does. [1]\n\nSources:\n[1] ")
    staff.get_by_role("button", name="Copy", exact=True).click()
    expect(staff.locator("#spoken")).to_have_text("Copied.")
    assert copied(staff) == "Dear Ms Lindgren, it does."
    staff.get_by_role("radio", name="E-mail").press("ArrowRight")
    expect(staff.get_by_label("Reply for a chat")).to_be_visible()
    expect(draft).to_be_hidden()


# --- the whole loop --------------------------------------------------------------------------------


def fill_answer(page: Page, text: str) -> None:
    """An answer of our own that rests on the first sentence offered."""
    page.get_by_label("Answer", exact=True).fill(text)
    page.get_by_role("checkbox").first.check()


def visitor_gets(opened: Opener, site: str, question: str, status: str) -> str:
    page = opened(site)
    reply = ask(page, question)
    expect(reply).to_have_class(re.compile(rf"\b({status})\b"))
    text = reply.inner_text()
    page.close()  # each open chat holds one of the browser's six connections
    return text


def test_the_whole_loop_from_a_visitor_s_question_to_its_answer_and_back(
    opened: Opener, staff: Page, site: str, records: Store
) -> None:
    assert ANSWER not in visitor_gets(opened, site, DOG, FAILED)
    visitor_gets(opened, site, DOG_TOO, FAILED)
    counted(records, DOG, DOG_TOO)
    staff.goto(f"{site}/staff/queue")
    entry = staff.get_by_role("listitem").filter(has=staff.get_by_role("heading", name=DOG))
    expect(entry).to_contain_text("Asked 2 times")
    entry.get_by_text("Also asked like this").click()
    expect(entry.get_by_text(DOG_TOO)).to_be_visible()
    entry.get_by_role("button", name="Teach the bot").click()
    expect(staff.get_by_label("Questions, one a line")).to_have_value(f"{DOG}\n{DOG_TOO}")
    fill_answer(staff, ANSWER)
    staff.get_by_role("button", name="Before and after").click()
    expect(staff.get_by_role("region", name="Before", exact=True)).not_to_contain_text(ANSWER)
    expect(staff.get_by_role("region", name="After", exact=True)).to_contain_text(ANSWER)
    staff.get_by_role("button", name="Teach it").click()
    expect(staff.get_by_text("Taught. The bot does so from now on.")).to_be_visible()
    for question in (DOG, DOG_TOO, "is it ok if my dog comes to the appointment"):
        assert ANSWER in visitor_gets(opened, site, question, "answered")
    assert DOG in [question for _, question, _ in taught_questions(records)]
    staff.get_by_role("link", name=re.compile(f"Show.*{DOG}")).click()
    expect(staff.get_by_role("region", name="After", exact=True)).not_to_contain_text(ANSWER)
    staff.get_by_role("button", name="Undo it").click()
    expect(staff.get_by_text("Undone. The bot answers as before.")).to_be_visible()
    assert ANSWER not in visitor_gets(opened, site, DOG, FAILED)
    assert DOG not in [question for _, question, _ in taught_questions(records)]
    staff.goto(f"{site}/staff/queue")
    expect(entry).to_contain_text("New")


def test_who_only_answers_sees_no_teaching_and_is_signed_out_for_good(browser: Browser, site: str) -> None:
    context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]
    page = sign_in(context.new_page(), site, "ben")
    enquire(page, site, "does it hurt")
    expect(page.get_by_role("button", name="Teach")).to_have_count(0)
    page.goto(f"{site}/staff/queue")
    expect(page.get_by_role("button", name="Take it on").first).to_be_visible()
    expect(page.get_by_role("button", name="Teach")).to_have_count(0)
    page.goto(f"{site}/staff/teach")
    expect(page.get_by_role("alert")).to_contain_text("Teaching is for editors")
    page.goto(f"{site}/staff/queue")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site}/staff/login")
    page.go_back()
    page.reload()
    expect(page).to_have_url(f"{site}/staff/login")
    context.close()
