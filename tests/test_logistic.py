"""Logistic regression over two views finds what scikit-learn finds with both in one matrix."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack, random_array
from sklearn.linear_model import LogisticRegression

from bot import logistic

RNG = np.random.default_rng(7)
DENSE = RNG.normal(size=(120, 6)).astype(np.float32)
SPARSE = csr_matrix(random_array((120, 9), density=0.3, rng=RNG, dtype=np.float32))
WANTED = (DENSE[:, 0] > 0).astype(np.int64) + (SPARSE[:, [2]].toarray().ravel() > 0)
COUNTS = np.where(WANTED == 1, 3.0, 1.0).astype(np.float32)


@pytest.mark.parametrize("views", [[DENSE], [SPARSE], [DENSE, SPARSE]], ids=["dense", "sparse", "both"])
def test_it_agrees_with_scikit_learn(views: list[object]) -> None:
    parts, bias = logistic.fit(views, WANTED, COUNTS, strength=2.0, iterations=500)
    model = LogisticRegression(C=2.0, max_iter=500).fit(hstack([*map(csr_matrix, views)]).tocsr(), WANTED, COUNTS)
    np.testing.assert_allclose(np.vstack(parts).T, model.coef_, atol=0.02)
    np.testing.assert_allclose(bias - bias.mean(), model.intercept_ - model.intercept_.mean(), atol=0.02)


def test_more_steps_come_nearer() -> None:
    end = logistic.fit([DENSE, SPARSE], WANTED, COUNTS, 2.0, 500)[0][0]
    away = [np.abs(logistic.fit([DENSE, SPARSE], WANTED, COUNTS, 2.0, n)[0][0] - end).max() for n in (1, 5, 20, 500)]
    assert all(later < earlier for earlier, later in pairwise(away))


def test_what_counts_for_nothing_teaches_nothing() -> None:
    counts = (np.arange(len(WANTED)) < 90).astype(np.float32)
    whole = logistic.fit([DENSE], WANTED, counts, 2.0, 300)[0][0]
    part = logistic.fit([DENSE[:90]], WANTED[:90], counts[:90], 2.0, 300)[0][0]
    np.testing.assert_allclose(whole, part, atol=0.02)
