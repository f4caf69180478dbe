"""Hits to sentences: the ones that answer, within the words allowed, each quote the text of its span."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.answer import Composer
from bot.chunker import chunk
from bot.citing import Chosen, cite, extent, length, whole
from bot.config import Answering, Chunking, Retrieval
from bot.facets import Facets
from bot.index import Index
from bot.language import quotable
from bot.lexicon import Lexicon
from bot.retriever import Retriever
from bot.rewrite import Query
from bot.schema import Article, Passage
from bot.values import values
from tests.fake_encoder import article_of, index_of

FACETS = Facets.load()
LEXICON = Lexicon.load()
THREE = "Oil the chain well. Keep the rims clean. Check the bell now."


def one(text: str, source_id: str = "a", heading: str = "Rules") -> tuple[Article, Passage]:
    article = article_of(source_id, ("heading", heading), ("paragraph", text))
    (passage,) = chunk(article, Chunking())
    return article, passage


def chosen(passage: Passage, number: int) -> Chosen:
    return Chosen(passage, number, passage.sentences[number], 1.0, {"facet": 1.0})


def choose(
    index: Index, text: str, max_words: int = 90, mention: str = "", settings: Answering | None = None, **more: Any
) -> tuple[Chosen, ...]:
    query = Query(text=text, asked=text, **more)
    found = Retriever(index, LEXICON, FACETS, Retrieval()).search(query)
    composer = Composer(LEXICON, FACETS, settings or Answering(), index.passages)
    return composer.choose(query, found, max_words, mention)


@pytest.mark.parametrize(
    ("text", "number", "quote"),
    [
        ("Oil the chain well. Wipe it dry after that.", 1, "Wipe it dry after that."),
        ("Oil the chain well. It then runs quietly.", 1, "Oil the chain well. It then runs quietly."),
        ("Oil the chain well. It runs. This pleases.", 2, "Oil the chain well. It runs. This pleases."),
        ("Oil the chain well. It runs. This pleases. They smile.", 3, "It runs. This pleases. They smile."),
        ("It is clean enough now. Ride.", 0, "It is clean enough now."),
    ],
    ids=["stands alone", "leans", "leans twice", "at most two before it", "nothing before it"],
)
def test_a_sentence_that_leans_takes_the_one_before_along(text: str, number: int, quote: str) -> None:
    article, passage = one(text)
    picked = chosen(passage, number)
    start, end = extent(picked)
    assert article.text[start:end] == whole(picked) == quote


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oil the chain.", True),
        ("Is the chain oiled?", False),
        ("“Is the chain oiled?”", False),
        ("Chain oil.", False),
        ("", False),
    ],
)
def test_only_statements_are_quoted(text: str, expected: bool) -> None:
    assert quotable(text) is expected


def test_citations_are_numbered_in_order_and_equal_their_spans() -> None:
    first, passage = one(THREE)
    second, other = one("Pump the tyres often.", "b", "Air")
    citations, numbers = cite([chosen(passage, 2), chosen(other, 0), chosen(passage, 0)], {"a": first, "b": second})
    assert [c.quote for c in citations] == ["Check the bell now.", "Pump the tyres often.", "Oil the chain well."]
    assert numbers == (1, 2, 3)
    for citation, article in zip(citations, (first, second, first), strict=True):
        assert article.text[citation.start : citation.end] == citation.quote
        start = citation.passage_start
        assert article.text[start : start + len(citation.passage)] == citation.passage
    assert [(c.n, c.source_id, c.section) for c in citations] == [(1, "a", "Rules"), (2, "b", "Air"), (3, "a", "Rules")]


def test_neighbouring_sentences_become_one_quote() -> None:
    article, passage = one(THREE)
    citations, numbers = cite([chosen(passage, 0), chosen(passage, 1)], {"a": article})
    assert [c.quote for c in citations] == ["Oil the chain well. Keep the rims clean."]
    assert numbers == (1, 1)


def test_overlapping_quotes_become_one() -> None:
    article, passage = one("Oil the chain well. It runs. It also shines.")
    picked = [chosen(passage, 1), chosen(passage, 2)]
    citations, _ = cite(picked, {"a": article})
    assert [c.quote for c in citations] == ["Oil the chain well. It runs. It also shines."]
    assert length(picked) == 9


def test_a_sentence_that_is_picked_twice_is_quoted_and_counted_once() -> None:
    article, passage = one(THREE)
    picked = [chosen(passage, 2), chosen(passage, 0), chosen(passage, 2)]
    citations, numbers = cite(picked, {"a": article})
    assert [c.quote for c in citations] == ["Check the bell now.", "Oil the chain well."]
    assert numbers == (1, 2, 1)
    assert length(picked) == 8


def test_nothing_chosen_gives_nothing() -> None:
    assert cite([], {}) == ((), ())
    assert length([]) == 0


@pytest.mark.parametrize(("max_words", "quotes"), [(90, 3), (22, 2), (10, 1)])
def test_a_sentence_by_itself_is_followed_by_the_next_ones(bicycle_index: Index, max_words: int, quotes: int) -> None:
    strict = Answering(sentence_margin=0.0, fresh_source=0.0, fresh_side=0.0)
    picked = choose(bicycle_index, "how often is the chain oiled", max_words, settings=strict, facets=("interval",))
    assert [c.number for c in picked] == [0, 1, 2][:quotes]
    assert len({c.passage.id for c in picked}) == 1


def test_the_sentence_that_answers_comes_first(bicycle_index: Index) -> None:
    picked = choose(bicycle_index, "how often is the chain oiled", facets=("interval",))
    assert picked[0].sentence.text == "The chain is oiled every 2 weeks by a daily rider."


@pytest.mark.parametrize("words", [8, 20, 45, 90])
def test_no_more_words_than_allowed(bicycle_index: Index, words: int) -> None:
    for text in ("how often is the chain oiled", "brakes", "tyre pressure", "chain"):
        picked = choose(bicycle_index, text, words)
        assert picked
        assert len(picked) == 1 or sum(len(whole(c).split()) for c in picked) <= words


@pytest.mark.parametrize(("margin", "aside"), [(9.0, True), (0.0, False)])
def test_what_says_nothing_of_the_kind_asked_must_be_near(margin: float, aside: bool) -> None:
    texts = {"a": "The chain is oiled every 2 weeks.", "b": "The chain is made of steel."}
    index = index_of([one(text, name, "Chain oil")[0] for name, text in texts.items()])
    settings = replace(Answering(), sentence_margin=9.0, aside_margin=margin)
    picked = choose(index, "how often is the chain oiled", settings=settings, facets=("interval",))
    assert picked[0].sentence.text == texts["a"]
    assert ("b" in {c.passage.source_id for c in picked}) is aside
    asked = choose(index, "what of the chain", settings=settings)
    assert "b" in {c.passage.source_id for c in asked}


def test_nothing_is_said_twice() -> None:
    index = index_of([one("The chain is oiled in May.", name, "Chain oil")[0] for name in "abc"])
    assert len(choose(index, "when is the chain oiled")) == 1


@pytest.mark.parametrize(
    ("second", "article", "kept"),
    [
        ("For the chain an interval of 2 weeks suits riders in town.", "a", False),
        ("For the chain an interval of 2 weeks suits riders in town.", "b", True),
        ("For the chain an interval of 3 weeks suits riders in town.", "a", True),
        ("The tyres want a look in between, says the mechanic.", "a", True),
    ],
    ids=["the same", "by another article", "another value", "no value"],
)
def test_an_article_gives_a_value_once(second: str, article: str, kept: bool) -> None:
    first = "The chain is oiled every 2 weeks."
    if article == "a":
        own = article_of("a", ("heading", "Oil"), ("paragraph", first), ("heading", "Care"), ("paragraph", second))
        index = index_of([own])
    else:
        index = index_of([one(first, "a", "Chain oil")[0], one(second, "b", "Chain care")[0]])
    settings = replace(Answering(), sentence_margin=9.0, passage_margin=9.0, aside_margin=9.0)
    picked = choose(index, "how often is the chain oiled", settings=settings, facets=("interval",))
    assert (second in {c.sentence.text for c in picked}) is kept


def test_a_new_figure_is_worth_saying() -> None:
    texts = {"a": "The chain is oiled after 100 km.", "b": "The chain is oiled after 200 km."}
    index = index_of([one(text, name, "Chain oil")[0] for name, text in texts.items()])
    assert {c.passage.source_id for c in choose(index, "when is the chain oiled")} == {"a", "b"}


def test_another_value_comes_before_more_on_the_same() -> None:
    kinds = ["", "rear ", "front ", "long ", "worn ", "new ", "rusty "]
    texts = {f"a{n}": f"Oil the {kind}chain every 2 weeks." for n, kind in enumerate(kinds)}
    texts["z"] = "Grease whatever moves every 3 months."
    index = index_of([one(text, name, "How often?")[0] for name, text in texts.items()])
    picked = choose(index, "how often is the chain oiled", facets=("interval",))
    assert {values(whole(c), "interval") for c in picked} == {("2 weeks",), ("3 months",)}


def test_numbing_that_must_be_and_need_not_be_differ() -> None:
    texts = {"a": "The skin must be numbed before it.", "b": "Microneedling does not require anesthesia."}
    ((topic, sides),) = differ(texts, "numbing_used")
    assert (topic, [n for _, n in sides]) == ("numbing", [(1,), (2,)])


@pytest.mark.parametrize("asked", ["who should do it", "surgeon or beautician"])
def test_who_performs_it_is_told_by_both_sides(asked: str) -> None:
    kinds = ["", "certified ", "experienced ", "local ", "plain ", "retired ", "young "]
    texts = {f"a{n}": f"The {kind}plastic surgeon should do it." for n, kind in enumerate(kinds)}
    texts["z"] = "The aesthetician should do it."
    index = index_of([one(text, name, "Who should do it?")[0] for name, text in texts.items()])
    sides = [FACETS["performer"].rank(whole(c)) for c in choose(index, asked, facets=("performer",))]
    assert set(sides) == {0, 1}


def test_a_side_told_in_passing_brings_no_other() -> None:
    texts = {
        "a": ("Chain oil", "The aesthetician oils the chain."),
        "b": ("Lamps", "A plastic surgeon lights the lamp."),
    }
    index = index_of([one(text, name, heading)[0] for name, (heading, text) in texts.items()])
    assert [c.passage.source_id for c in choose(index, "chain oil")] == ["a"]


def test_questions_are_never_quoted() -> None:
    index = index_of([one("Is the chain oiled? The chain is oiled in May.", "a", "Chain oil")[0]])
    assert [c.sentence.text for c in choose(index, "is the chain oiled")] == ["The chain is oiled in May."]


def test_only_sentences_that_mention_it_where_that_is_asked_for(bicycle_index: Index) -> None:
    picked = choose(bicycle_index, "is wax better than oil", mention=r"\bwax\b")
    assert picked
    assert all("wax" in c.sentence.text.lower() for c in picked)
    assert choose(bicycle_index, "is wax better than oil", mention=r"\bkayak\b") == ()


WAIT = "A swim is fine after 30 days."


def differ(
    texts: dict[str, str], *facets: str, concepts: frozenset[str] = frozenset()
) -> list[tuple[str, list[tuple[str, tuple[int, ...]]]]]:
    """Topic and values of what is found to differ among one sentence of each article."""
    pairs = [one(text, name) for name, text in texts.items()]
    picked = [chosen(passage, 0) for _, passage in pairs]
    _, numbers = cite(picked, {a.source_id: a for a, _ in pairs})
    composer = Composer(LEXICON, FACETS, Answering(), [p for _, p in pairs])
    found = composer.differ(Query("x", "x", facets=facets, concepts=concepts), picked, numbers)
    return [(d.topic, [(v.value, v.n) for v in d.values]) for d in found]


def test_articles_that_give_different_values_are_set_side_by_side() -> None:
    texts = {
        "a": "Sessions are 6 weeks apart.",
        "b": "Sessions are four weeks apart.",
        "c": "The sessions stand 4 weeks apart.",
    }
    ((topic, values),) = differ(texts, "interval")
    assert topic == FACETS["interval"].topic
    assert dict(values) == {"6 weeks": (1,), "four weeks": (2, 3)}


@pytest.mark.parametrize(
    ("texts", "facets"),
    [
        ({"a": "Sessions are 4 weeks apart.", "b": "They are four weeks apart."}, ("interval",)),
        ({"a": "Sessions are 4 weeks apart, later 6 weeks apart."}, ("interval",)),
        ({"a": "Sessions are 4 weeks apart.", "b": "The redness stays for 6 weeks."}, ("interval",)),
        ({"a": "Sessions are 4 weeks apart.", "b": "Sessions are 6 weeks apart."}, ("cost",)),
        ({"a": "Sessions are 4 weeks apart.", "b": "Sessions are 6 weeks apart."}, ()),
        (
            {"t": "Towels are clean.", "a": "Sessions are 4 weeks apart.", "b": "Sessions are 6 weeks apart."},
            ("interval",),
        ),
        ({"a": "Sessions are 4 weeks apart, later 6 weeks apart.", "b": "Sessions are 6 weeks apart."}, ("interval",)),
        ({"a": "Makeup may go on after 2 days.", "b": "A swim is fine after 7 days."}, ("resume",)),
    ],
    ids=[
        "equal values",
        "one article",
        "another subject",
        "another question",
        "no kind of question",
        "the answer leads with something else",
        "one of the values of another",
        "two different things",
    ],
)
def test_what_does_not_differ(texts: dict[str, str], facets: tuple[str, ...]) -> None:
    assert differ(texts, *facets, concepts=frozenset({"makeup"})) == []


def test_waits_for_the_same_thing_differ() -> None:
    texts = {"a": "Makeup may go on after 2 days.", "b": "Makeup stays off until 7 days have passed.", "c": WAIT}
    ((_, values),) = differ(texts, "resume", concepts=frozenset({"makeup"}))
    assert dict(values) == {"2 days": (1,), "7 days": (2,)}
    assert differ(texts, "resume") == []


def test_an_article_that_takes_both_sides_differs_from_one_that_takes_one() -> None:
    both = "It is a pain-free procedure, though it can cause mild pain."
    ((topic, _),) = differ({"a": both, "b": "It can cause mild pain."}, "pain")
    assert topic == FACETS["pain"].topic


def test_what_an_article_says_of_one_thing_is_not_set_against_another() -> None:
    """An interval between treatments is no time of healing, though the sentence about it would do for both."""
    texts = {
        "a": "Treatments are done at 6-week intervals.",
        "b": "Treatments are one month apart.",
        "c": "The redness subsides after a few hours.",
    }
    assert len(differ(texts, "healing")) == 1
    assert [topic for topic, _ in differ(texts, "interval", "healing")] == [FACETS["interval"].topic]
