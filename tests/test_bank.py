"""The bank's entries, the sentences they are laid beside, and what a question laid beside them tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.bank import Bank, Entry, Laying, Lent, entries, lend, lessons
from bot.chunker import chunk
from bot.config import Chunking, Retrieval
from bot.dense import Dense
from bot.errors import DataError
from bot.facets import Facets
from bot.index import Index
from bot.lexicon import Lexicon
from bot.nearness import Near, Nearness
from bot.retriever import Retriever
from bot.rewrite import Query
from bot.rows import ASKED, Rows, rows_of
from bot.schema import Passage
from tests.fake_encoder import FakeEncoder, article_of, index_of

GOOD: dict[str, Any] = {"says": ["It takes an hour."], "asks": "how long\nwhat time does it need\n"}
ARTICLES = [
    article_of(
        "peel",
        ("heading", "The day of your fruit acid peel"),
        (
            "paragraph",
            "The whole visit takes 25 minutes. Most people only feel a faint tingle, and nobody has had pain.",
        ),
        ("heading", "Going home"),
        ("paragraph", "Leave foundation and blusher off until the next evening. Wine and beer make the cheeks flush."),
    )
]
WANTED = {
    "session_length": "The whole visit takes 25 minutes.",
    "makeup": "Leave foundation and blusher off until the next evening.",
    "alcohol": "Wine and beer make the cheeks flush.",
    "pain": "Most people only feel a faint tingle, and nobody has had pain.",
}
HOMELESS = ("swimming", "depth", "pregnancy")


def test_the_shipped_entries_are_many_and_none_is_asked_twice() -> None:
    bank = entries()
    asks = [ask.casefold() for entry in bank for ask in entry.asks]
    assert len(bank) >= 150
    assert len(asks) >= 2000
    assert len(set(asks)) == len(asks)
    assert not {ask for entry in bank for ask in entry.asks} & {s for entry in bank for s in entry.says}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"says": []}, "give 'says' and 'asks'"),
        ({"asks": " \n"}, "give 'says' and 'asks'"),
        ({"needs": ["unicorn"]}, "unknown unicorn"),
        ({"facet": "sorcery"}, "unknown sorcery"),
        ({"value": "unicorns"}, "unknown unicorns"),
        ({"answer": "yes"}, "unknown answer"),
    ],
    ids=["no statement", "no wording", "concept", "facet", "value", "field"],
)
def test_a_wrong_entry_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=rf"bank.toml: \[when\]: {named}"):
        entries({"when": {**GOOD, **change}})


def test_conversations_stand_apart_from_wordings() -> None:
    (entry,) = entries({"when": {**GOOD, "asks": "how long\nis it sore || for long"}})
    assert (entry.asks, entry.talks) == (("how long",), ("is it sore || for long",))


def test_wordings_are_the_lines() -> None:
    assert entries({"when": GOOD}) == (
        Entry("when", ("It takes an hour.",), ("how long", "what time does it need"), frozenset(), ""),
    )


@pytest.fixture(scope="module")
def passages() -> tuple[Passage, ...]:
    return tuple(p for article in ARTICLES for p in chunk(article, Chunking()))


@pytest.fixture(scope="module")
def bank() -> tuple[Entry, ...]:
    return tuple(e for e in entries() if e.id in (*WANTED, *HOMELESS))


def pairs(*table: tuple[int, int, int, float]) -> Lent:
    """Entry, passage, sentence and fit, one row a pair."""
    entry, passage, sentence = (np.asarray(column, dtype=np.int64) for column in list(zip(*table, strict=True))[:3])
    return Lent(entry, passage, sentence, np.asarray([fit for *_, fit in table], dtype=np.float32))


def told_of(lent: Lent, bank: tuple[Entry, ...], passages: tuple[Passage, ...]) -> dict[str, str]:
    """The best sentence of each entry that has one."""
    return {
        bank[lent.entry[k]].id: passages[lent.passage[k]].sentences[lent.sentence[k]].text
        for k in np.flatnonzero(lent.fit == 1)
    }


def test_an_entry_finds_the_sentence_that_answers_it(
    passages: tuple[Passage, ...], bank: tuple[Entry, ...], bicycle_index: Index
) -> None:
    assert told_of(lend(passages, ARTICLES, bicycle_index.encoder, bank), bank, passages) == WANTED


def test_a_laying_bounds_how_many_sentences_an_entry_finds_and_how_unlike_them(
    passages: tuple[Passage, ...], bicycle_index: Index
) -> None:
    said = [s.text for p in passages for s in p.sentences][:3]
    like, unlike = {"says": said, "asks": "and what of this\n"}, {"says": ["Tulips."], "asks": "tulips?\n"}
    bank = entries({"like": like, "unlike": unlike})

    def found(most: int, below_best: float) -> list[int]:
        laid = lend(passages, ARTICLES, bicycle_index.encoder, bank, laying=Laying(most, below_best))
        return [int(n) for n in np.bincount(laid.entry, minlength=2)]

    assert found(most=1, below_best=0.3) == [1, 0]
    assert found(most=2, below_best=0.3) == [2, 0]
    assert found(most=8, below_best=0.0) == [1, 0]
    assert found(most=8, below_best=2.0) == [3, 0]


def test_an_entry_that_wants_a_value_finds_no_sentence_without_one(
    passages: tuple[Passage, ...], bicycle_index: Index
) -> None:
    said = WANTED["alcohol"]
    plain = {"says": [said, WANTED["session_length"]], "asks": "and what of this\n"}
    bank = entries({"plain": plain, "length": {**plain, "value": "length"}, "age": {**plain, "value": "age"}})
    laid = lend(passages, ARTICLES, bicycle_index.encoder, bank, laying=Laying(8, 2.0))
    places = list(zip(laid.entry, laid.passage, laid.sentence, strict=True))
    found = [{passages[p].sentences[s].text for n, p, s in places if n == entry} for entry in range(3)]
    assert found[0] >= {said, WANTED["session_length"]}
    assert found[1:] == [{WANTED["session_length"]}, set()]


def test_lessons_hold_what_the_corpus_and_the_entry_say(passages: tuple[Passage, ...]) -> None:
    bank = entries({"when": GOOD, "where": GOOD})
    lent = pairs((0, 0, 0, 1.0))
    found = list(lessons(bank, lent, passages))
    assert [p.questions for p in found] == [bank[0].asks] * 2
    assert [[s.text for s in p.sentences] for p in found] == [
        [WANTED["session_length"], *bank[0].says],
        [*bank[0].says],
    ]


def test_saved_pairs_are_read_as_they_were(tmp_path: Path) -> None:
    for lent in (pairs((0, 1, 2, 1.0), (3, 0, 0, 0.75)), Lent.none()):
        lent.save(tmp_path / "lent.npy")
        read = Lent.load(tmp_path / "lent.npy")
        for name in ("entry", "passage", "sentence", "fit"):
            assert getattr(read, name).tolist() == getattr(lent, name).tolist()
    assert not Lent.none()


def test_scores_go_to_sentences_and_passages(passages: tuple[Passage, ...]) -> None:
    """Entry 0 answers both sentences of passage 0, the second less well; entry 1 the second; entry 2 has none."""
    bank = tuple(Entry(name, ("x",), (name,), frozenset(), "") for name in ("red", "green", "blue"))
    rows, texts = rows_of(passages, ARTICLES, bank)
    vectors = FakeEncoder().encode(texts)
    lent = pairs((0, 0, 0, 1.0), (0, 0, 1, 0.5), (1, 0, 1, 1.0))
    laid = Bank(lent, Dense.build(vectors), rows, passages)
    scores = np.asarray([0.8, 0.6, 0.9])
    assert laid.sentences(scores) == pytest.approx({(passages[0].id, 0): 0.8, (passages[0].id, 1): 0.6})
    assert laid.passages(scores).tolist() == pytest.approx([0.8, 0.0])
    assert laid.beside(scores) == 0.9
    similarity = laid.similarity(FakeEncoder().encode(["green"])[0])
    assert laid.nearest(similarity)[1] == pytest.approx(1.0, abs=1e-6)
    assert laid.asked.tolist() == [0, 1, 2]


def test_what_entries_tell_is_added_to_what_is_near(passages: tuple[Passage, ...]) -> None:
    """The entry "red" is the first passage's, "blue" nobody's."""
    bank = tuple(Entry(name, ("x",), (name,), frozenset(), "") for name in ("red", "green", "blue"))
    rows, texts = rows_of(passages, ARTICLES, bank)
    laid = Bank(pairs((0, 0, 0, 1.0), (1, 1, 0, 1.0)), Dense.build(FakeEncoder().encode(texts)), rows, passages)
    index = index_of(ARTICLES, bank=bank)
    numbers = np.arange(len(passages))

    def near(text: str) -> Near:
        vector = FakeEncoder().encode([text])[0]
        similarity = laid.similarity(vector)
        return laid.lay(Nearness(index).of(vector, numbers, (similarity, laid.asked)), numbers, similarity)

    red, blue = near("red"), near("blue")
    assert red.question.tolist() == pytest.approx([1.0, red.question[1]])
    assert red.question[1] < 0.9
    assert red.asked[(passages[0].id, 0)] == pytest.approx(1.0)
    assert red.neighbours[0] > 0.5 > red.neighbours[1]
    assert blue.neighbours.max() < 0.5 < blue.beside
    assert blue.contrast == pytest.approx(1.0)


def test_rows_hold_every_wording_after_the_rest(passages: tuple[Passage, ...]) -> None:
    bank = entries({"when": GOOD, "where": GOOD})
    without, _ = rows_of(passages, ARTICLES)
    rows, texts = rows_of(passages, ARTICLES, bank)
    more = len(rows.kind) - len(without.kind)
    assert isinstance(rows, Rows)
    assert texts[-more:] == [*bank[0].asks, *bank[1].asks]
    assert rows.kind[-more:].tolist() == [ASKED] * 4
    assert rows.item[-more:].tolist() == [0, 0, 1, 1]


def test_a_question_in_an_entrys_words_finds_the_sentence_it_answers(passages: tuple[Passage, ...]) -> None:
    bank = entries({"visit": GOOD, "evening": {"says": ["Not before evening."], "asks": "may I go dancing\n"}})
    index = index_of(ARTICLES, bank=bank, lent=pairs((0, 0, 0, 1.0), (1, 1, 1, 1.0)))
    found = Retriever(index, Lexicon.load(), Facets.load(), Retrieval.lent()).search(
        Query("may I go dancing", "may I go dancing")
    )
    assert index.kind == "lent"
    assert len(index.learned.meant) == len(bank) + 1
    assert found.hits[0].passage == passages[1]
    assert set(found.meant) == {(passages[0].id, 0), (passages[1].id, 1)}
    assert found.meant[passages[1].id, 1] > found.meant[passages[0].id, 0]
    assert found.asked[passages[1].id, 1] == pytest.approx(1.0, abs=1e-6)


def test_what_no_sentence_answers_counts_as_not_covered() -> None:
    bank = entries({"visit": GOOD, "evening": {"says": ["Not before evening."], "asks": "may I go dancing\n"}})
    index = index_of(ARTICLES, bank=bank, lent=pairs((0, 0, 0, 1.0)))
    retriever = Retriever(index, Lexicon.load(), Facets.load(), Retrieval.lent())
    homeless, covered = (retriever.search(Query(text, text)) for text in ("may I go dancing", "how long"))
    assert homeless.outside > covered.outside
    assert homeless.contrast == pytest.approx(1.0, abs=1e-6)


def test_articles_with_wordings_of_their_own_get_none(bicycle_index: Index) -> None:
    assert not bicycle_index.lent
    assert not (bicycle_index.rows.kind == ASKED).any()
