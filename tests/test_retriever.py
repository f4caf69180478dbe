"""Ranking: what answers comes first, equal scores are ordered by passage id, the parts add up to the score."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.config import Retrieval
from bot.facets import Facets
from bot.index import Index
from bot.lexicon import Lexicon
from bot.prototypes import uncovered_questions
from bot.retriever import Retriever
from bot.rewrite import Query
from bot.schema import Article
from tests.fake_encoder import FakeEncoder, article_of, index_of

BIKE_LEXICON: dict[str, Any] = {
    "chain": {"terms": ["chain"]},
    "tyre": {"terms": ["tyre", "tube"]},
    "brake": {"terms": ["brake", "pad", "disc"]},
}


def query(text: str, **more: Any) -> Query:
    return Query(text=text, asked=text, **more)


def retriever(index: Index, settings: Retrieval | None = None) -> Retriever:
    return Retriever(index, Lexicon.load(BIKE_LEXICON), Facets.load(), settings or Retrieval())


def article(source_id: str, *sections: tuple[str, str]) -> Article:
    lines: list[Any] = [line for head, text in sections for line in (("heading", head), ("paragraph", text))]
    return article_of(source_id, *lines)


@pytest.mark.parametrize("order", [("b", "a", "c"), ("c", "b", "a"), ("a", "b", "c")], ids=",".join)
def test_equal_scores_are_ordered_by_passage_id(order: tuple[str, ...]) -> None:
    same = ("Is the saddle level?", "The saddle is level.")
    index = index_of([article(name, same, ("Bells?", "A bell rings.")) for name in order])
    hits = retriever(index).search(query("saddle level")).hits
    assert [h.passage.id for h in hits] == ["a#0", "b#0", "c#0", "a#1", "b#1", "c#1"]
    assert hits[0].score == hits[1].score == hits[2].score > hits[3].score


def test_hits_are_best_first_and_the_same_each_time() -> None:
    index = index_of([article("a", *((f"Part {i}?", f"The part {i} has {i} screws.") for i in range(30)))])
    found = retriever(index).search(query("how many screws has part 7"))
    scores = [h.score for h in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert len(found.hits) == Retrieval().candidates
    again = retriever(index).search(query("how many screws has part 7"))
    assert [(h.passage.id, h.score, dict(h.parts)) for h in again.hits] == [
        (h.passage.id, h.score, dict(h.parts)) for h in found.hits
    ]


@pytest.mark.parametrize("candidates", [1, 3])
def test_no_more_hits_than_asked_for(candidates: int) -> None:
    index = index_of([article("a", *((f"Part {i}?", f"The part {i}.") for i in range(5)))])
    found = retriever(index, replace(Retrieval(), candidates=candidates)).search(query("part"))
    assert len(found.hits) == candidates


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (query("true wheel"), "c#0"),
        (query("keep true"), "a#0"),
        (query("keep true", concepts=frozenset({"chain"})), "a#0"),
        (query("keep true", concepts=frozenset({"tyre"})), "b#0"),
    ],
    ids=["words decide", "a tie", "the first concept", "the second concept"],
)
def test_what_is_asked_about_comes_first(asked: Query, expected: str) -> None:
    names = {"a": "chain", "b": "tyre", "c": "wheel"}
    index = index_of([article(key, (name, f"Keep a true {name}.")) for key, name in names.items()])
    assert retriever(index).search(asked).hits[0].passage.id == expected


def test_the_kind_of_question_decides_between_passages_on_the_same_thing() -> None:
    texts = {"a": "The chain oil costs $20.", "b": "The chain oil takes 20 minutes."}
    index = index_of([article(name, ("Chain oil", text)) for name, text in texts.items()])
    assert retriever(index).search(query("chain oil", facets=("cost",))).hits[0].passage.id == "a#0"
    assert retriever(index).search(query("chain oil", facets=("session_length",))).hits[0].passage.id == "b#0"


def test_context_leans_towards_the_question_before() -> None:
    index = index_of([article("a", ("Front wheel", "It spins.")), article("b", ("Rear wheel", "It spins."))])
    assert retriever(index).search(query("wheel", context="rear")).hits[0].passage.id == "b#0"
    assert retriever(index).search(query("wheel", context="front")).hits[0].passage.id == "a#0"


def test_every_sentence_of_a_hit_has_its_cosine() -> None:
    index = index_of([article("a", ("Chain", "Keep it dry and warm. Keep a true chain. Oil it."))])
    found = retriever(index).search(query("true chain"))
    assert set(found.sentences) == {("a#0", 0), ("a#0", 1), ("a#0", 2)}
    assert max(found.sentences, key=lambda key: found.sentences[key]) == ("a#0", 1)
    encoder = FakeEncoder()
    expected = float(found.vector @ encoder.encode(["Keep a true chain."])[0])
    assert found.sentences[("a#0", 1)] == pytest.approx(expected, abs=1e-5)


@pytest.fixture(scope="module")
def bells() -> Retriever:
    """Over two passages beside everything that is known not to be covered."""
    return retriever(index_of([article("a", ("Bells", "A bell rings."), ("Lamps", "A lamp shines."))]))


@pytest.mark.parametrize("text", uncovered_questions()[::40])
def test_questions_known_not_to_be_covered_never_crowd_out_the_passages(bells: Retriever, text: str) -> None:
    found = bells.search(query(text))
    assert {h.passage.id for h in found.hits} == {"a#0", "a#1"}
    assert found.contrast == pytest.approx(1, abs=1e-5)


def test_profiles_tell_what_a_passage_speaks_of() -> None:
    index = index_of([article("a", ("How often is the chain oiled?", "Every 2 weeks, and the tube is checked."))])
    (passage,) = index.passages
    profile = retriever(index).profile(passage)
    assert profile.headed == {"chain"}
    assert profile.concepts == {"chain", "tyre"}
    assert "interval" in profile.facets
    assert "interval" in profile.answered


@pytest.mark.parametrize("text", ["", "zzz", "😀", "word " * 500], ids=["empty", "unknown", "no word", "long"])
def test_any_query_gives_finite_scores(bicycle_index: Index, text: str) -> None:
    found = retriever(bicycle_index).search(query(text))
    assert found.hits
    assert all(abs(h.score) < 10 for h in found.hits)


@pytest.mark.parametrize(
    ("text", "facets", "heading"),
    [
        ("how often do i oil the chain", ("interval",), "How often should the chain be oiled?"),
        ("when should i get a new chain", (), "How long does a chain last?"),
        ("what pressure do tyres need", (), "How much air does a tyre need?"),
        ("is my inner tube beyond repair", (), "Does a slow puncture need a new tube?"),
        ("my brakes shriek", (), "Squealing Brakes and What to Do"),
        ("wet weather lubricant", (), "Is chain wax better than oil?"),
    ],
)
def test_the_real_encoder_finds_the_section(
    bicycle_index: Index, text: str, facets: tuple[str, ...], heading: str
) -> None:
    hit = retriever(bicycle_index).search(query(text, facets=facets)).hits[0]
    articles = {a.source_id: a.title for a in bicycle_index.articles}
    assert (hit.passage.heading or articles[hit.passage.source_id]) == heading
