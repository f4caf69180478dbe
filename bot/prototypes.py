"""Examples beside the corpus: what is urgent, what only sounds so, and what is known not to be covered.

They are embedded with the corpus at build. Sentence embeddings barely see negation, so an example may
add urgency where no rule saw it, and never takes any away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bot.dense import Dense, Matrix
from bot.language import read_toml
from bot.safety import Label, Verdict
from bot.texts import Texts

SITUATIONS = ("emergency", "self_harm", "red_flag")
# Chosen for recall on fresh urgent messages that no example was made from: of 77, the examples alone find 68 at 0,
# 62 at 0.03 and 73 at -0.05; of 1,180 ordinary questions they call 4, 2 and 15 urgent.
MARGIN = 0.0  # cosine by which the nearest urgent example must beat everything harmless
# "what floor are you on" is 0.05 nearer to somebody lying on it; no urgent message of the sets is a hand-over.
FIRM = ("handoff", "refused")  # statuses whose rules are sure of what was meant
FIRM_MARGIN = 0.08  # by which an urgent example must win where they fired
NEAR = 0.45  # below this cosine nothing is alike
# The other examples name what only the clinic can answer, what needs caution, small talk and abuse in people's own
# words. A message that no rule knows is judged as the examples nearest to it are, where they agree.
LIKE_MARGIN = 0.13  # cosine by which they must beat every question of the articles and every example judged otherwise
LIKE_NEAR = 0.5  # below this cosine nothing is alike
LIKE_MOST = 8  # of them are judged; each costs a millisecond


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
    if verdict.status in FIRM and alarm.margin <= FIRM_MARGIN:
        return verdict
    label = Label(alarm.situation, "like an example", "unknown", f"prototypes.toml:{alarm.situation}", alarm.example)
    lead, disclaimers = texts[alarm.situation], (texts["disclaimer_urgent"],)
    return Verdict("urgent", (label, *verdict.labels), lead, False, (), disclaimers, (), verdict.question)


def as_example(verdict: Verdict, example: Verdict, text: str) -> Verdict:
    """The verdict that a message gets for being like an example; its own words and labels are kept."""
    label = Label(example.labels[0].situation, "like an example", "unknown", "prototypes.toml:harmless", text)
    return replace(
        example,
        labels=(label, *verdict.labels),
        retrieve=example.status == "caution",
        question=verdict.question,
        told=verdict.told,
    )


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

        self._calm = tuple(text for name, text in self._examples if name not in SITUATIONS)

    def like(self, vector: Matrix) -> tuple[str, ...]:
        """The harmless examples a message is clearly nearest to; none where a question of the articles is as near."""
        scores = self._dense.similarity(vector, self._harmless)
        best = float(scores.max(initial=-1.0))
        near = np.flatnonzero(scores > best - LIKE_MARGIN)
        if best < LIKE_NEAR or (near >= len(self._calm)).any():
            return ()
        return tuple(self._calm[int(i)] for i in near[np.argsort(-scores[near])][:LIKE_MOST])

    def alarm(self, vector: Matrix) -> Alarm | None:
        """The nearest urgent example of a message's embedding, shape ``(dim,)``, where it wins clearly."""
        scores = self._dense.similarity(vector, self._urgent)
        if not len(scores) or scores.max() < NEAR:
            return None
        margin = float(scores.max() - self._dense.similarity(vector, self._harmless).max(initial=-1.0))
        situation, example = self._examples[int(self._places[int(scores.argmax())])]
        return Alarm(situation, example, margin) if margin > MARGIN else None
