"""What is learned from wordings and examples: terms as scikit-learn counts them, classes, saving and loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from bot import logistic
from bot.classify import HALF, STRENGTH, Classifier, Learned, Terms, beside, likelihood, terms
from bot.prototypes import STATUSES
from bot.rows import BODY, QUESTION, SENTENCE, Rows
from bot.schema import MIN_WORDINGS, MOST_LEARNED

TEXTS = ["is it sore", "is it sore after", "how long is it red", "how long red after", "how long sore", "is it red"] * 2


def test_terms_are_words_and_pairs() -> None:
    assert terms("Is it SORE?") == ["is", "it", "sore", "is it", "it sore"]


def test_what_was_said_before_is_terms_of_its_own() -> None:
    assert terms("Is it sore || for long") == ["for", "long", "for long", "<is", "<it", "<sore"]
    assert Terms.fit([f"{text} || and then" for text in TEXTS])[0].talks
    assert not Terms.fit(TEXTS)[0].talks


def test_the_last_message_stands_beside_the_whole_conversation() -> None:
    last, whole = np.ones((2, 3), dtype=np.float32), np.full((2, 3), 2, dtype=np.float32)
    assert beside(last, whole).tolist() == [[*[pytest.approx(HALF)] * 3, *[pytest.approx(2 * HALF)] * 3]] * 2
    unit = np.asarray([0.6, 0.8], dtype=np.float32)
    assert np.linalg.norm(beside(unit, unit)) == pytest.approx(1)


@pytest.mark.parametrize("text", [*TEXTS[:3], "nothing known here", "", "red red red"])
def test_weights_agree_with_scikit_learn(text: str) -> None:
    model = TfidfVectorizer(analyzer=terms, min_df=3, sublinear_tf=True, dtype=np.float32).fit(TEXTS)
    found, matrix = Terms.fit(TEXTS)
    numbers, values = found.row(text)
    dense = np.zeros(len(found.vocabulary), dtype=np.float32)
    dense[numbers] = values
    assert matrix.shape == (len(TEXTS), len(found.vocabulary))
    np.testing.assert_allclose(dense, model.transform([text]).toarray()[0], atol=1e-6)


def _two_views(classes: int) -> tuple[Classifier, Terms, np.ndarray]:
    wanted = np.asarray([0, 0, 1, 1, 2, 0] * 2) % classes
    vectors = np.random.default_rng(3).normal(size=(len(TEXTS), 8)).astype(np.float32)
    found, matrix = Terms.fit(TEXTS)
    return Classifier.fit(wanted, classes + 1, vectors, matrix), found, vectors


@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_without_a_text_is_never_named(classes: int) -> None:
    model, found, vectors = _two_views(classes)
    chances = model.probabilities(vectors[0], found.row(TEXTS[0]))
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    assert chances[-1] == 0
    assert likelihood(chances)[-1] == pytest.approx(0, abs=1e-6)


def test_of_many_sentences_the_passages_are_learned() -> None:
    passages = MOST_LEARNED // 2 + 1
    own = [*[QUESTION] * MIN_WORDINGS, SENTENCE, SENTENCE]
    items = [*range(MIN_WORDINGS), 0, 1]
    rows = Rows(np.tile(own, passages), np.repeat(np.arange(passages), len(own)), np.tile(items, passages))
    vectors = np.random.default_rng(2).normal(size=(len(rows.kind), 4)).astype(np.float32)
    learned = Learned.fit(vectors, [f"word{n % 7}" for n in range(len(rows.kind))], rows, passages)
    assert len(learned.meant) == len(learned.worded) == passages + 1


def test_it_names_what_it_was_taught() -> None:
    model, found, vectors = _two_views(3)
    assert [int(model.probabilities(v, found.row(t)).argmax()) for v, t in zip(vectors, TEXTS, strict=True)] == [
        0, 0, 1, 1, 2, 0,
    ] * 2  # fmt: skip


def test_nothing_fitted_gives_nothing() -> None:
    empty = np.zeros((0, 0), dtype=np.float32)
    model = Classifier(empty, empty, np.zeros(0, dtype=np.float32))
    assert len(likelihood(model.probabilities(np.ones(8, dtype=np.float32)))) == 0


def test_weights_of_terms_in_half_precision_say_nearly_the_same() -> None:
    wanted = np.asarray([0, 0, 1, 1, 2, 0] * 2)
    found, matrix = Terms.fit(TEXTS)
    model = Classifier.fit(wanted, 3, terms=matrix)
    counts = np.ones(len(TEXTS), dtype=np.float32)
    (weights,), bias = logistic.fit([matrix], wanted, counts, STRENGTH["terms"])
    exact = Classifier(np.zeros((0, 3), dtype=np.float32), weights, bias)
    assert dict(model.arrays())["terms"].dtype == np.float16 and weights.dtype == np.float32
    for text in TEXTS[:6]:
        row = found.row(text)
        np.testing.assert_allclose(model.probabilities(row=row), exact.probabilities(row=row), atol=2e-3)


def test_wordings_are_learned_by_the_sentence_that_they_ask_for() -> None:
    """Two passages of two sentences and one; each wording lies by one sentence, and is learned as asking for it."""
    sentences = np.eye(8, dtype=np.float32)[:3]
    kinds = [BODY, *[QUESTION] * 40, SENTENCE, SENTENCE, BODY, *[QUESTION] * 40, SENTENCE]
    passages = [0] * 43 + [1] * 42
    items = [0, *range(40), 0, 1, 0, *range(40), 0]
    noise = np.random.default_rng(1).normal(scale=0.1, size=(len(kinds), 8)).astype(np.float32)
    asked = [0, *[0, 1] * 20, 0, 1, 2, *[2] * 40, 2]
    rows = Rows(np.asarray(kinds), np.asarray(passages), np.asarray(items))
    vectors = sentences[asked] + noise * np.isin(kinds, QUESTION)[:, None]
    learned = Learned.fit(vectors, [f"word{n}" for n in asked], rows, 2)
    for place in np.flatnonzero(rows.kind == QUESTION):
        chances = learned.meant.probabilities(beside(vectors[place], vectors[place]))
        assert len(chances) == 4 and int(chances.argmax()) == asked[place]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model, found, vectors = _two_views(2)
    Learned(found, model, model, model).save(tmp_path / "learned")
    again = Learned.load(tmp_path / "learned")
    row = again.terms.row(TEXTS[2])
    np.testing.assert_array_equal(
        again.status.probabilities(vectors[2], row), model.probabilities(vectors[2], found.row(TEXTS[2]))
    )
    assert not list(tmp_path.rglob("*.pkl"))


def test_every_status_has_a_name() -> None:
    assert len(set(STATUSES)) == len(STATUSES)
