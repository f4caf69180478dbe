"""Fit the encoder to the corpus at build: to ``classes`` where there are wordings enough, else, here, to pairs.

A pair is a question or heading and a text that answers it. In-batch contrastive loss (multiple negatives ranking:
Henderson et al. 2017, arXiv:1705.00652), both ways, with texts of the same passage masked out. In a corpus of one
topic the general encoder ranks by the topic's words, which are everywhere; contrasting the corpus with itself teaches
it what is asked. Seeded and bounded; refused where a held-out slice does not improve.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from bot import classes
from bot.config import Adaptation
from bot.encoder import Progress
from bot.schema import Passage
from bot.training import SCALE, Outcome, Pair, kept_if_better, train

if TYPE_CHECKING:
    from torch import Tensor

    from bot.encoder import SentenceTransformerEncoder

Meant: TypeAlias = "list[list[int]]"  # by passage and wording: the number of the sentence it asks for
MIN_PAIRS = 64  # below this there is too little to contrast
MAX_STEPS = 100  # bounds the cost: about half a CPU second a step
FEW_WORDINGS = 8  # up to this many, each wording is used with every kind of text
MOST_WORDINGS = 40  # of a passage that are learned from
SENTENCES_OF_5 = 3  # of 5 wordings of a passage with many, so many go with a sentence, the others with a wording
HELD_OUT = 6  # every 6th pair is kept back to judge by
MAX_HELD_OUT = 500  # tells a gain of 2 points from chance; more only costs time
SWITCHED_OFF = {"accepted": False, "reason": "switched off"}


def pairs_of(passages: Sequence[Passage], meant: Meant | None = None) -> list[Pair]:
    """What the corpus itself teaches.

    Where a passage has few wordings, each goes with its text, a sentence and another wording. Where it has
    many, each goes with the sentence it means, or with another wording of that sentence.
    """
    out: list[Pair] = []
    for number, passage in enumerate(passages):
        wordings = wordings_of(passage)
        sentences = [s.text for s in passage.sentences]
        chosen = meant[number] if meant else [position % len(sentences) for position in range(len(wordings))]
        for position, wording in enumerate(wordings):
            same = [w for w, sentence in zip(wordings, chosen, strict=True) if sentence == chosen[position]]
            other = same[(same.index(wording) + 1) % len(same)]
            texts = (sentences[chosen[position]], other, passage.text)
            if len(wordings) <= FEW_WORDINGS:
                out.extend(Pair(wording, text, number) for text in dict.fromkeys(texts) if text != wording)
            else:
                of_wording = position % 5 >= SENTENCES_OF_5 and other != wording
                out.append(Pair(wording, texts[1] if of_wording else texts[0], number))
    return out


def thinned(passage: Passage) -> Passage:
    """The passage with at most ``MOST_WORDINGS`` questions, evenly taken: more are not reached in ``MAX_STEPS``."""
    step = max(1, -(-len(passage.questions) // MOST_WORDINGS))
    return replace(passage, questions=passage.questions[::step])


def wordings_of(passage: Passage) -> list[str]:
    """The heading and the other ways people ask, as they stand."""
    return [w for w in (passage.heading, *passage.questions) if w]


def meanings(encoder: SentenceTransformerEncoder, passages: Sequence[Passage]) -> Meant:
    """For each passage, which of its sentences each wording is nearest to: the one it most likely asks for."""
    texts = [[*wordings_of(p), *(s.text for s in p.sentences)] for p in passages]
    vectors = encoder.encode_quickly([t for own in texts for t in own])
    out: Meant = []
    start = 0
    for passage, own in zip(passages, texts, strict=True):
        block = vectors[start : start + len(own)]
        wordings = len(own) - len(passage.sentences)
        out.append([int(n) for n in (block[:wordings] @ block[wordings:].T).argmax(axis=1)])
        start += len(own)
    return out


def adapt(
    encoder: SentenceTransformerEncoder,
    passages: Sequence[Passage],
    settings: Adaptation,
    say: Progress,
    entries: Sequence[Passage] = (),
) -> Outcome:
    """Train the encoder in place; where it does not help, its weights are put back as they were.

    To classes where there are wordings enough to learn them from, else to pairs. Of more passages than are looked at
    it is left as it is. ``entries``: those of ``bank`` that lend the passages wordings, as ``bank.lessons`` gives them;
    their sentences are found by likeness, which only pairs teach (to classes 3 questions in 100 fewer were answered).
    """
    if not settings.enabled:
        return Outcome(False, SWITCHED_OFF)
    if not entries and classes.enough(passages):
        return classes.fit(encoder, passages, settings, say)
    passages = [thinned(p) for p in (*passages, *entries)]
    if len(passages) > MAX_STEPS * settings.batch_size:  # most would never be looked at
        return Outcome(False, {"accepted": False, "reason": "many passages"})
    pairs = pairs_of(passages, meanings(encoder, passages))
    if len(pairs) < MIN_PAIRS:
        return Outcome(False, {"accepted": False, "reason": "few pairs"})
    random.Random(settings.seed).shuffle(pairs)
    held = pairs[::HELD_OUT][:MAX_HELD_OUT]
    own = [p for i, p in enumerate(pairs) if i % HELD_OUT]
    return kept_if_better(encoder, held, lambda: _learn(encoder, own, settings, say))


def _learn(encoder: SentenceTransformerEncoder, own: list[Pair], settings: Adaptation, say: Progress) -> dict[str, Any]:
    import torch

    torch.manual_seed(settings.seed)
    steps = min(MAX_STEPS, settings.epochs * -(-(len(own) - 1) // settings.batch_size))
    rates = [(list(encoder.model.parameters()), settings.learning_rate)]
    train(encoder, _batches(own, settings), steps, lambda batch: _loss(encoder, batch), rates, say)
    return {"pairs": len(own), "steps": steps}


def _batches(train: list[Pair], settings: Adaptation) -> Iterator[list[Pair]]:
    rng = random.Random(settings.seed + 1)
    done = 0
    for _ in range(settings.epochs):
        rng.shuffle(train)
        for start in range(0, len(train) - 1, settings.batch_size):
            if done == MAX_STEPS:
                return
            done += 1
            yield train[start : start + settings.batch_size]


def _loss(encoder: SentenceTransformerEncoder, batch: Sequence[Pair]) -> Tensor:
    import torch

    anchors = encoder.embed_tensor([p.anchor for p in batch])
    texts = encoder.embed_tensor([p.text for p in batch])
    scores = anchors @ texts.T * SCALE
    numbers = torch.tensor([p.number for p in batch])
    same = (numbers[:, None] == numbers[None, :]) & ~torch.eye(len(batch), dtype=torch.bool)
    scores = scores.masked_fill(same, -1e4)
    target = torch.arange(len(batch))
    cross = torch.nn.functional.cross_entropy
    return (cross(scores, target) + cross(scores.T, target)) / 2
