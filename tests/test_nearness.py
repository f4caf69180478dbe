"""How near a query is to passages and to what is not covered: cosines, and whose the nearest texts are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.bank import Entry
from bot.corpus import load_article
from bot.index import Index
from bot.nearness import Near, Nearness
from bot.prototypes import uncovered_conversations, uncovered_questions
from bot.schema import Article, parted
from tests.fake_encoder import FakeEncoder, article_of, index_of


def article(source_id: str, heading: str, text: str) -> Article:
    return article_of(source_id, ("heading", heading), ("paragraph", text))


@pytest.fixture(scope="module")
def index() -> Index:
    return index_of(
        [article("a", "Polishing bells", "A bell rings."), article("b", "Trimming lamps", "A lamp shines.")]
    )


@pytest.fixture(scope="module")
def talking(index: Index) -> Index:
    """With conversations in it, and so those that are not covered."""
    return index_of(index.articles, bank=[Entry("a", ("It rings.",), ("oil?",), frozenset(), "", ("oil || and tea",))])


def near(index: Index, text: str, *numbers: int) -> Near:
    places = np.asarray(numbers or range(len(index.passages)))
    return Nearness(index).of(FakeEncoder().encode([text])[0], places)


@pytest.mark.parametrize("text", ["Polishing bells", "lamps", "", "zzz", *uncovered_questions()[::400]])
def test_the_nearest_texts_are_the_passages_or_not_covered(index: Index, text: str) -> None:
    found = near(index, text)
    assert found.neighbours.shape == (2,)
    assert found.neighbours.sum() + found.beside == pytest.approx(1)


@pytest.mark.parametrize(("text", "place"), [("Polishing bells", 0), ("Trimming lamps", 1)])
def test_a_wording_is_its_passages_neighbour(index: Index, text: str, place: int) -> None:
    found = near(index, text)
    assert found.question[place] == pytest.approx(1, abs=1e-5)
    assert found.neighbours[place] > 0.5 > found.beside


@pytest.mark.parametrize(
    "text", [*uncovered_questions()[::400], *(parted(talk)[1] for talk in uncovered_conversations()[::200])]
)
def test_what_is_not_covered_has_its_like_beside_it(talking: Index, text: str) -> None:
    assert near(talking, text).beside > 0.9


def test_what_a_sentence_says_is_no_neighbour(index: Index) -> None:
    found = near(index, "A bell rings.")
    assert found.sentences[("a#0", 0)] == pytest.approx(1, abs=1e-5)
    assert found.neighbours[0] < 0.5


def test_the_last_message_of_a_conversation_is_its_passages(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Care\n\n## Bells\n\n<!-- questions:\nis it loud || zebra noise\n-->\n\nA bell rings.\n")
    found = near(index_of([load_article(path), article("b", "Lamps", "A lamp shines.")]), "zebra noise")
    assert found.neighbours[0] > 0.9


def test_conversations_lent_to_articles_are_nobodys(index: Index) -> None:
    entry = Entry("a", ("It rings.",), ("oil?",), frozenset(), "", ("oil || polishing bells zebra",))
    found = near(index_of(index.articles, bank=[entry]), "polishing bells zebra")
    assert found.neighbours[0] > 0.5 > found.beside


def test_of_some_passages_the_figures_are_the_same(index: Index) -> None:
    one, both = near(index, "polishing a lamp", 1), near(index, "polishing a lamp")
    for part in ("body", "question", "sentence"):
        assert getattr(one, part) == pytest.approx(getattr(both, part)[1:])
    assert (one.contrast, one.sentences) == (both.contrast, {("b#0", 0): both.sentences[("b#0", 0)]})
