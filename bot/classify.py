"""What a message is, learned at build from wordings and examples by logistic regression.

The nearest wording alone is noisy where a passage has dozens; a linear model weighs all of them. Two
views of a text are used: its embedding, and its words and word pairs (TF-IDF), which err on different
questions. Fitted at build, a matrix product when asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot import logistic
from bot.dense import Matrix
from bot.language import words
from bot.prototypes import ORDINARY, STATUSES, labels
from bot.rows import ASKED, EXAMPLE, LAST, QUESTION, SENTENCE, STRAY, UNCOVERED, Rows, asked_for
from bot.schema import MOST_LEARNED, TURNS, learnable

MIN_COUNT = 3  # texts that a word or pair must be in; with all of them the model is twice as large, and no better
STRENGTH = {"vectors": 30.0, "terms": 10.0}  # inverse regularisation; a third and thrice as much ranked alike
UNCOVERED_SHARE = 1 / 3  # of the number of wordings: at most so many questions known not to be covered
EARLIER = "<"  # marks a word of the messages before
HALF = np.float32(0.5**0.5)  # of two unit vectors side by side: so that they are of length 1 together
TALK = 3.0  # conversations are few beside wordings, so each counts so much
FLOOR = 1e-4  # less probable than this is not told apart

Chances = NDArray[np.float64]
Row = tuple[NDArray[np.int64], Matrix]  # numbers of the terms in a text, and their weights


def terms(text: str) -> list[str]:
    """Words and pairs of neighbours, in lower case; words said before the last message are terms of their own."""
    earlier, _, last = text.lower().rpartition(TURNS)
    single = words(last)
    return [*single, *map(" ".join, pairwise(single)), *(EARLIER + word for word in words(earlier))]


class Terms:
    """TF-IDF over ``terms``, of unit length, as scikit-learn's ``TfidfVectorizer`` with ``sublinear_tf`` defines it."""

    def __init__(self, vocabulary: Sequence[str], weights: Matrix) -> None:
        self.vocabulary = vocabulary
        self.weights = weights
        self._numbers = {term: n for n, term in enumerate(vocabulary)}
        self.talks = any(term.startswith(EARLIER) for term in vocabulary)

    @classmethod
    def fit(cls, texts: Sequence[str]) -> tuple[Terms, Any]:
        """Learn the weights; also returns the texts' sparse matrix, shape ``(texts, vocabulary)``."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second, and only a build needs it

        model = TfidfVectorizer(analyzer=terms, min_df=MIN_COUNT, sublinear_tf=True, dtype=np.float32)
        matrix = model.fit_transform(texts)
        return cls(list(model.get_feature_names_out()), np.asarray(model.idf_, dtype=np.float32)), matrix

    def row(self, text: str) -> Row:
        """The known terms of one text."""
        counts = Counter(n for term in terms(text) if (n := self._numbers.get(term)) is not None)
        numbers = np.fromiter(counts, dtype=np.int64, count=len(counts))
        values = self.weights[numbers] * (1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts))))
        norm = float(np.sqrt(values @ values))
        return numbers, np.asarray(values / norm if norm else values, dtype=np.float32)


class Classifier:
    """Log probabilities of classes, from an embedding, from terms, or from both.

    ``vectors`` has shape ``(dim, classes)``, ``terms`` ``(vocabulary, classes)`` in half precision, ``bias``
    ``(classes,)``; a view that is not used has no rows.
    """

    def __init__(self, vectors: Matrix, terms: Matrix, bias: Matrix) -> None:
        self._vectors, self._terms, self._bias = vectors, terms, bias

    def __len__(self) -> int:
        return len(self._bias)

    @classmethod
    def fit(
        cls,
        wanted: NDArray[np.int64],
        classes: int,
        vectors: Matrix | None = None,
        terms: Any = None,
        counts: Matrix | None = None,
    ) -> Classifier:
        """Learn from texts' class numbers and one or both views of them; ``counts`` says how much each text counts."""
        view = "vectors" if terms is None else "terms"
        named, places = np.unique(wanted, return_inverse=True)
        counted = np.ones(len(wanted), dtype=np.float32) if counts is None else counts
        views = [matrix for matrix in (vectors, terms) if matrix is not None]
        parts, intercepts = logistic.fit(views, places, counted, STRENGTH[view])
        nothing = np.zeros((0, classes), dtype=np.float32)
        bias = np.full(classes, -np.inf, dtype=np.float32)  # a class without a text is never named
        bias[named] = intercepts

        def of_all(part: Matrix) -> Matrix:
            weights = np.zeros((len(part), classes), dtype=np.float32)
            weights[:, named] = part
            return weights

        return cls(
            nothing if vectors is None else of_all(parts[0]),
            nothing if terms is None else of_all(parts[-1]).astype(np.float16),
            bias,
        )

    def probabilities(self, vector: Matrix | None = None, row: Row | None = None) -> Matrix:
        """How likely each class is, shape ``(classes,)``; from the views that the classifier was fitted to.

        Of one that was fitted to nothing, nothing.
        """
        if not len(self):
            return self._bias
        scores = self._bias.copy()
        if vector is not None and len(self._vectors):
            scores += vector @ self._vectors
        if row is not None and len(self._terms):
            scores += row[1] @ self._terms[row[0]].astype(np.float32)
        powers = np.exp(scores - scores.max())
        return np.asarray(powers / powers.sum(), dtype=np.float32)

    def arrays(self) -> Iterable[tuple[str, Matrix]]:
        """What is to be saved, by name."""
        return (("vectors", self._vectors), ("terms", self._terms), ("bias", self._bias))


def likelihood(chances: Matrix | Chances) -> Chances:
    """Chances on a logarithmic scale from 0 to 1."""
    return np.asarray(1 - np.log(np.maximum(chances, FLOOR)) / np.log(FLOOR), dtype=np.float64)


def summed(chances: Matrix, owners: NDArray[np.int64], count: int) -> Chances:
    """The chances of so many owners from those of what is theirs."""
    out = np.zeros(count)
    np.add.at(out, owners, chances)
    return out


def _balanced(kinds: NDArray[np.int64], asking: int) -> NDArray[np.bool_]:
    """Which texts the passages are learned from: every wording, and an even share of what is known not to be covered.

    A small corpus has a few dozen wordings; beside thousands of the others nothing would seem covered.
    """
    beside = np.flatnonzero(kinds == UNCOVERED)
    most = max(1, int(UNCOVERED_SHARE * (kinds == asking).sum()))
    out = np.isin(kinds, (asking, LAST))
    out[beside[np.linspace(0, len(beside), min(most, len(beside)), endpoint=False, dtype=np.int64)]] = True
    return out


def beside(last: Matrix, whole: Matrix) -> Matrix:
    """What ``Learned.meant`` is fitted to: embeddings of last messages, and of them with what was said before."""
    return HALF * np.concatenate([last, whole], axis=-1)


def _wholes(rows: Rows) -> NDArray[np.int64]:
    """For each row the row of its text with what was said before it: itself where nothing was."""
    out = np.arange(len(rows.kind))
    out[rows.kind == LAST] += 1
    after = {(rows.passage[n], rows.item[n]): n for n in np.flatnonzero(rows.kind == STRAY)}
    for n in np.flatnonzero(rows.kind == QUESTION):
        out[n] = after.get((rows.passage[n], rows.item[n]), n)
    return out


def _named(rows: Rows, vectors: Matrix, passages: int, lent: bool) -> tuple[NDArray[np.int64], int]:
    """What each row asks for, as ``Learned`` counts it (-1: nothing of the corpus), and how many such things there are.

    Sentences are counted through all passages.
    """
    if lent:
        return rows.item, int(rows.item[rows.kind == ASKED].max()) + 1
    owners = rows.passage[rows.kind == SENTENCE]
    if len(owners) > MOST_LEARNED:
        return rows.passage, passages
    starts = np.searchsorted(owners, np.maximum(rows.passage, 0))
    return np.where(rows.passage < 0, -1, starts + asked_for(rows, vectors.__getitem__)), len(owners)


@dataclass(frozen=True, slots=True)
class Learned:
    """The classifiers of an index.

    ``meant`` and ``worded`` name the sentence, by embedding and by terms: the rows of sentences in their order; where
    there are more than ``MOST_LEARNED`` the passage, or the entry of ``bank``. Their last class is "not covered".
    ``status`` tells how a message is to be treated (``prototypes.STATUSES``), by both views.
    """

    terms: Terms
    meant: Classifier
    worded: Classifier
    status: Classifier

    @property
    def talks(self) -> bool:
        """Whether conversations were learned from, so that what was said before can be told."""
        return self.terms.talks

    @classmethod
    def fit(cls, vectors: Matrix, texts: Sequence[str], rows: Rows, passages: int) -> Learned:
        """Learn from the wordings, the questions known not to be covered and the examples of an index."""
        used = np.isin(rows.kind, (QUESTION, UNCOVERED, EXAMPLE, ASKED, LAST))
        wholes = _wholes(rows)[used]
        found, matrix = Terms.fit([texts[n] for n in wholes.tolist()])
        kinds, chosen = rows.kind[used], vectors[used]
        both = beside(chosen, vectors[wholes])
        statuses = np.full(len(kinds), STATUSES.index(ORDINARY))
        if (shown := kinds == EXAMPLE).any():
            statuses[shown] = [STATUSES.index(name) for name in labels()]
        status = Classifier.fit(statuses, len(STATUSES), chosen, matrix)
        lent = bool((kinds == ASKED).any())
        asking = ASKED if lent else QUESTION
        asks = _balanced(kinds, asking)
        if not lent and not learnable(int((kinds == QUESTION).sum()), passages):
            nobody = Classifier(*(np.zeros(shape, dtype=np.float32) for shape in ((0, 0), (0, 0), (0,))))
            return cls(found, nobody, nobody, status)
        names, classes = _named(rows, vectors, passages, lent)
        asked = np.isin(kinds, (asking, LAST)) & (names[used] >= 0)
        wanted = np.where(asked, names[used], classes)[asks]
        counts = np.where(kinds == LAST, TALK, 1.0)[asks].astype(np.float32)
        meant = Classifier.fit(wanted, classes + 1, vectors=both[asks], counts=counts)
        worded = Classifier.fit(wanted, classes + 1, terms=matrix[np.flatnonzero(asks)], counts=counts)
        return cls(found, meant, worded, status)

    def save(self, folder: Path) -> None:
        """Write one file of weights and one of terms."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "terms.json").write_text(
            json.dumps(list(self.terms.vocabulary), ensure_ascii=False), encoding="utf-8"
        )
        named = {"meant": self.meant, "worded": self.worded, "status": self.status}
        arrays = {f"{name}.{part}": a for name, model in named.items() for part, a in model.arrays()}
        for name, array in {"terms.weights": self.terms.weights, **arrays}.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Learned:
        """Read what ``save`` wrote; ``index`` has checked the files."""

        def read(name: str) -> Matrix:
            # Weights of terms are many, and a question reads some dozen rows of them.
            path = folder / f"{name}.npy"
            if name.endswith(".terms"):
                return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
            return np.asarray(np.load(path, allow_pickle=False))

        vocabulary = json.loads((folder / "terms.json").read_text(encoding="utf-8"))
        models = {
            name: Classifier(*(read(f"{name}.{part}") for part in ("vectors", "terms", "bias")))
            for name in ("meant", "worded", "status")
        }
        return cls(Terms(vocabulary, read("terms.weights")), **models)
