"""Training the encoder in place: the loop that every way of fitting it shares, and whether the fitting is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bot.encoder import Progress

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter

    from bot.encoder import SentenceTransformerEncoder

Item = TypeVar("Item")
FROZEN = ("embeddings.", "layer.0.", "layer.1.")  # general language stays as it was, and costs no backward pass
SCALE = 20.0  # inverse temperature of a softmax over cosines, the usual value
WARM_UP = 0.1
MAX_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """An anchor (a heading, question or message), a text that belongs to it, and the number of what both belong to."""

    anchor: str
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the adapted weights are to be kept; ``report`` goes into the manifest."""

    accepted: bool
    report: dict[str, Any]


def kept_if_better(
    encoder: SentenceTransformerEncoder, held: Sequence[Pair], learn: Callable[[], dict[str, Any]]
) -> Outcome:
    """Train by ``learn``, which tells what it did; where held-out pairs are not found better, put the weights back."""
    before = _reciprocal_rank(encoder, held)
    kept = {k: v.clone() for k, v in encoder.model.state_dict().items()}
    report = learn()
    after = _reciprocal_rank(encoder, held)
    accepted = after > before
    if not accepted:
        encoder.model.load_state_dict(kept)
    found = {"held_out": len(held), "mrr_before": round(before, 4), "mrr_after": round(after, 4)}
    return Outcome(accepted, {"accepted": accepted, **report, **found})


def train(
    encoder: SentenceTransformerEncoder,
    batches: Iterator[list[Item]],
    total: int,
    loss_of: Callable[[list[Item]], Tensor],
    rates: Sequence[tuple[Sequence[Parameter], float]],
    say: Progress,
) -> None:
    """Take ``total`` steps, a batch each. ``rates``: parameters and their learning rate.

    Rates rise to their full height in the first ``WARM_UP`` of the steps, and fall to nothing from there.
    """
    import torch

    model = encoder.model
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not any(part in name for part in FROZEN))
    groups = [{"params": list(parameters), "lr": rate} for parameters, rate in rates]
    optimiser = torch.optim.AdamW(groups)
    warm = max(1, int(total * WARM_UP))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: (step + 1) / warm if step < warm else max(0.0, (total - step) / (total - warm))
    )
    length, model.max_seq_length = model.max_seq_length, MAX_TOKENS
    model.train()
    for step, batch in enumerate(batches, 1):
        loss = loss_of(batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        say("adapt the encoder", step, total)
    model.eval()
    model.max_seq_length = length


def _reciprocal_rank(encoder: SentenceTransformerEncoder, held: Sequence[Pair]) -> float:
    """Mean reciprocal rank of the best own text among the held-out texts."""
    anchors = encoder.encode_quickly([p.anchor for p in held])
    texts = encoder.encode_quickly([p.text for p in held])
    numbers = np.asarray([p.number for p in held])
    scores = anchors @ texts.T
    if not np.isfinite(scores).all():
        return 0.0  # diverged: a comparison with NaN would look like a perfect rank
    own = np.where(numbers[:, None] == numbers[None, :], scores, -2.0).max(axis=1)
    foreign = (numbers[:, None] != numbers[None, :]) & (scores > own[:, None])
    return float(np.mean(1.0 / (1.0 + foreign.sum(axis=1))))
