"""Replies ready to send: what each channel says, numbers, what is never shortened, what comes first."""

from __future__ import annotations

import re

import pytest

from bot.draft import CHANNELS, Channel, Draft, Own, draft, ours, single
from bot.enquiry import Found
from bot.schema import Citation, Reply
from tests.fake_bot import CREAM, NOTE, PLAIN, SCRATCH, UNDATED, FakeBot, cite

BOT = FakeBot()
OWN = Own("Example Clinic", BOT.texts, "https://faq.example")


def found(question: str, reply: Reply | None = None) -> Found:
    return Found(question, "asked", reply or BOT.ask_one(question))


def made(channel: Channel, *parts: Found) -> Draft:
    return draft(parts, channel, OWN)


HURT, OFTEN, BITCOIN = found("Does it hurt?"), found("How often?"), found("And bitcoin?")
PREGNANT = Found("I am pregnant.", "told", BOT.ask_one("pregnant"))
URGENT = Found("I can't breathe", "told", BOT.ask_one("breathe"))


def test_an_email_has_greeting_questions_numbers_notes_and_closing() -> None:
    assert made("email", HURT, BITCOIN).text == (
        "Hello,\n\nthank you for your message.\n\n"
        f"You asked: Does it hurt?\n{CREAM} [1] {SCRATCH} [2]\n\n"
        "You asked: And bitcoin?\nWe will answer this one ourselves and come back to you soon.\n\n"
        f"{NOTE[0]}\n\nKind regards\nExample Clinic"
    )


def test_footnotes_name_article_and_address_once_each() -> None:
    sources = made("email", HURT, OFTEN, HURT).sources.split("\n")
    assert sources[0] == "Sources:"
    assert [line[:4] for line in sources[1:]] == ["[1] ", "[2] "]
    assert sources[1].startswith(
        "[1] How it works, “Does it hurt?” (Example Skin Journal, 19 January 2024) https://faq.example/source/003-how-it-works?"
    )


def test_numbers_follow_the_whole_reply() -> None:
    other = Reply("answered", f"{SCRATCH} [1]", (cite(UNDATED, SCRATCH, 1),), disclaimers=NOTE)
    plain = Reply("answered", f"{CREAM} [1]", (cite(PLAIN, CREAM, 1),), disclaimers=NOTE)
    text = made("chat", found("a", other), found("b", plain), found("c", other)).text
    assert f"{SCRATCH} [1]" in text
    assert f"{CREAM} [2]" in text
    assert text.count(SCRATCH) == 1  # two questions with one answer


def test_on_the_telephone_there_are_no_numbers_and_few_words() -> None:
    text = made("phone", HURT, OFTEN).text
    assert "[" not in text
    assert "You asked" not in text
    assert text.startswith("Thank you for asking.")
    assert "Articles differ on interval between sessions: 6 weeks or 4 weeks." in text
    assert "General information, not medical advice." in text


def test_a_long_answer_is_shortened_on_the_telephone_but_not_what_stands_beside_it() -> None:
    quotes = [f"Sentence {i} of an article, which is long enough to fill ten seconds." for i in range(5)]
    citations = tuple(
        Citation(i, "a", "A", None, None, "s", "p", quote, i * 100, i * 100 + 50, 0, "original")
        for i, quote in enumerate(quotes, 1)
    )
    warning = "Redness that spreads needs help the same day."
    answer = " ".join(f"{q} [{i}]" for i, q in enumerate(quotes, 1)).replace("[4]", f"[4] {warning}")
    text = made("phone", found("q", Reply("answered", f"{answer} {NOTE[0]}", citations))).text
    assert quotes[0] in text
    assert quotes[4] not in text
    assert warning in text
    assert NOTE[0] in text


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_is_urgent_is_said_first_and_alone(channel: Channel) -> None:
    text = made(channel, URGENT, PREGNANT, HURT).text
    assert text.startswith("This could be an emergency. Call 112 now")
    assert CREAM not in text
    assert "automated assistant" not in text  # a person sends it
    assert "We will come back to your other questions" in text


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_caution_is_kept_whole(channel: Channel) -> None:
    text = made(channel, PREGNANT).text
    assert re.sub(r" \[1\]", "", PREGNANT.reply.answer).replace("\n", " ") in re.sub(r" \[1\]|\n", " ", text).replace(
        "  ", " "
    )


@pytest.mark.parametrize("channel", CHANNELS)
def test_one_answer_copied_alone_carries_what_must_be_said_first(channel: Channel) -> None:
    every = (PREGNANT, HURT, OFTEN)
    text = single(HURT, every, channel, OWN).text
    assert text.index(BOT.texts["caution_pregnancy"][:40]) < text.index(
        "Most people" if channel == "phone" else SCRATCH
    )
    assert "six weeks" not in text
    assert single(OFTEN, (URGENT, PREGNANT, OFTEN), channel, OWN).text.startswith("This could be an emergency.")
    assert "pregnan" not in single(URGENT, (URGENT, PREGNANT), channel, OWN).text


def test_each_disclaimer_is_said_once_and_in_full() -> None:
    short = BOT.texts["disclaimer_general_short"]
    again = Reply("answered", "x", disclaimers=(short, "Results vary."))
    text = made("email", HURT, found("b", again)).text
    assert text.count(NOTE[0]) == 1
    assert short not in text.replace(NOTE[0], "")
    assert text.count("Results vary.") == 1


@pytest.mark.parametrize("word", ["bitcoin", "long", "book"])
def test_what_only_the_clinic_can_answer_is_never_the_bots_text(word: str) -> None:
    one = found(word)
    assert ours(one.reply)
    for channel in CHANNELS:
        assert one.reply.answer not in made(channel, one).text
        assert "We will answer this one ourselves" in made(channel, one).text


def test_markup_and_controls_stay_text() -> None:
    text = made("email", found("evil\u202e\x00")).text
    assert "\u202e" not in text
    assert "\x00" not in text
