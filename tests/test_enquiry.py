"""Enquiries as they come in: what surrounds the questions is dropped, each is found, and nothing urgent is missed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot import enquiry
from bot.enquiry import Found, answered, asking, sentences
from bot.pipeline import Bot
from bot.schema import Reply, Turn
from bot.stage import ask
from tests.conftest import ROOT

LETTER = (ROOT / "tests" / "enquiry.txt").read_text(encoding="utf-8")


def letter(text: str) -> list[str]:
    """The sentences that are read of an enquiry."""
    return sentences(enquiry._written(text))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hi there,\n\nDoes it hurt?\n\nKind regards\nAnna Berg\nTel. 555-0142", ["Does it hurt?"]),
        ("Does it hurt?\n\nSent from my phone", ["Does it hurt?"]),
        ("Good morning! Does it hurt?", ["Good morning!", "Does it hurt?"]),
        ("Subject: Re: how often is it done?\nFrom: a@b.example\n\nthanks!", ["how often is it done?"]),
        ("Does it hurt?\n-- \nAnna Berg\nExample Ltd", ["Does it hurt?"]),
        ("Thanks. Does it hurt?\n\nOn 2 Nov 2026 at 9:12, Clinic wrote:\n> Is it red?\n> How long?",
         ["Thanks.", "Does it hurt?"]),
        ("Yes please.\n-----Original Message-----\nFrom: Clinic\nWould you like to book?", ["Yes please."]),
        ("> Is it red?\nNo, but does it hurt?", ["No, but does it hurt?"]),
        ("> Does it hurt?", ["Does it hurt?"]),
        ("-------- Forwarded message --------\nFrom: Anna\nDoes it hurt?", ["Does it hurt?"]),
        ("[10:02] Agent: Hello, how can I help?\n[10:03] Caller: does it hurt?\n10:04 Me: Wait.", ["does it hurt?"]),
        ("I would like to know how long my skin would stay red after\nthe treatment.",
         ["I would like to know how long my skin would stay red after the treatment."]),
        ("It's red. How long does it last and does it hurt?", ["It's red.", "How long does it last", "does it hurt?"]),
        ("Regards,\nAnna\nPS I forgot to ask whether one should stop running before it.",
         ["PS I forgot to ask whether one should stop running before it."]),
    ],
)  # fmt: skip
def test_what_surrounds_the_questions_is_dropped(text: str, left: list[str]) -> None:
    assert letter(text) == left


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("Does it hurt?", True),
        ("how long is it red", True),
        ("I am worried about the pain.", True),
        ("I'd like to know what it costs.", True),
        ("caller wants price", True),
        ("Please let me know how often I should come.", True),
        ("I live in the city centre.", False),
        ("Could you please help me?", False),
        ("I have a few questions.", False),
        ("can be reached by telephone", False),
        ("Can I have it", True),
        ("whats the difference to a roller", True),
        ("How are you?", False),
        ("Really?", False),
        ("???", False),
    ],
)
def test_what_asks_something_that_could_be_looked_up(piece: str, expected: bool) -> None:
    assert asking(piece) is expected


class Asked:
    """Replies by a word in the last message; remembers what it was asked."""

    def __init__(self, **replies: Reply) -> None:
        self.replies = replies
        self.messages: list[list[str]] = []

    def __call__(self, messages: Sequence[str]) -> Reply:
        self.messages.append(list(messages))
        found = (reply for word, reply in self.replies.items() if word in messages[-1].lower())
        return next(found, Reply("abstained", "not covered"))


HURT = Reply("answered", "a little", confidence=0.9)
URGENT = Reply("urgent", "call 112")
CARE = Reply("caution", "ask your doctor")


def test_what_is_urgent_comes_first_wherever_it_stands() -> None:
    ask = Asked(breathe=URGENT, hurt=HURT, pregnant=CARE)
    found = answered("Does it hurt?\n\nI am pregnant.\n\nKind regards\nAnna\nPS I can't breathe", ask)
    assert [(f.text, f.reply.status) for f in found] == [
        ("PS I can't breathe", "urgent"),
        ("I am pregnant.", "caution"),
        ("Does it hurt?", "answered"),
    ]


def test_what_is_urgent_across_sentences_or_at_the_end_of_ten_pages_is_seen() -> None:
    class Whole(Asked):
        def __call__(self, messages: Sequence[str]) -> Reply:
            both = all(word in messages[-1] for word in ("lips", "swollen"))
            return URGENT if both else super().__call__(messages)

    story = "We went to the sea and it was sunny. " * 400
    found = answered(f"Does it hurt? {story}Look at my lips. Now they are swollen.", Whole(hurt=HURT))
    assert found[0].reply is URGENT
    assert "Now they are swollen" in found[0].text


def test_what_the_clinic_wrote_before_alarms_nobody() -> None:
    text = "Does it hurt?\n\nOn 2 Nov 2026 at 9:12, Clinic wrote:\n> Call 112 if you can't breathe."
    assert [f.reply for f in answered(text, Asked(hurt=HURT, breathe=URGENT))] == [HURT]


def test_a_question_is_read_with_what_was_told_before_it() -> None:
    ask = Asked(hurt=HURT)
    answered("My skin is scarred. It was acne. Does it hurt?", ask)
    assert ["My skin is scarred. It was acne.", "Does it hurt?"] in ask.messages


def test_where_the_story_only_confuses_the_question_is_asked_alone() -> None:
    class Alone(Asked):
        def __call__(self, messages: Sequence[str]) -> Reply:
            return super().__call__(messages) if len(messages) == 1 else Reply("abstained", "")

    found = answered("I run a lot. Does it hurt?", Alone(hurt=HURT))
    assert found == (Found("Does it hurt?", "asked", HURT),)


def test_remarks_that_ask_nothing_get_no_reply_and_requests_do() -> None:
    def handoff(rule: str) -> Reply:
        return Reply("handoff", rule, why={"safety": {"labels": [{"situation": "handoff", "rule": rule}]}})

    ask = Asked(tuesday=handoff("handoff:booking"), monday=handoff("prototypes.toml:handoff"), thanks=CARE)
    found = answered("Thanks for the cream. I was there on Monday. I will come on Tuesday. Does it hurt?", ask)
    assert [f.text for f in found] == ["I will come on Tuesday.", "Does it hurt?"]


def test_half_a_sentence_is_a_question_and_nothing_is_none() -> None:
    assert [f.text for f in answered("downtime after", Asked())] == ["downtime after"]
    assert answered("", Asked()) == ()
    assert answered(" \n> \n", Asked()) == ()


def test_there_is_an_end_to_what_is_answered() -> None:
    found = answered("Does it hurt? " * 500, Asked(hurt=HURT))
    assert len(found) == enquiry.MAX_FOUND


def test_a_letter_of_300_words_with_three_questions_gets_three_cited_answers(shipped_bot: Bot) -> None:
    assert len(LETTER.split()) >= 300
    found = answered(LETTER, lambda messages: ask(shipped_bot, [Turn("user", m) for m in messages], explain=True))
    assert [f.reply.status for f in found] == ["answered"] * 3
    for one, about in zip(found, ("hurts", "redness", "how many treatments"), strict=True):
        assert about in one.text
        assert one.reply.citations
        assert one.reply.why
