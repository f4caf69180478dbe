"""What was taught is given to its question and its rewordings, at once, and never over what safety decided."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.pipeline import Bot
from bot.schema import Passage, Reply, Turn
from bot.teaching import EMPTY, Cite, Lesson, Overlay
from tests.conftest import ROOT

TODAY = datetime.date(2026, 11, 21)
AT = "2026-11-13T09:00:00Z"
TEXT = "Wait a day before you fly, drink water, and keep your face out of the sun."


def passage(bot: Bot, heading: str, start: str = "") -> Passage:
    """The first passage under a heading, of an article if one is given."""
    return next(p for p in bot.passages() if p.heading == heading and p.source_id.startswith(start))


def sun(bot: Bot) -> Passage:
    return passage(bot, "What does my skin look like after microneedling?")


def answer(bot: Bot, *wordings: str, text: str = TEXT, number: int = 7, **more: str) -> Lesson:
    return Lesson(number, "answer", wordings, text, (Cite.of(sun(bot), (0,)),), "anna", AT, more.get("review_by"))


def ask(bot: Bot, lessons: Sequence[Lesson], *messages: str) -> Reply:
    return bot.ask([Turn("user", message) for message in messages], overlay=bot.overlay_of(lessons))


@pytest.mark.parametrize(
    "message",
    [
        "can I fly after?",
        "CAN I FLY AFTER",
        "Hi, may I fly afterwards?",
        "is flying ok after it",
        "can i fly home on the plane after",
        "how soon can i fly",
    ],
)
def test_an_approved_answer_wins_for_its_question_and_its_rewordings(shipped_bot: Bot, message: str) -> None:
    assert ask(shipped_bot, [], message).status != "answered" or "fly" not in ask(shipped_bot, [], message).answer
    reply = ask(shipped_bot, [answer(shipped_bot, "can I fly after?", "how long until i can get on a plane")], message)
    assert (reply.status, reply.lesson, reply.confidence) == ("answered", 7, 1.0)
    assert reply.answer.startswith(f"Answered by the clinic itself on 13 November 2026: {TEXT} ")
    assert reply.disclaimers
    (citation,) = reply.citations
    article = shipped_bot.article(citation.source_id)
    assert article is not None
    assert article.text[citation.start : citation.end] == citation.quote
    assert f"{citation.quote} [1]" in reply.answer
    assert "lesson" not in reply.to_dict()


@pytest.mark.parametrize(
    "message",
    [
        "can I swim after?",
        "can I fly before?",
        "can't I fly after?",
        "does it hurt",
        "how long does it take",
        "can i go to the gym",
    ],
)
def test_it_does_not_win_for_other_questions(shipped_bot: Bot, message: str) -> None:
    lessons = [answer(shipped_bot, "can I fly after?", "how long until i can get on a plane")]
    reply, without = ask(shipped_bot, lessons, message), ask(shipped_bot, [], message)
    assert reply.lesson is None
    assert (reply.status, reply.answer) == (without.status, without.answer)


def test_a_wording_is_another_way_to_ask_a_passage(shipped_bot: Bot) -> None:
    meant = next(p for p in shipped_bot.passages() if "stings and burns" in p.text)
    lesson = Lesson(3, "wording", ("is it a squealer",), cites=(Cite.of(meant),), author="bo", at=AT)
    assert ask(shipped_bot, [], "is it a squealer").lesson is None
    for message in ("is it a squealer", "is it a real squealer?"):
        reply = ask(shipped_bot, [lesson], message)
        assert (reply.status, reply.lesson) == ("answered", 3)
        assert meant.text in [citation.passage for citation in reply.citations]


def test_never_hands_over_and_wins_over_an_answer(shipped_bot: Bot) -> None:
    assert ask(shipped_bot, [], "does it hurt").status == "answered"
    lesson = Lesson(4, "never", ("does it hurt",), author="bo", at=AT)
    for message in ("does it hurt", "Does it hurt?"):
        reply = ask(shipped_bot, [lesson], message)
        assert (reply.status, reply.lesson, reply.citations) == ("handoff", 4, ())
        assert reply.answer == shipped_bot.texts["handoff"]


def test_of_two_questions_each_gets_its_own(shipped_bot: Bot) -> None:
    both = "Can I fly after? And how long does a session take?"
    reply = ask(shipped_bot, [answer(shipped_bot, "can I fly after?")], both)
    assert (reply.status, reply.lesson) == ("answered", 7)
    assert TEXT in reply.answer
    assert "30 minutes" in reply.answer
    reply = ask(shipped_bot, [Lesson(4, "never", ("can I fly after?",), author="bo", at=AT)], both)
    assert (reply.status, reply.lesson) == ("handoff", 4)
    assert "30 minutes" in reply.answer


def test_a_hand_over_by_a_rule_gives_way_to_the_clinic_s_own_answer(shipped_bot: Bot) -> None:
    message = "do you have parking"
    assert ask(shipped_bot, [], message).status == "handoff"
    reply = ask(shipped_bot, [answer(shipped_bot, message, text="There is a car park behind the house.")], message)
    assert (reply.status, reply.lesson) == ("answered", 7)


def test_a_follow_up_that_leans_on_another_question_is_not_matched(shipped_bot: Bot) -> None:
    lessons = [answer(shipped_bot, "and for scars?")]
    reply = ask(shipped_bot, lessons, "how many sessions do i need", "and for scars?")
    assert reply.lesson is None


def test_a_question_that_stands_alone_is_matched_later_too(shipped_bot: Bot) -> None:
    assert ask(shipped_bot, [answer(shipped_bot, "can I fly after?")], "hello", "can I fly after?").lesson == 7


def messages_that_warn() -> list[str]:
    """Every seventh of the development set's urgent, cautious and abusive first messages."""
    lines = (ROOT / "tests" / "regression" / "safety.jsonl").read_text(encoding="utf-8").splitlines()
    items = [item for item in map(json.loads, lines) if item["split"] == "dev" and len(item["turns"]) == 1]
    return [item["turns"][0] for item in items if item["expect"] in ("urgent", "caution", "refuse")][::7]


def test_safety_comes_first(shipped_bot: Bot) -> None:
    """Each message has been taught an answer word for word; where safety decides, none is given."""
    messages = messages_that_warn()
    lessons = [answer(shipped_bot, message, number=n) for n, message in enumerate(messages)]
    overlay = shipped_bot.overlay_of(lessons)
    decided = []
    for message in messages:
        turns = [Turn("user", message)]
        without, reply = shipped_bot.ask(turns), shipped_bot.ask(turns, overlay=overlay)
        if without.status in ("urgent", "caution", "refused"):
            decided.append(without.status)
            assert (reply.status, reply.answer, reply.lesson) == (without.status, without.answer, None), message
    assert set(decided) == {"urgent", "caution", "refused"}
    assert len(decided) > 0.9 * len(messages) > 25


def test_a_reminder_of_an_emergency_stays(shipped_bot: Bot) -> None:
    """Whatever is taught, the reply after an urgent one recalls it as it would without."""
    told = ("my face is swelling up and i cant breathe", "what machine do you use", "can I fly after?")
    never = Lesson(4, "never", ("what machine do you use",), author="bo", at=AT)
    for last in (2, 3):
        without = ask(shipped_bot, [], *told[:last])
        reply = ask(shipped_bot, [never, answer(shipped_bot, "can I fly after?")], *told[:last])
        recalled = shipped_bot.texts["urgent_reminder"] in without.answer or without.status == "urgent"
        assert recalled == (shipped_bot.texts["urgent_reminder"] in reply.answer or reply.status == "urgent")
        assert recalled or last == 3


def test_what_was_told_before_still_counts(shipped_bot: Bot) -> None:
    """A pregnancy that was disclosed earlier makes the suitability question a caution, taught or not."""
    lessons = [answer(shipped_bot, "so can i have it done next week?", text="Yes, from Monday on.")]
    told = ("I am 20 weeks pregnant", "so can i have it done next week?")
    without = shipped_bot.ask([Turn("user", message) for message in told])
    assert without.status == "caution"
    assert ask(shipped_bot, lessons, *told).lesson is None


@pytest.mark.parametrize(
    "text", ["It is completely painless.", "You can have it, you are a good candidate.", "Take 400 mg."]
)
def test_an_answer_that_breaks_a_rule_is_not_given(shipped_bot: Bot, text: str) -> None:
    reply = ask(shipped_bot, [answer(shipped_bot, "can I fly after?", text=text)], "can I fly after?")
    assert (reply.status, reply.lesson, reply.answer) == ("handoff", None, shipped_bot.texts["failsafe"])


def test_an_answer_whose_passage_changed_is_stale_and_stops_winning(shipped_bot: Bot) -> None:
    lesson = answer(shipped_bot, "can I fly after?")
    others = [p for p in shipped_bot.passages() if p.id != sun(shipped_bot).id]
    changed = replace(sun(shipped_bot), text=sun(shipped_bot).text.replace("red", "pink"))
    overlay = Overlay([lesson], [*others, changed], shipped_bot.read)
    assert overlay.flag(lesson, TODAY) == "stale"
    assert shipped_bot.ask([Turn("user", "can I fly after?")], overlay=overlay).lesson is None
    moved = replace(sun(shipped_bot), id="000-x#99")  # the same text elsewhere in the article is no change
    assert Overlay([lesson], [*others, moved], shipped_bot.read).flag(lesson, TODAY) == "active"


@pytest.mark.parametrize(
    ("review_by", "flag", "given"),
    [
        (None, "active", True),
        ("2027-06-01", "active", True),
        ("2026-12-01", "due", True),
        ("2026-11-21", "due", True),
        ("2026-11-20", "overdue", False),
    ],
)
def test_an_answer_is_given_until_its_review(shipped_bot: Bot, review_by: str | None, flag: str, given: bool) -> None:
    lesson = replace(answer(shipped_bot, "can I fly after?"), review_by=review_by)
    overlay = shipped_bot.overlay_of([lesson])
    assert overlay.flag(lesson, TODAY) == flag
    assert bool(overlay.match(shipped_bot.read("can I fly after?"), TODAY)) == given


def test_what_was_undone_is_not_given(shipped_bot: Bot) -> None:
    lesson = replace(answer(shipped_bot, "can I fly after?"), undone_by="bo", undone_at=AT)
    overlay = shipped_bot.overlay_of([lesson])
    assert overlay.flag(lesson, TODAY) == "undone"
    assert not overlay
    assert not EMPTY


def test_the_nearest_of_two_wins(shipped_bot: Bot) -> None:
    lessons = [answer(shipped_bot, "can I fly after?", number=1), answer(shipped_bot, "can I drive after?", number=2)]
    assert ask(shipped_bot, lessons, "can I drive afterwards").lesson == 2
    assert ask(shipped_bot, lessons, "can I fly afterwards").lesson == 1
