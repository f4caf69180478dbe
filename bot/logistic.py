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

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(-1, classes)
        single = weights.astype(np.float32)
        scores = np.asarray(
            sum(view @ part for view, part in zip(views, np.split(single[:-1], ends[:-1]), strict=True))
        )
        scores += single[-1] - (scores + single[-1]).max(axis=1, keepdims=True)
        powers = np.exp(scores)
        sums = powers.sum(axis=1, keepdims=True)
        missed = float((share * (np.log(sums) - scores[texts, wanted][:, None])).sum(dtype=np.float64))
        powers *= share / sums
        powers[texts, wanted] -= share[:, 0]
        slope = np.concatenate([*(view.T @ powers for view in views), powers.sum(axis=0, keepdims=True)])
        slope = slope.astype(np.float64)
        slope[:-1] += penalty * weights[:-1]
        return missed + penalty / 2 * float((weights[:-1] ** 2).sum()), slope.ravel()

    stop = {"maxiter": iterations, "maxls": 50, "gtol": TOLERANCE, "ftol": 64 * np.finfo(float).eps}
    start = np.zeros((int(ends[-1]) + 1) * classes)
    with threadpool_limits(1, "blas"):  # sums in another order end in other bits, and an index in another version
        found = minimize(loss, start, method="L-BFGS-B", jac=True, options=stop)
    weights = np.asarray(found.x.reshape(-1, classes), dtype=np.float32)
    return list(np.split(weights[:-1], ends[:-1])), weights[-1]
