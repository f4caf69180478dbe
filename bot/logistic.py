"""Multinomial logistic regression over two views of the same texts: a dense matrix and a sparse one.

The objective is scikit-learn's ``LogisticRegression`` (cross-entropy, an L2 penalty on all but the intercepts), which
takes one matrix only: embeddings and TF-IDF side by side are then a sparse one with hundreds of entries in each row,
and most of a build's learning goes into reading those. Here each view is multiplied as what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.dense import Matrix

TOLERANCE = 1e-4  # of the gradient's largest component, as scikit-learn's


def fit(
    views: Sequence[Any], wanted: NDArray[np.int64], counts: Matrix, strength: float, iterations: int
) -> tuple[list[Matrix], Matrix]:
    """Weights of each view, shape ``(columns, classes)``, and intercepts ``(classes,)``, by L-BFGS from zero.

    ``views``: matrices of shape ``(texts, columns)``, dense or SciPy's sparse; ``wanted``: class numbers from 0, each
    of which occurs; ``counts``: how much each text counts; ``strength``: the inverse of the penalty.
    """
    from scipy.optimize import minimize  # takes a second with what it imports, and only a build needs it
    from threadpoolctl import threadpool_limits

    classes = int(wanted.max()) + 1
    ends = np.cumsum([view.shape[1] for view in views])
    texts, total = np.arange(len(wanted)), float(counts.sum())
    penalty = 1 / (strength * total)
    share = (counts / total).astype(np.float32)[:, None]

    # Written into again and again: memory that is new at every step costs more than the arithmetic.
    single = np.empty((int(ends[-1]) + 1, classes), dtype=np.float32)
    slope, pull = np.empty(single.shape), np.empty(single.shape)
    powers = np.empty((len(wanted), classes), dtype=np.float32)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        np.copyto(single, flat.reshape(-1, classes))
        parts = np.split(single[:-1], ends[:-1])
        scores: Matrix = views[0] @ parts[0]
        for view, part in zip(views[1:], parts[1:], strict=True):
            scores += view @ part
        scores += single[-1]
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=powers)
        sums = powers.sum(axis=1, keepdims=True)
        missed = float((share * (np.log(sums) - scores[texts, wanted][:, None])).sum(dtype=np.float64))
        np.multiply(powers, share / sums, out=powers)
        powers[texts, wanted] -= share[:, 0]
        for view, rows in zip(views, np.split(slope[:-1], ends[:-1]), strict=True):
            rows[:] = view.T @ powers
        slope[-1] = powers.sum(axis=0)
        np.multiply(flat.reshape(-1, classes), penalty, out=pull)
        slope[:-1] += pull[:-1]
        size = flat[:-classes]
        return missed + penalty / 2 * float(size @ size), slope.ravel().copy()  # the optimiser may keep it

    stop = {"maxiter": iterations, "maxls": 50, "gtol": TOLERANCE, "ftol": 64 * np.finfo(float).eps}
    start = np.zeros((int(ends[-1]) + 1) * classes)
    with threadpool_limits(1, "blas"):  # sums in another order end in other bits, and an index in another version
        found = minimize(loss, start, method="L-BFGS-B", jac=True, options=stop)
    weights = np.asarray(found.x.reshape(-1, classes), dtype=np.float32)
    return list(np.split(weights[:-1], ends[:-1])), weights[-1]
