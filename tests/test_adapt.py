"""Fitting the encoder to a corpus: better on what was held out, or the weights exactly as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import classes
from bot.adapt import MAX_STEPS, MIN_PAIRS, MOST_WORDINGS, adapt, pairs_of, thinned, wordings_of
from bot.chunker import chunk
from bot.config import BUNDLED_MODEL, Adaptation, Chunking, Config
from bot.corpus import load_corpus
from bot.encoder import SentenceTransformerEncoder, locate
from bot.prototypes import STATUSES, examples, labels, uncovered_questions
from bot.schema import MOST_LEARNED, Passage
from tests.bicycle import write_corpus
from tests.fake_encoder import article_of

SETTINGS = Adaptation(epochs=1, steps=20)


@pytest.fixture
def encoder() -> SentenceTransformerEncoder:
    """A model of its own for each test, since it is changed in place."""
    return SentenceTransformerEncoder.load(locate(BUNDLED_MODEL), 2)


@pytest.fixture
def few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not asked how much better: most of the time would go into judging."""
    monkeypatch.setattr(classes, "HELD_OUT", 60)


@pytest.fixture(scope="module")
def passages() -> tuple[Passage, ...]:
    """A fifth of the shipped sections with all their wordings: classes are learned."""
    every = [p for a in load_corpus(Config().corpus) for p in chunk(a, Chunking())]
    return tuple(every[::5])


@pytest.fixture(scope="module")
def sparse() -> tuple[Passage, ...]:
    """All shipped sections with two wordings beside the heading: pairs are learned, in seconds."""
    every = [p for a in load_corpus(Config().corpus) for p in chunk(a, Chunking())]
    return tuple(replace(p, questions=p.questions[:2], conversations=()) for p in every)


def weights(encoder: SentenceTransformerEncoder) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}


def unchanged(encoder: SentenceTransformerEncoder, before: dict[str, Any]) -> bool:
    return all(bool((tensor == before[name]).all()) for name, tensor in encoder.model.state_dict().items())


def silent(step: str, done: int, total: int) -> None:
    pass


@pytest.mark.parametrize(("which", "told"), [("passages", "classes"), ("sparse", "pairs")])
def test_it_improves_and_says_so(
    encoder: SentenceTransformerEncoder, which: str, told: str, request: pytest.FixtureRequest
) -> None:
    before, steps = weights(encoder), []
    outcome = adapt(encoder, request.getfixturevalue(which), SETTINGS, lambda *step: steps.append(step))
    assert outcome.accepted
    assert outcome.report["accepted"] is True
    assert outcome.report[told] > 0
    assert outcome.report["mrr_after"] > outcome.report["mrr_before"]
    assert not unchanged(encoder, before)
    taken = [total for step, _, total in steps if step == "adapt the encoder"]
    assert len(taken) == outcome.report["steps"] == taken[-1]
    assert ("read questions" in {step for step, _, _ in steps}) == (told == "classes")
    vectors = encoder.encode(["does it hurt"])
    assert float(vectors[0] @ vectors[0]) == pytest.approx(1, abs=1e-5)
    assert encoder.model.max_seq_length == 256
    assert not encoder.model.training


@pytest.mark.usefixtures("few_held_out")
@pytest.mark.parametrize("which", ["passages", "sparse"])
def test_the_same_seed_gives_the_same_weights(which: str, request: pytest.FixtureRequest) -> None:
    own = request.getfixturevalue(which)[:40]
    runs = []
    for _ in range(2):
        encoder = SentenceTransformerEncoder.load(locate(BUNDLED_MODEL), 2)
        outcome = adapt(encoder, own, replace(SETTINGS, steps=3), silent)
        runs.append((outcome.report, encoder.encode(["does it hurt"]).tolist()))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("which", ["passages", "sparse"])
@pytest.mark.parametrize("rate", [0.0, 0.5, 1e30], ids=["learns nothing", "collapses", "overflows"])
def test_where_it_does_not_help_the_weights_are_put_back(
    encoder: SentenceTransformerEncoder, which: str, rate: float, request: pytest.FixtureRequest
) -> None:
    before = weights(encoder)
    settings = replace(SETTINGS, learning_rate=rate, class_rate=rate, steps=5)
    outcome = adapt(encoder, request.getfixturevalue(which)[:40], settings, silent)
    assert not outcome.accepted
    assert outcome.report["accepted"] is False
    assert unchanged(encoder, before)


def test_every_kind_of_text_is_of_a_class_of_its_own(passages: tuple[Passage, ...]) -> None:
    talk = replace(passages[0], conversations=("is it safe || and how long are they",))
    lessons = classes.lessons_of([talk, *passages[1:]])
    of = {name: {x.text for x in lessons if x.name == name} for name in {x.name for x in lessons}}
    for passage in passages:
        assert {*wordings_of(passage), *(s.text for s in passage.sentences)} <= of[passage.id]
    assert "and how long are they" in of[talk.id]
    assert set(uncovered_questions()) <= of[classes.BESIDE]
    for name in STATUSES[1:]:
        assert of[name] == {text for (_, text), label in zip(examples(), labels(), strict=True) if label == name}
    assert of.keys() == {*(p.id for p in passages), classes.BESIDE, *STATUSES[1:]}


def test_classes_want_a_share_of_wordings(passages: tuple[Passage, ...], sparse: tuple[Passage, ...]) -> None:
    assert classes.enough(passages)
    assert not classes.enough(sparse)
    assert not classes.enough(())
    assert not classes.enough(passages * (MOST_LEARNED // len(passages) + 1))


def test_what_the_bank_lends_wordings_is_fitted_to_pairs(
    encoder: SentenceTransformerEncoder, sparse: tuple[Passage, ...], passages: tuple[Passage, ...]
) -> None:
    few = [replace(p, questions=()) for p in sparse[:5]]
    assert "pairs" in adapt(encoder, few, SETTINGS, silent, passages[:8]).report


def test_it_can_be_switched_off(encoder: SentenceTransformerEncoder, passages: tuple[Passage, ...]) -> None:
    before = weights(encoder)
    outcome = adapt(encoder, passages, replace(SETTINGS, enabled=False), silent)
    assert outcome.report == {"accepted": False, "reason": "switched off"}
    assert unchanged(encoder, before)


def test_a_small_corpus_is_left_alone(encoder: SentenceTransformerEncoder, tmp_path: Path) -> None:
    few = tuple(p for a in load_corpus(write_corpus(tmp_path)) for p in chunk(a, Chunking()))[:3]
    assert 0 < len(pairs_of(few)) < MIN_PAIRS
    before = weights(encoder)
    assert adapt(encoder, few, SETTINGS, silent).report == {"accepted": False, "reason": "few pairs"}
    assert adapt(encoder, (), SETTINGS, silent).report == {"accepted": False, "reason": "few pairs"}
    assert unchanged(encoder, before)


def test_pairs_lead_from_wordings_to_their_own_passage(tmp_path: Path) -> None:
    passages = tuple(p for a in load_corpus(write_corpus(tmp_path)) for p in chunk(a, Chunking()))
    pairs = pairs_of(passages)
    for pair in pairs:
        passage = passages[pair.number]
        own = {passage.heading, *passage.questions}
        assert pair.anchor in own
        assert pair.text in {passage.text, *own, *(s.text for s in passage.sentences)}
        assert pair.text != pair.anchor
    assert {p.number for p in pairs} == {n for n, p in enumerate(passages) if p.heading or p.questions}
    assert len(set(pairs)) == len(pairs)


def test_a_passage_without_a_heading_teaches_nothing() -> None:
    assert pairs_of(chunk(article_of("a", ("paragraph", "The chain is oiled.")), Chunking())) == []


def test_of_many_wordings_an_even_share_is_paired(passages: tuple[Passage, ...]) -> None:
    many = replace(passages[0], questions=tuple(f"question {n}" for n in range(3 * MOST_WORDINGS)))
    kept = thinned(many).questions
    assert len(kept) == MOST_WORDINGS
    assert kept[0] == "question 0"
    assert kept[-1] == f"question {3 * MOST_WORDINGS - 3}"
    few = replace(passages[0], questions=("one", "two"))
    assert thinned(few) == few


def test_more_passages_than_steps_can_look_at_leave_the_encoder_as_it_is(passages: tuple[Passage, ...]) -> None:
    few = replace(passages[0], questions=())
    many = (few,) * (MAX_STEPS * SETTINGS.batch_size + 1)
    report = adapt(None, many, SETTINGS, silent).report  # type: ignore[arg-type]  # it is not even looked at
    assert report == {"accepted": False, "reason": "many passages"}
