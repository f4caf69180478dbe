"""Hits to answer-or-not with the reason; owns the calibrated thresholds (``data/abstention.json``).

No score alone tells "covered" from "nearly covered". The decision is a logistic model over signals of
match and of content, fitted on the development split; what is like nothing in the articles is declined before it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from bot.citing import Chosen
from bot.language import stems, words
from bot.retriever import Found, Retriever
from bot.rewrite import Query

FEW_WORDS = 3  # a question of more words that finds nothing is about something else
LIKELY_OUTSIDE = 0.95  # on the scale of ``Classifier.likelihood``: two chances in three
STRANGE = 0.4  # cosine of the nearest wording or text: below it the classifiers only guess
NEAR_OUTSIDE = 0.6  # cosine of the nearest question known not to be covered


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to answer. ``confidence`` is the estimated probability that the answer is right.

    ``unclear``: too few words to tell what is meant, so asking back is better than declining.
    """

    answer: bool
    confidence: float
    reason: str
    signals: Mapping[str, float]
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """Logistic coefficients by signal, and the lowest confidence that is answered."""

    weights: Mapping[str, float]
    bias: float
    threshold: float

    @classmethod
    def load(cls, kind: str = "wordings") -> Model:
        """Read the fitted coefficients that ship with the package.

        Articles whose headings list other wordings match questions far better than plain ones, and many can be
        learned from, so each kind (``Index.kind``) has its own fit.
        """
        fitted = json.loads((resources.files("bot") / "data" / "abstention.json").read_text(encoding="utf-8"))
        raw = fitted[kind]
        return cls(raw["weights"], raw["bias"], raw["threshold"])

    def probability(self, signals: Mapping[str, float]) -> float:
        """Estimated probability that an answer with these signals is right."""
        total = self.bias + sum(weight * signals.get(name, 0.0) for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


class Abstention:
    """``decide(query, found, picked)``: answer, or decline with the reason."""

    def __init__(self, retriever: Retriever, model: Model) -> None:
        self._retriever = retriever
        self._model = model
        self._headed = frozenset(s for p in retriever.passages for s in stems(p.heading))
        self._spoken = frozenset(concept for p in retriever.profiles for concept in p.concepts)

    def decide(self, query: Query, found: Found, picked: Sequence[Chosen]) -> Decision:
        """Weigh the signals of one query."""
        if not picked:
            return Decision(False, 0.0, "nothing found", {})
        signals = self.signals(query, found, picked)
        confidence = self._model.probability(signals)
        if (signals["learned_best"] or signals["outside"]) and max(signals["question"], signals["body"]) < STRANGE:
            return Decision(False, min(confidence, 0.05), "like nothing in the articles", signals)
        if confidence >= self._model.threshold:
            return Decision(True, confidence, "covered", signals)
        if query.concepts and not query.concepts & self._spoken:
            return Decision(False, confidence, "no article speaks of it", signals)
        return Decision(False, confidence, "too little support", signals, self._unclear(query, found))

    def _unclear(self, query: Query, found: Found) -> bool:
        """A word or three that the articles know, asked out of the blue, and not like what they don't cover."""
        short = 0 < len(words(query.text)) <= FEW_WORDS and not query.context
        headed = self._headed.issuperset(stems(query.text))
        beside = found.outside > LIKELY_OUTSIDE or found.contrast > NEAR_OUTSIDE
        return short and not query.unknown and not self.missing(query) and (headed or not beside)

    def missing(self, query: Query) -> frozenset[str]:
        """Concepts of the query that no article speaks of."""
        return query.concepts - self._spoken

    def signals(self, query: Query, found: Found, picked: Sequence[Chosen]) -> dict[str, float]:
        """What the decision is made from; each about 0 to 1."""
        top, first = found.hits[0], picked[0]
        second = next((h.score for h in found.hits if h.passage.source_id != top.passage.source_id), 0.0)
        wanted = set(stems(query.text))
        profile = self._retriever.profile(first.passage)
        spoken = frozenset().union(*(self._retriever.profile(c.passage).concepts for c in picked))
        question = max(h.parts["question"] for h in found.hits)
        likely = [*sorted((h.parts["learned"] for h in found.hits), reverse=True), 0.0]
        worded = [*sorted((h.parts["worded"] for h in found.hits), reverse=True), 0.0]
        return {
            "dense": top.parts["dense"],
            "question": question,
            "gap": question - found.contrast,
            "body": max(h.parts["body"] for h in found.hits),
            "contrast": found.contrast,
            "neighbours": top.parts["neighbours"],
            "beside": found.beside,
            "outside": found.outside,
            "learned": top.parts["learned"],
            "learned_best": likely[0],
            "learned_second": likely[1],
            "unworded": found.unworded,
            "worded": top.parts["worded"],
            "worded_best": worded[0],
            "worded_second": worded[1],
            "asked": max(found.asked.values()),
            "sparse": top.parts["sparse"],
            "cosine": first.parts["cosine"],
            "margin": max(0.0, top.score - second),
            "overlap": len(wanted & profile.stems) / len(wanted) if wanted else 0.5,
            "unknown": min(2.0, float(len(query.unknown))) / 2,
            "missing": len(self.missing(query)) / len(query.concepts) if query.concepts else 0.0,
            "unspoken": len(query.concepts - spoken) / len(query.concepts) if query.concepts else 0.0,
            "headed": len(query.concepts & profile.headed) / len(query.concepts) if query.concepts else 0.0,
            "concepts": min(3.0, float(len(query.concepts))) / 3,
            "no_facet": float(not query.facets),
            "facet": max((float(f in profile.facets) for f in query.facets), default=0.0),
            "answered": first.parts["facet"],
            "value": first.parts["value"],
            "context": float(bool(query.context)),
            "later": float(bool(query.before)),
        }
