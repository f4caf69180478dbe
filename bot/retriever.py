"""Query to ranked hits: dense over wordings, bodies and sentences, a minority sparse vote, and content.

Score of a passage, all parts roughly 0 to 1 (recipe and its measurements: CONTRIBUTING):

    dense    the best question wording, and the better of body and best sentence, as cosines
    sparse   mean of two BM25 fields, each divided by the most it could give for the query
    neighbours  share of it among the nearest texts that people asked: no part of the score, a sign of doubt
    learned  how likely the passage is meant, by what its wordings have in common; worded the same by their words
    concept  share of the query's concepts the passage speaks of
    facet    does the passage answer the kind of question asked
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bot.bank import Bank
from bot.classify import beside, likelihood, summed
from bot.config import Retrieval
from bot.dense import Matrix
from bot.facets import Facets
from bot.index import Index
from bot.language import stems, words
from bot.lexicon import Lexicon
from bot.nearness import Nearness, Numbers, Scores
from bot.profiles import Profile, profile_of
from bot.rewrite import Query
from bot.rows import SENTENCE, question_terms
from bot.schema import Hit, Passage, joined

Holders = dict[str, NDArray[np.bool_]]
PINNED = 2.0  # further ahead than ``Answering.passage_margin``, so that its sentences alone are read
SEARCH_ROWS = 400  # rows of the dense index that may bring a passage in; a clinic's corpus fits whole


@dataclass(frozen=True, slots=True)
class Found:
    """Ranked hits for one query, and the cosine of every sentence of theirs."""

    hits: tuple[Hit, ...]
    sentences: dict[tuple[str, int], float]  # (passage id, sentence number) > cosine
    asked: dict[tuple[str, int], float]  # the same > cosine of the nearest wording that asks for the sentence
    meant: dict[tuple[str, int], float]  # the same > how likely it, or an entry of ``bank`` that it answers, is asked
    vector: Matrix
    contrast: float  # cosine of the nearest question known not to be covered
    beside: float  # share of such questions among the nearest texts that people asked
    outside: float  # how likely the question is like those, 0 to 1, by its embedding
    unworded: float  # the same by its words


@dataclass(frozen=True, slots=True)
class _Told:
    """What was learned from wordings: by passage, of what is not covered, and by sentence."""

    learned: Scores
    worded: Scores
    outside: float
    unworded: float
    meant: dict[tuple[str, int], float] = field(default_factory=dict)


class Retriever:
    """``search(query)`` ranks passages; ties are broken by passage id."""

    def __init__(self, index: Index, lexicon: Lexicon, facets: Facets, settings: Retrieval) -> None:
        self.passages = index.passages
        self._index = index
        self._settings = settings
        self._facets = facets
        self.profiles = [profile_of(p, lexicon, facets) for p in index.passages]
        said = [f.say for f in facets.by_id.values()]
        vectors = index.encoder.encode(said)
        self._said = dict(zip(facets.by_id, vectors, strict=True))
        self._by_id = {p.id: profile for p, profile in zip(index.passages, self.profiles, strict=True)}
        self._order = np.argsort(np.argsort([p.id for p in index.passages]))  # places of the passages, by their ids
        self._headed = _holders([p.headed for p in self.profiles])
        self._spoken = _holders([p.concepts for p in self.profiles])
        self._asked = _holders([p.facets for p in self.profiles])
        self._answered = _holders([p.answered for p in self.profiles])
        self._sentences = [(p.id, number) for p in index.passages for number in range(len(p.sentences))]
        self._owners = index.rows.passage[index.rows.kind == SENTENCE]
        if len(index.learned.meant) != len(self._owners) + 1:  # so many that passages were learned instead
            self._owners, self._sentences = np.arange(len(index.passages)), []
        self._beside = int((index.rows.passage < 0).sum())  # rows of no passage, which a search may bring too
        self._bank = Bank(index.lent, index.dense, index.rows, index.passages) if index.lent else None
        self._all = np.arange(len(index.passages))
        self._nearness = Nearness(index)

    def profile(self, passage: Passage) -> Profile:
        """The profile of a passage of this index."""
        return self._by_id[passage.id]

    def search(self, query: Query, known: Mapping[str, Matrix] | None = None, first: str = "") -> Found:
        """Rank the passages for a query. ``known`` are embeddings already made, by text.

        ``first`` is the id of the passage that a person said answers it: it is ranked first, ``PINNED`` ahead.
        """
        vector = self._vector(query, known or {})
        numbers = self._candidates(vector)
        pinned = [n for n, passage in enumerate(self.passages) if passage.id == first] if first else []
        if pinned:
            numbers = np.union1d(numbers, pinned)
        bank, told = self._bank, self._told(query, vector, known or {})
        if bank is None:
            near = self._nearness.of(vector, numbers)
        else:
            lent = bank.similarity(vector)
            near = bank.lay(self._nearness.of(vector, numbers, (lent, bank.asked)), numbers, lent)
        share = self._settings.question_share
        parts: dict[str, Scores] = {
            "dense": share * near.question + (1 - share) * np.maximum(near.body, near.sentence),
            "question": near.question,
            "body": near.body,
            "neighbours": near.neighbours,
            "sparse": self._sparse(query)[numbers].astype(np.float64),
            "learned": told.learned[numbers],
            "worded": told.worded[numbers],
            "concept": self._concept(query, numbers),
            "facet": self._facet(query, numbers),
        }
        totals = self._total(query, parts)
        if pinned:
            totals[np.isin(numbers, pinned)] = totals.max() + PINNED
        best = self._best(numbers, totals, parts)
        return Found(
            best,
            near.sentences,
            near.asked,
            told.meant,
            vector,
            near.contrast,
            near.beside,
            told.outside,
            told.unworded,
        )

    def _told(self, query: Query, vector: Matrix, known: Mapping[str, Matrix]) -> _Told:
        """What the classifiers say."""
        model, bank = self._index.learned, self._bank
        before = query.before if model.talks else ""
        whole = self._embedded([query.said], known)[0] if before else vector
        said = joined(before, query.text) if before else f"{query.text} {query.context}"
        chances = (
            model.meant.probabilities(beside(vector, whole)),
            model.worded.probabilities(row=model.terms.row(said)),
        )
        learned, worded = map(likelihood, chances)
        if not len(learned):
            nothing = np.zeros(len(self.passages))
            return _Told(nothing, nothing, 0.0, 0.0)
        if bank is None:
            meant, said_so = (likelihood(summed(chance[:-1], self._owners, len(self.passages))) for chance in chances)
            asked = dict(zip(self._sentences, ((learned + worded) / 2).tolist(), strict=False))
            return _Told(meant, said_so, float(learned[-1]), float(worded[-1]), asked)
        return _Told(
            bank.passages(learned),
            bank.passages(worded),
            max(float(learned[-1]), bank.beside(learned)),
            max(float(worded[-1]), bank.beside(worded)),
            bank.sentences((learned + worded) / 2),
        )

    def _best(self, numbers: Numbers, totals: Scores, parts: Mapping[str, Scores]) -> tuple[Hit, ...]:
        """The passages of the highest totals, each with its parts."""
        ranked = np.lexsort((self._order[numbers], -totals))[: self._settings.candidates]
        columns = zip(*(part[ranked].tolist() for part in parts.values()), strict=True)
        return tuple(
            Hit(self.passages[number], score, dict(zip(parts, column, strict=True)))
            for number, score, column in zip(numbers[ranked].tolist(), totals[ranked].tolist(), columns, strict=True)
        )

    def _vector(self, query: Query, known: Mapping[str, Matrix]) -> Matrix:
        """The query's embedding, leaning on the facet's full wording and the question before."""
        weights = self._settings
        own, *context = self._embedded([query.embedded, *([query.context] if query.context else [])], known)
        vector = own.copy()
        if context:
            vector += weights.context_weight * context[0]
        if query.facets:
            short = len(words(query.text)) <= weights.short_query_words and not query.inherited
            said = np.mean([self._said[f] for f in query.facets], axis=0)
            vector += (weights.facet_short if short else weights.facet_long) * said
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    def _embedded(self, texts: Sequence[str], known: Mapping[str, Matrix]) -> list[Matrix]:
        """Embeddings of texts, made where they are not known."""
        new = [text for text in dict.fromkeys(texts) if text not in known]
        made = dict(zip(new, self._index.encoder.encode(new), strict=True)) if new else {}
        return [known[text] if text in known else made[text] for text in texts]

    def _candidates(self, vector: Matrix) -> Numbers:
        """Numbers of the passages that get a full score: all of a clinic's corpus, the nearest of a large one."""
        if len(self._index.passages) <= SEARCH_ROWS:
            return self._all
        _, rows = self._index.dense.search(vector, SEARCH_ROWS + self._beside)
        owners = np.unique(self._index.rows.passage[rows])
        return owners[owners >= 0]

    def _sparse(self, query: Query) -> Matrix:
        """Mean of both fields, each relative to the best any passage could get for the terms."""
        out = np.zeros(len(self._index.passages), dtype=np.float32)
        for documents, terms in (
            (self._index.sparse_questions, question_terms(query.text)),
            (self._index.sparse_texts, stems(query.text)),
        ):
            ceiling = documents.ceiling(terms)
            if ceiling > 0:
                out += documents.scores(terms) / ceiling / 2
        return out

    def _concept(self, query: Query, numbers: Numbers) -> Scores:
        """Share of the query's concepts that each passage speaks of, those it only mentions counting less."""
        soft = query.soft - {"treatment"}
        if wanted := query.concepts:
            headed = _count(wanted, self._headed, numbers)
            return (headed + 0.6 * (_count(wanted, self._spoken, numbers) - headed)) / len(wanted)
        return 0.5 * _count(soft, self._spoken, numbers) / (len(soft) or 1)

    def _facet(self, query: Query, numbers: Numbers) -> Scores:
        """Whether each passage asks and answers the kind of question asked."""
        asked, answered = (_count(query.facets, holders, numbers) for holders in (self._asked, self._answered))
        return 0.6 * np.minimum(asked, 1) + 0.4 * np.minimum(answered, 1)

    def _total(self, query: Query, parts: Mapping[str, Scores]) -> Scores:
        weights = self._settings
        short = len(words(query.text)) <= weights.short_query_words
        learned = weights.later_learned if query.before else 1.0
        return (
            parts["dense"]
            + weights.sparse_weight * (0.5 if short else 1.0) * parts["sparse"]
            + learned * weights.learned_weight * parts["learned"]
            + learned * weights.worded_weight * parts["worded"]
            + weights.concept_weight * parts["concept"]
            + weights.facet_weight * parts["facet"]
        )


def _holders(held: Sequence[frozenset[str]]) -> Holders:
    """For each name which passages have it, shape ``(passages,)``."""
    return {name: np.asarray([name in own for own in held]) for name in frozenset().union(*held)}


def _count(names: Iterable[str], holders: Holders, numbers: Numbers) -> Scores:
    """How many of the names each of some passages has, shape ``(n,)``."""
    out = np.zeros(len(numbers))
    for name in names:
        if name in holders:
            out += holders[name][numbers]
    return out
