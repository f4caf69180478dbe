"""Question to passage, learned from the wordings: multinomial logistic regression over their embeddings.

The nearest wording alone is noisy where a passage has dozens; a linear model weighs all of them. The
questions known not to be covered are a class of their own. Fitted at build, a matrix product when asked.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.dense import Matrix
from bot.rows import QUESTION, UNCOVERED, Rows

MIN_WORDINGS = 4  # mean by passage; with fewer the nearest wording says as much
INVERSE_REGULARISATION = 30.0  # 10 to 100 ranked alike on the development split
ITERATIONS = 200
FLOOR = 1e-4  # less probable than this is not told apart


class Classifier:
    """Weights of shape ``(classes, dim + 1)``, the last column the intercept; no classes where none was fitted."""

    def __init__(self, weights: Matrix) -> None:
        self._weights = weights

    @classmethod
    def fit(cls, vectors: Matrix, rows: Rows, passages: int) -> Classifier:
        """Learn from the wording rows of the index; the last class is "not covered"."""
        wordings = rows.kind == QUESTION
        if wordings.sum() < MIN_WORDINGS * passages:
            return cls(np.zeros((0, vectors.shape[1] + 1), dtype=np.float32))
        from sklearn.linear_model import LogisticRegression  # takes a second, and only a build needs it

        used = wordings | (rows.kind == UNCOVERED)
        classes = np.where(wordings, rows.passage, passages)[used]
        model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=ITERATIONS).fit(vectors[used], classes)
        out = np.zeros((passages + 1, vectors.shape[1] + 1), dtype=np.float32)
        out[:, -1] = -np.inf  # a passage without wordings is never named
        out[model.classes_] = np.hstack([model.coef_, model.intercept_[:, None]])
        return cls(out)

    def likelihood(self, vector: Matrix) -> Matrix:
        """How likely each passage, and last "not covered", is meant: log probability scaled to 0 .. 1.

        Shape ``(classes,)``.

        Empty where the corpus has too few wordings to learn from.
        """
        if len(self._weights) == 0:
            return np.zeros(0, dtype=np.float32)
        scores = self._weights[:, :-1] @ vector + self._weights[:, -1]
        powers = np.exp(scores - scores.max())
        probabilities = np.maximum(powers / powers.sum(), FLOOR)
        return np.asarray(1 - np.log(probabilities) / np.log(FLOOR), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write the weights to one file."""
        np.save(path, self._weights, allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Read what ``save`` wrote; ``index`` has checked the file."""
        return cls(np.load(path, allow_pickle=False))
