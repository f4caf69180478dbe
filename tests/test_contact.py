"""Handing a question over: only ways that the clinic has set, and the question in no address of ours."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from bot.clinic import Clinic
from bot.contact import MAIL_CHARS, ask_clinic_html
from bot.interface import Words
from bot.schema import STATUSES, Reply, Status
from tests.fake_bot import HOSTILE
from tests.test_render import Page

FULL = Clinic(phone="+46 8 123 45", email="hi+faq@clinic.example", booking_url="https://clinic.example/book")


def hrefs(clinic: Clinic, question: str = "does it hurt?", status: Status = "abstained") -> list[str]:
    shown = ask_clinic_html(Reply(status, "x"), question, clinic)
    assert "\n" not in shown
    return [str(a["href"]) for a in Page(shown).all("a", "way")]


def test_each_way_that_is_set_is_offered() -> None:
    mail, call, book = hrefs(FULL)
    assert (call, book) == ("tel:+46812345", "https://clinic.example/book")
    assert mail.startswith("mailto:hi+faq@clinic.example?subject=Question%20from%20your%20website&body=Hello")
    assert parse_qs(urlsplit(mail).query)["body"][0].endswith("from you:\r\n\r\ndoes it hurt?\r\n")


@pytest.mark.parametrize(
    ("clinic", "kinds"),
    [
        (Clinic(), []),
        (Clinic(phone="555-0142"), ["tel"]),
        (Clinic(phone="ask at the desk"), []),
        (Clinic(email="a@b.example"), ["mailto"]),
        (Clinic(booking_url="javascript:alert(1)"), []),
    ],
)
def test_what_is_not_set_is_not_offered(clinic: Clinic, kinds: list[str]) -> None:
    assert [href.partition(":")[0] for href in hrefs(clinic)] == kinds


@pytest.mark.parametrize("status", STATUSES)
def test_it_is_offered_where_the_bot_could_not_help(status: Status) -> None:
    assert bool(hrefs(FULL, status=status)) == (status in ("abstained", "handoff", "caution", "clarify"))


@pytest.mark.parametrize("question", [HOSTILE, "a&body=b#c\r\nbcc: x@y", "åäö \U0001f642 \ud800\u202e", "x" * 5000])
def test_any_question_stays_inside_the_letter(question: str) -> None:
    mail = urlsplit(hrefs(FULL, question)[0])
    assert mail.path == "hi+faq@clinic.example"
    assert list(parse_qs(mail.query)) == ["subject", "body"]
    assert mail.fragment == ""
    assert len(parse_qs(mail.query)["body"][0]) < MAIL_CHARS + 200


def test_an_empty_question_is_not_mailed() -> None:
    assert [href.partition(":")[0] for href in hrefs(FULL, " \n")] == ["tel", "https"]


def test_it_speaks_the_page_s_language() -> None:
    shown = Page(ask_clinic_html(Reply("handoff", "x"), "q", FULL, Words("de")))
    assert "Die Klinik fragen" in shown.text
    assert shown.all("div", "ask-clinic")[0]["lang"] == "de"
