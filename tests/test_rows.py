"""What is embedded, what of it a question is compared with, and how conversations are written in one line."""

from __future__ import annotations

import numpy as np
import pytest

from bot.bank import Entry
from bot.rows import (
    ASKED,
    EXAMPLE,
    LAST,
    MOST_SEARCHED,
    QUESTION,
    SENTENCE,
    STRAY,
    STRAY_SHARE,
    UNCOVERED,
    WHOLE,
    Rows,
    asked_for,
    rows_of,
    searched,
)
from bot.schema import Passage, Sentence, before, joined, parted


def passage(wordings: int = 0, conversations: tuple[str, ...] = ()) -> Passage:
    """A passage of one sentence with so many wordings."""
    questions = tuple(f"wording {n}" for n in range(wordings))
    return Passage("a#0", "a", 0, 4, "Oil.", ("Oil?",), questions, (Sentence(0, 4, "Oil."),), conversations)


@pytest.mark.parametrize(
    ("talk", "wanted"),
    [
        ("is it sore || for long?", ("is it sore", "for long?")),
        ("hi || is it sore || for long?", ("hi. is it sore", "for long?")),
        ("hi || is it sore || ok || for long?", ("is it sore. ok", "for long?")),
    ],
)
def test_a_conversation_in_one_line_is_parted(talk: str, wanted: tuple[str, str]) -> None:
    assert parted(talk) == wanted


def test_nothing_is_before_the_first_message() -> None:
    assert before([]) == ""


def test_a_conversation_is_two_rows_of_its_passage() -> None:
    rows, texts = rows_of([passage(1, ("is it sore || for long?",))], [])
    last = np.flatnonzero((rows.kind == LAST) & (rows.passage == 0))
    assert [(rows.kind[n], rows.passage[n], texts[n]) for n in (*last, *(last + 1))] == [
        (LAST, 0, "for long?"),
        (WHOLE, 0, "is it sore || for long?"),
    ]


def test_a_message_is_joined_to_what_was_said_before() -> None:
    assert joined(*parted("is it sore || for long?")) == "is it sore || for long?"
    assert joined("", "is it sore") == "is it sore"


def test_beside_conversations_wordings_are_also_said_after_another_one() -> None:
    rows, texts = rows_of([passage(30, ("is it sore || for long?",))], [])
    wordings = {rows.item[n]: texts[n] for n in np.flatnonzero(rows.kind == QUESTION)}
    stray = np.flatnonzero(rows.kind == STRAY)
    assert 0 < len(stray) < len(wordings)
    for n in stray:
        earlier, last = parted(texts[n])
        assert last == wordings[rows.item[n]]
        assert earlier in wordings.values() and earlier != last
    assert not (rows_of([passage(30)], [])[0].kind == STRAY).any()


def test_a_new_wording_leaves_the_other_pairs_as_they_are() -> None:
    def strays(count: int) -> set[str]:
        rows, texts = rows_of([passage(count, ("is it sore || for long?",))], [])
        return {texts[n] for n in np.flatnonzero(rows.kind == STRAY)}

    assert 300 / STRAY_SHARE / 2 < len(strays(300)) < 2 * 300 / STRAY_SHARE
    assert all(len(strays(count) ^ strays(count + 1)) <= 3 for count in range(290, 300))


def test_conversations_of_the_bank_are_of_its_entries() -> None:
    bank = [
        Entry(name, ("Oil.",), ("oil?",), frozenset(), "", talks) for name, talks in (("a", ()), ("b", ("x || y",)))
    ]
    rows, texts = rows_of([passage()], [], bank)
    own = np.flatnonzero((rows.kind == LAST) & (rows.item >= 0))
    assert [(rows.passage[n], rows.item[n], texts[n], texts[n + 1]) for n in own] == [(-1, 1, "y", "x || y")]


def test_what_is_of_no_passage_comes_last() -> None:
    rows, texts = rows_of([passage(3)], [])
    aside = np.isin(rows.kind, (UNCOVERED, EXAMPLE, ASKED))
    assert len(texts) == len(rows.kind)
    assert aside.any() and not aside[: (~aside).sum()].any()
    assert set(rows.passage[aside]) == {-1}


def test_known_conversations_that_are_not_covered_are_of_no_passage() -> None:
    rows, _ = rows_of([passage(1, ("is it sore || for long?",))], [])
    assert set(rows.passage[rows.kind == LAST]) == {0, -1}
    alone, _ = rows_of([passage(1)], [])
    assert not (alone.kind == LAST).any()


@pytest.mark.parametrize("wordings", [0, 1, MOST_SEARCHED - 1, MOST_SEARCHED, 3 * MOST_SEARCHED])
def test_of_many_wordings_some_are_searched_and_the_heading_always(wordings: int) -> None:
    rows, texts = rows_of([passage(wordings)], [])
    kept = searched(rows)
    own = (rows.kind == QUESTION) & (rows.passage == 0)
    found = [text for text, keep in zip(texts, kept & own, strict=True) if keep]
    assert found[0] == "Oil?"
    assert min(1 + wordings, MOST_SEARCHED / 2) <= len(found) <= MOST_SEARCHED
    assert not kept[np.isin(rows.kind, (WHOLE, STRAY))].any()
    assert kept[~own & ~np.isin(rows.kind, (WHOLE, STRAY))].all()


def test_a_wording_asks_for_the_nearest_sentence_of_its_passage() -> None:
    kinds = [QUESTION, SENTENCE, SENTENCE, LAST, WHOLE, QUESTION, SENTENCE, LAST, UNCOVERED]
    rows = Rows(np.asarray(kinds), np.asarray([0, 0, 0, 0, 0, 1, 1, -1, -1]), np.asarray([0, 0, 1, 0, 0, 0, 0, -1, 0]))
    near = np.asarray([[0, 1], [1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1], [0, 1]], dtype=np.float32)
    assert asked_for(rows, near.__getitem__).tolist() == [1, 0, 1, 1, 0, 0, 0, 0, 0]


def test_rows_of_a_mask() -> None:
    rows = Rows(np.asarray([0, 1, 2]), np.asarray([4, 5, 6]), np.asarray([7, 8, 9]))
    kept = rows.only(np.asarray([True, False, True]))
    assert (list(kept.kind), list(kept.passage), list(kept.item)) == ([0, 2], [4, 6], [7, 9])
