"""Fit the encoder to the corpus at build: questions and headings to the text that answers them.

In-batch contrastive loss (multiple negatives ranking: Henderson et al. 2017, arXiv:1705.00652), both
ways, with texts of the same passage masked out. In a corpus of one topic the general encoder ranks by
the topic's words, which are everywhere; contrasting the corpus with itself teaches it what is asked.
Seeded and bounded; refused where a held-out slice does not improve.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bot.config import Adaptation
from bot.schema import Passage

if TYPE_CHECKING:
    from torch import Tensor

    from bot.encoder import SentenceTransformerEncoder

Progress = Callable[[str, int, int], None]
Meant: TypeAlias = "list[list[int]]"  # by passage and wording: the number of the sentence it asks for
MIN_PAIRS = 64  # below this there is too little to contrast
MAX_STEPS = 100  # bounds the cost: about half a CPU second a step
FROZEN = ("embeddings.", "layer.0.", "layer.1.")  # general language stays as it was, and costs no backward pass
FEW_WORDINGS = 8  # up to this many, each wording is used with every kind of text
MOST_WORDINGS = 40  # of a passage that are learned from
SENTENCES_OF_5 = 3  # of 5 wordings of a passage with many, so many go with a sentence, the others with a wording
HELD_OUT = 6  # every 6th pair is kept back to judge by
MAX_HELD_OUT = 500  # tells a gain of 2 points from chance; more only costs time
SCALE = 20.0  # inverse temperature of the softmax over cosines, the usual value
WARM_UP = 0.1
MAX_TOKENS = 64
SWITCHED_OFF = {"accepted": False, "reason": "switched off"}


@dataclass(frozen=True, slots=True)
class Pair:
    """An anchor (a heading or question), a text that answers it, and their passage's number."""

    anchor: str
    text: str
    passage: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the adapted weights are to be kept; ``report`` goes into the manifest."""

    accepted: bool
    report: dict[str, Any]


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
    encoder: SentenceTransformerEncoder, passages: Sequence[Passage], settings: Adaptation, say: Progress
) -> Outcome:
    """Train the encoder in place; where it does not help, its weights are put back as they were.

    Of more passages than are looked at it is left as it is.
    """
    passages = [thinned(p) for p in passages]
    if not settings.enabled:
        return Outcome(False, SWITCHED_OFF)
    if len(passages) > MAX_STEPS * settings.batch_size:  # most would never be looked at
        return Outcome(False, {"accepted": False, "reason": "many passages"})
    pairs = pairs_of(passages, meanings(encoder, passages))
    if len(pairs) < MIN_PAIRS:
        return Outcome(False, {"accepted": False, "reason": "few pairs"})
    random.Random(settings.seed).shuffle(pairs)
    held = pairs[::HELD_OUT][:MAX_HELD_OUT]
    train = [p for i, p in enumerate(pairs) if i % HELD_OUT]
    before = _reciprocal_rank(encoder, held)
    kept = {k: v.clone() for k, v in encoder.model.state_dict().items()}
    steps = _train(encoder, train, settings, say)
    after = _reciprocal_rank(encoder, held)
    accepted = after > before
    if not accepted:
        encoder.model.load_state_dict(kept)
    report = {"accepted": accepted, "pairs": len(train), "steps": steps, "held_out": len(held)}
    return Outcome(accepted, {**report, "mrr_before": round(before, 4), "mrr_after": round(after, 4)})


def _reciprocal_rank(encoder: SentenceTransformerEncoder, held: Sequence[Pair]) -> float:
    """Mean reciprocal rank of the best own text among the held-out texts."""
    anchors = encoder.encode_quickly([p.anchor for p in held])
    texts = encoder.encode_quickly([p.text for p in held])
    numbers = np.asarray([p.passage for p in held])
    scores = anchors @ texts.T
    if not np.isfinite(scores).all():
        return 0.0  # diverged: a comparison with NaN would look like a perfect rank
    own = np.where(numbers[:, None] == numbers[None, :], scores, -2.0).max(axis=1)
    foreign = (numbers[:, None] != numbers[None, :]) & (scores > own[:, None])
    return float(np.mean(1.0 / (1.0 + foreign.sum(axis=1))))


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


def _train(encoder: SentenceTransformerEncoder, train: list[Pair], settings: Adaptation, say: Progress) -> int:
    import torch

    torch.manual_seed(settings.seed)
    model = encoder.model
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not any(part in name for part in FROZEN))
    total = min(MAX_STEPS, settings.epochs * -(-len(train) // settings.batch_size))
    optimiser = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=settings.learning_rate)
    warm = max(1, int(total * WARM_UP))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: (step + 1) / warm if step < warm else max(0.0, (total - step) / (total - warm))
    )
    length, model.max_seq_length = model.max_seq_length, MAX_TOKENS
    model.train()
    steps = 0
    for batch in _batches(list(train), settings):
        loss = _loss(encoder, batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        steps += 1
        say("adapt the encoder", steps, total)
    model.eval()
    model.max_seq_length = length
    return steps


def _loss(encoder: SentenceTransformerEncoder, batch: Sequence[Pair]) -> Tensor:
    import torch

    anchors = encoder.embed_tensor([p.anchor for p in batch])
    texts = encoder.embed_tensor([p.text for p in batch])
    scores = anchors @ texts.T * SCALE
    numbers = torch.tensor([p.passage for p in batch])
    same = (numbers[:, None] == numbers[None, :]) & ~torch.eye(len(batch), dtype=torch.bool)
    scores = scores.masked_fill(same, -1e4)
    target = torch.arange(len(batch))
    cross = torch.nn.functional.cross_entropy
    return (cross(scores, target) + cross(scores.T, target)) / 2
