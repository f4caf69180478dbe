"""Examples add what no rule saw, and never take a warning away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.memory import Told
from bot.pipeline import Bot
from bot.prototypes import (
    SITUATIONS,
    STATUSES,
    Guess,
    as_example,
    as_ordinary,
    digest,
    examples,
    labels,
    misread,
    uncovered_questions,
)
from bot.safety import Label, Verdict
from bot.schema import Turn


def test_the_examples_are_of_known_kinds_and_once_each() -> None:
    assert {name for name, _ in examples()} == {*SITUATIONS, *STATUSES} - {"urgent"}
    assert set(labels()) == set(STATUSES)
    texts = [text for _, text in examples()]
    assert len(set(texts)) == len(texts)
    assert len(set(uncovered_questions())) == len(uncovered_questions())
    assert len(digest()) == 64


@pytest.mark.parametrize("situation", SITUATIONS)
def test_an_example_is_urgent_itself(shipped_bot: Bot, situation: str) -> None:
    own = [text for name, text in examples() if name == situation][::40]
    assert {shipped_bot.ask([Turn("user", text)]).status for text in own} == {"urgent"}


def test_the_reason_is_told(shipped_bot: Bot) -> None:
    """A message that fired by likeness names the example; one that fired by rule names the rule."""
    for _, text in examples()[:400:20]:
        why = shipped_bot.ask([Turn("user", text)], explain=True).why
        assert why is not None
        assert why["safety"]["status"] == "urgent"
        assert why["safety"]["labels"][0]["rule"]


@pytest.mark.parametrize("text", ["does it hurt", "how often", "is redness normal", "can it cause an infection"])
def test_ordinary_questions_raise_no_alarm(shipped_bot: Bot, text: str) -> None:
    assert shipped_bot.ask([Turn("user", text)]).status != "urgent"


@pytest.mark.parametrize("status", ["caution", "handoff", "refused", "smalltalk"])
def test_most_examples_are_treated_as_they_are_grouped(shipped_bot: Bot, status: str) -> None:
    own = [text for name, text in examples() if name == status][::25]
    right = sum(shipped_bot.ask([Turn("user", text)]).status == status for text in own)
    assert right >= 0.8 * len(own)


def test_ordinary_examples_raise_no_alarm(shipped_bot: Bot) -> None:
    own = [text for name, text in examples() if name == "ordinary"][::10]
    assert sum(shipped_bot.ask([Turn("user", text)]).status == "urgent" for text in own) <= 0.02 * len(own)


@pytest.mark.parametrize(
    "talk", ["how many sessions || after that?", "makup before || sory meant AFTER", "how long red || and sex?"]
)
def test_a_scrap_of_a_question_is_no_small_talk_later_in_a_conversation(shipped_bot: Bot, talk: str) -> None:
    status = shipped_bot.ask([Turn("user", text) for text in talk.split(" || ")]).status
    assert status not in ("smalltalk", "handoff", "refused")


@pytest.mark.parametrize("text", ["thanks", "ok bye", "no that's all", "who am i talking to"])
def test_small_talk_stays_small_talk_later(shipped_bot: Bot, text: str) -> None:
    assert shipped_bot.ask([Turn("user", "does it hurt"), Turn("user", text)]).status == "smalltalk"


@pytest.mark.parametrize("text", ["it is possible make this also in the neck?", "which shares should I buy this year"])
def test_what_is_nearer_to_questions_is_treated_as_one(shipped_bot: Bot, text: str) -> None:
    """However sure the classifier is of a caution: nothing that it learned from is like the message."""
    assert shipped_bot.ask([Turn("user", text)]).status in ("answered", "abstained")


def test_what_is_remembered_outlives_an_example() -> None:
    """A reminder of an emergency and a disclaimer of what was disclosed stay in a later verdict."""
    label = Label("handoff", "price", "present", "handoff:price", "price")
    remembered = Verdict(None, (), lead="Reminder.", disclaimers=("pregnancy",), before_quotes=("medicine",))
    found = as_example(remembered, Verdict("handoff", (label,), "Ask us.", disclaimers=("general",)), "how much")
    assert found.lead == "Reminder. Ask us."
    assert found.disclaimers == ("pregnancy", "general")
    assert found.before_quotes == ("medicine",)


def test_a_rule_is_not_overruled_later_in_a_conversation() -> None:
    sure = Guess("ordinary", 0.99, 0.0)
    earlier = (Told(0, "urgent", (), "Call now.", ()),)
    assert misread(Verdict("smalltalk", ()), sure)
    assert not misread(Verdict("smalltalk", (), told=earlier), sure)
    assert not misread(Verdict("caution", ()), sure)
    assert not misread(Verdict("urgent", ()), sure)


def test_a_doubtful_caution_gives_way_to_a_sure_question() -> None:
    """Only such a one, and never to a question that comes after an emergency."""
    sure, unsure = Guess("ordinary", 0.99, 0.0), Guess("ordinary", 0.9, 0.0)
    earlier = (Told(0, "urgent", (), "Call now.", ()),)
    mention = Verdict("caution", (), disclaimers=("home",), doubtful=True)
    assert misread(mention, sure)
    assert not misread(mention, unsure)
    assert not misread(replace(mention, told=earlier), sure)
    assert not misread(replace(mention, doubtful=False), sure)
    assert as_ordinary(mention, "q").disclaimers == ("home",)


@pytest.mark.parametrize(
    ("asked", "own", "beside"),
    [
        (
            "it is true that from this can come the blister on the lip, cold sore?",
            "I get cold sores, can I have it",
            "Tell the practitioner about each illness",
        ),
        ("diy at home, dumb idea or fine", "can i do it myself at home, what mm", "Needling skin at home can cause"),
    ],
)
def test_a_mention_is_answered_and_a_disclosure_is_not(shipped_bot: Bot, asked: str, own: str, beside: str) -> None:
    """What stands beside a caution of that kind stands beside the answer, too: in it where a sentence concerns it."""
    reply, warned = (shipped_bot.ask([Turn("user", text)]) for text in (asked, own))
    assert reply.status == "answered"
    assert beside in " ".join([reply.answer, *reply.disclaimers[1:]])
    assert warned.status == "caution"
