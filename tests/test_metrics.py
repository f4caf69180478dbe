"""Measures of one reply: values worked out by hand, and ir-measures as the oracle on random rankings."""

from __future__ import annotations

import math
import random
from typing import Any

import ir_measures
import pytest
from ir_measures import RR, R, Success, nDCG

from bot.errors import MessageError
from bot.metrics import (
    ERROR_KINDS,
    RETRIEVAL,
    Item,
    error_kind,
    evidence,
    grade,
    judge,
    judgements,
    ndcg,
    recall,
    reciprocal_rank,
    retrieval,
    success,
    would_be_right,
)
from bot.schema import Citation, Passage, Reply
from bot.support import citation_support, own_sentences


def item(**more: Any) -> Item:
    raw = {"id": "a", "turns": ["how often"], "expect": "answer", "sources": ["001"], "facts": [["2 weeks"]], **more}
    return Item.parse(raw)


def cited(quote: str, source: str = "001-chain", passage: str = "", n: int = 1) -> Citation:
    return Citation(n, source, "T", None, None, "S", passage or quote, quote, 0, len(quote), 0, "original")


def answer(text: str, *citations: Citation, status: Any = "answered") -> Reply:
    return Reply(status, text, citations)


OILED = "The chain is oiled every 2 weeks."
RIGHT = answer(f"{OILED} [1]", cited(OILED))


# --- items -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        {"expect": "maybe"},
        {"turns": []},
        {"turns": "how often"},
        {"turns": [1]},
        {"facts": [["("]]},
        {"facts": ["2 weeks"]},
        {"forbid": ["*"]},
        {"sources": "001"},
        {"sources": None},
    ],
    ids=str,
)
def test_a_wrong_item_is_named(broken: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match=r"^item a: "):
        item(**broken)


@pytest.mark.parametrize("missing", ["id", "turns", "expect"])
def test_an_item_without_a_needed_field_is_refused(missing: str) -> None:
    raw = {"id": "a", "turns": ["x"], "expect": "answer"}
    del raw[missing]
    with pytest.raises(MessageError, match=missing):
        Item.parse(raw)


# --- right or not, and why -------------------------------------------------------------------

TWO_SIDES = {"facts": [["2 weeks"], ["3 days"]], "category": "differ"}
CASES: dict[str, tuple[dict[str, Any], Reply, str, str | None]] = {
    "right": ({}, RIGHT, "right", None),
    "case is ignored": ({"facts": [["2 WEEKS"]]}, RIGHT, "right", None),
    "any of a group": ({"facts": [["3 weeks", "2 weeks"]]}, RIGHT, "right", None),
    "a marker is no fact": ({"facts": [["1"]]}, RIGHT, "wrong", "wrong sentence"),
    "another article first": ({"sources": ["002"]}, RIGHT, "partial", "wrong source"),
    "nothing cited": ({}, answer(OILED), "wrong", "wrong source"),
    "in the passage only": ({}, answer("Oil. [1]", cited("Oil.", passage=OILED)), "partial", "wrong sentence"),
    "not at all": ({}, answer("Oil. [1]", cited("Oil.")), "wrong", "wrong sentence"),
    "one side": (TWO_SIDES, RIGHT, "wrong", "missed difference"),
    "no side": (TWO_SIDES, answer("Oil. [1]", cited("Oil.")), "wrong", "wrong sentence"),
    "one of two, no difference": ({"facts": [["2 weeks"], ["3 days"]]}, RIGHT, "wrong", "wrong sentence"),
    "forbidden": ({"forbid": ["oiled"]}, RIGHT, "wrong", "forbidden words"),
    "too long": ({}, answer("2 weeks " * 61 + "[1]", cited("2 weeks")), "partial", "too long"),
    "at the limit": ({}, answer("2 weeks " * 60 + "[1]", cited("2 weeks")), "right", None),
    "declined": ({}, answer("Not covered.", status="abstained"), "silent", "declined wrongly"),
    "handed over": ({}, answer("Ask the clinic.", status="handoff"), "silent", "declined wrongly"),
    "false alarm": ({}, answer("Call.", status="urgent"), "wrong", "false alarm"),
    "cautioned": ({}, answer("Ask a doctor.", status="caution"), "wrong", "wrong status"),
    "missed urgency": ({"expect": "urgent"}, RIGHT, "wrong", "missed urgency"),
    "urgent": ({"expect": "urgent"}, answer("Call.", status="urgent"), "right", None),
    "should have declined": ({"expect": "abstain"}, RIGHT, "wrong", "should have declined"),
    "asked back instead": ({"expect": "abstain"}, answer("Which?", status="clarify"), "right", None),
    "alarm where nothing is covered": ({"expect": "abstain"}, answer("Call.", status="urgent"), "wrong", "false alarm"),
    "handoff answered": ({"expect": "handoff"}, RIGHT, "wrong", "wrong status"),
    "forbidden in a caution": (
        {"expect": "caution", "forbid": ["fine"]}, answer("All is fine.", status="caution"), "wrong", "forbidden words",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("more", "reply", "outcome", "kind"), CASES.values(), ids=list(CASES))
def test_outcome_and_kind(more: dict[str, Any], reply: Reply, outcome: str, kind: str | None) -> None:
    assert judge(item(**more), reply) == outcome
    assert error_kind(item(**more), reply) == kind
    assert (outcome == "right") == (kind is None)


def test_every_kind_of_error_has_a_case() -> None:
    assert {kind for _, _, _, kind in CASES.values() if kind} | {"no reply"} == set(ERROR_KINDS)
    assert error_kind(item(), None) == "no reply"


@pytest.mark.parametrize(
    ("more", "text", "sources", "expected"),
    [
        ({}, OILED, ["001-chain"], True),
        ({}, OILED, ["002-tyres", "001-chain"], False),
        ({}, OILED, [], False),
        ({"sources": []}, OILED, [], True),
        ({}, "Oil it.", ["001-chain"], False),
        ({"forbid": ["oiled"]}, OILED, ["001-chain"], False),
        ({}, "2 weeks " * 61, ["001-chain"], False),
        ({"expect": "abstain", "facts": [], "sources": []}, OILED, ["001-chain"], False),
    ],
)
def test_what_was_composed_is_judged_whatever_was_decided(
    more: dict[str, Any], text: str, sources: list[str], expected: bool
) -> None:
    assert would_be_right(item(**more), text, sources) == expected


# --- retrieval -------------------------------------------------------------------------------


def passage(name: str, text: str) -> Passage:
    return Passage(name, name.split("#")[0], 0, len(text), text, (), (), ())


def test_passages_are_judged_by_their_text_and_article() -> None:
    both = item(facts=[["2 weeks"], ["3 days", "three days"]])
    passages = [
        passage("001-chain#0", "Every 2 weeks, three days in the rain."),
        passage("001-chain#1", "Every 2 WEEKS."),
        passage("001-chain#2", "Oil."),
        passage("002-tyres#0", "Every 2 weeks, every 3 days."),
    ]
    assert judgements(both, passages) == {"001-chain#0": 2, "001-chain#1": 1}
    assert grade(item(facts=[["2 weeks"]], sources=[]), "002-tyres", "every 2 weeks") == 2
    assert judgements(item(facts=[]), passages) == {}
    assert judgements(item(expect="abstain"), passages) == {}


def test_retrieval_measures_by_hand() -> None:
    grades = [0, 1, 2, 0, 0, 2]  # ranks 2, 3 and 6; five relevant in all: 2, 2, 2, 1, 1
    assert [success(grades, k) for k in (1, 2, 3)] == [0, 1, 1]
    assert reciprocal_rank(grades, 10) == 0.5
    assert reciprocal_rank([0] * 10 + [2], 10) == 0
    assert recall(grades, 5, 5) == 0.4
    got = 1 / math.log2(3) + 2 / math.log2(4) + 2 / math.log2(7)
    best = 2 / math.log2(2) + 2 / math.log2(3) + 2 / math.log2(4) + 1 / math.log2(5) + 1 / math.log2(6)
    assert ndcg(grades, [2, 2, 2, 1, 1], 10) == pytest.approx(got / best)
    qrels = {"b": 1, "c": 2, "f": 2, "x": 2, "y": 1}
    assert retrieval("abcdef", qrels)["nDCG@10"] == pytest.approx(got / best)
    assert set(retrieval((), qrels).values()) == {0.0}


@pytest.mark.parametrize("seed", range(5))
def test_retrieval_measures_agree_with_ir_measures(seed: int) -> None:
    rng = random.Random(seed)
    oracle = dict(zip(RETRIEVAL, (Success @ 1, Success @ 3, RR @ 10, nDCG @ 10, R @ 5), strict=True))
    for _ in range(40):
        names = [f"p{i}" for i in range(rng.randint(1, 30))]
        qrels = {n: rng.randint(1, 2) for n in rng.sample(names, rng.randint(1, len(names)))}
        ranking = rng.sample(names, rng.randint(1, len(names)))
        run = [ir_measures.ScoredDoc("t", n, 1 / rank) for rank, n in enumerate(ranking, 1)]
        judged = [ir_measures.Qrel("t", n, g) for n, g in qrels.items()]
        expected = ir_measures.calc_aggregate(oracle.values(), judged, run)
        ours = retrieval(ranking, qrels)
        assert {n: ours[n] for n in oracle} == pytest.approx({n: expected[m] for n, m in oracle.items()})


# --- citations -------------------------------------------------------------------------------


def test_evidence_by_hand() -> None:
    wanted = item(facts=[["2 weeks"], ["3 days"], ["5 years"]])
    quotes = [
        cited("Every 2 weeks, 3 days in rain.", n=1),  # a fact, allowed
        cited("Every 3 days.", "002-tyres", n=2),  # a fact from elsewhere
        cited("Oil is golden.", n=3),  # no fact, allowed
        cited("Tyres are black.", "002-tyres", n=4),  # neither
    ]
    assert evidence(wanted, quotes) == {
        "fact recall": pytest.approx(2 / 3), "fact precision": 2 / 4, "evidence precision": 3 / 4,
    }  # fmt: skip
    assert evidence(wanted, ()) == {"fact recall": 0.0}
    assert evidence(item(facts=[]), quotes) == {}


OWN = own_sentences(["The articles don't agree on this. Ask your practitioner.", "Only part is covered:"])


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (RIGHT, (1, 1)),
        (answer(f"Ask your practitioner. {OILED} [1]", cited(OILED)), (1, 1)),
        (answer(f"Only part is covered: The articles don't agree on this. {OILED} [1]", cited(OILED)), (1, 1)),
        (answer(f"The workshop says: {OILED} [1]", cited(OILED)), (1, 1)),
        (answer(f"It never hurts. {OILED} [1]", cited(OILED)), (1 / 2, 1)),
        (answer(f"{OILED} [1] It never hurts.", cited(OILED)), (1 / 2, 1)),
        (answer(f"{OILED} [1] Wax it. [2]", cited(OILED), cited("Wax is dry.", n=2)), (1 / 2, 1 / 2)),
        (answer(f"{OILED} [1]", cited(OILED), cited("Wax is dry.", n=2)), (1, 1 / 2)),
        (answer("One. Two. [1] Three. [2]", cited("One. Two."), cited("Three.", n=2)), (1, 1)),
        (answer("Kit:\n• a rag\n• soap [1]", cited("Kit:\n\n• a rag\n• soap")), (1, 1)),
    ],
    ids=[
        "plain", "own text", "own text after a colon", "attributed", "claim before", "claim after", "other words",
        "unused", "two sentences", "list",
    ],
)  # fmt: skip
def test_support_by_hand(reply: Reply, expected: tuple[float, float]) -> None:
    found = citation_support(reply, OWN)
    assert (found["citation recall"], found["citation precision"]) == pytest.approx(expected)


def test_an_answer_that_cites_nothing_is_unsupported_and_an_abstention_is_not_judged() -> None:
    assert citation_support(answer(OILED), OWN) == {"citation recall": 0.0}
    assert citation_support(answer("Not covered.", status="abstained"), OWN) == {}
