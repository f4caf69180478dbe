"""Answer or not: a logistic model over signals, and what is like nothing in the articles is declined before it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.abstention import Abstention, Decision, Model
from bot.answer import Composer
from bot.config import Answering, Retrieval
from bot.facets import Facets
from bot.index import Index
from bot.lexicon import Lexicon
from bot.pipeline import Bot
from bot.retriever import Retriever
from bot.rewrite import Query
from bot.schema import Turn
from tests.conftest import ROOT

SURE = Model({}, bias=9.0, threshold=0.5)
NEVER = Model({}, bias=-9.0, threshold=0.5)
FILE = Path(ROOT / "bot" / "data" / "abstention.json")


def decide(index: Index, query: Query, model: Model) -> tuple[Decision, Abstention]:
    lexicon, facets = Lexicon.load(), Facets.load()
    retriever = Retriever(index, lexicon, facets, Retrieval())
    found = retriever.search(query)
    picked = Composer(lexicon, facets, Answering(), index.passages).choose(query, found, 90)
    abstention = Abstention(retriever, model)
    return abstention.decide(query, found, picked), abstention


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ({}, 1 / (1 + math.exp(1))),
        ({"a": 1.0}, 1 / (1 + math.exp(-1))),
        ({"a": 0.5, "b": 2.0}, 1 / (1 + math.exp(6))),
        ({"unknown to the model": 9.0}, 1 / (1 + math.exp(1))),
        ({"a": 1e9}, 1.0),
        ({"b": 1e9}, 0.0),
    ],
)
def test_probability(signals: dict[str, float], expected: float) -> None:
    assert Model({"a": 2.0, "b": -3.0}, bias=-1.0, threshold=0.5).probability(signals) == pytest.approx(expected)


def test_the_fitted_model_is_that_of_the_file() -> None:
    raw = json.loads(FILE.read_text())["wordings"]
    model = Model.load()
    assert (dict(model.weights), model.bias, model.threshold) == (raw["weights"], raw["bias"], raw["threshold"])
    assert 0 < model.threshold < 1


def test_every_weight_is_of_a_signal_that_there_is(bicycle_index: Index) -> None:
    decision, _ = decide(bicycle_index, Query("how often is the chain oiled", "x", facets=("interval",)), SURE)
    assert set(Model.load().weights) <= set(decision.signals)
    assert all(-1.5 <= value <= 1.5 for value in decision.signals.values())


def test_the_threshold_decides(bicycle_index: Index) -> None:
    query = Query("how often is the chain oiled", "x", facets=("interval",))
    sure, _ = decide(bicycle_index, query, SURE)
    never, _ = decide(bicycle_index, query, NEVER)
    assert (sure.answer, never.answer) == (True, False)
    assert sure.confidence > 0.99 > 0.01 > never.confidence
    assert sure.reason != never.reason
    exact, _ = decide(bicycle_index, query, replace(SURE, bias=0.0))
    assert (exact.confidence, exact.answer) == (0.5, True)


def test_what_is_like_nothing_in_the_articles_is_declined_however_sure(
    shipped_bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The classifiers have to name something, and a figure by itself is in some wording."""

    def decided(text: str) -> dict[str, Any]:
        part: dict[str, Any] = shipped_bot.ask([Turn("user", text)], explain=True).to_dict()["why"]["parts"][0]
        return dict(part["decision"])

    for text in ("x86 64", "mp3 32"):
        assert decided(text)["answer"] is False
    covered = decided("does it hurt")
    monkeypatch.setattr("bot.abstention.STRANGE", 1.01)  # nothing is as like as that
    strange = decided("does it hurt")
    assert (covered["answer"], strange["answer"]) == (True, False)
    assert strange["reason"] == "like nothing in the articles"


def test_a_thing_that_no_article_speaks_of_is_a_reason_to_decline(bicycle_index: Index) -> None:
    query = Query("is the chain oiled in a sauna", "x", concepts=frozenset({"heat"}))
    decision, abstention = decide(bicycle_index, query, NEVER)
    assert (decision.answer, decision.reason) == (False, "no article speaks of it")
    assert decision.signals["missing"] == 1
    assert abstention.missing(Query("x", "x", concepts=frozenset({"heat", "soap"}))) == {"heat"}


def test_what_an_article_speaks_of_is_not_missing(bicycle_index: Index) -> None:
    decision, _ = decide(bicycle_index, Query("mild soap", "x", concepts=frozenset({"soap"})), SURE)
    assert decision.answer


def test_without_a_sentence_there_is_no_answer(bicycle_index: Index) -> None:
    retriever = Retriever(bicycle_index, Lexicon.load(), Facets.load(), Retrieval())
    query = Query("chain", "chain")
    decision = Abstention(retriever, SURE).decide(query, retriever.search(query), ())
    assert (decision.answer, decision.confidence) == (False, 0.0)


@pytest.mark.parametrize(
    ("near", "far"),
    [
        ("how often is the chain oiled", "what is bitcoin"),
        ("tyre pressure", "who won the election"),
        ("why do brakes squeal", "banana bread recipe"),
    ],
)
def test_a_covered_question_is_more_likely_than_one_that_is_not(bicycle_index: Index, near: str, far: str) -> None:
    model = Model.load()
    covered, _ = decide(bicycle_index, Query(near, near), model)
    uncovered, _ = decide(bicycle_index, Query(far, far), model)
    assert covered.confidence > uncovered.confidence
