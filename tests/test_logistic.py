"""Logistic regression over two views finds what scikit-learn finds with both in one matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, hstack, random_array
from sklearn.linear_model import LogisticRegression

from bot import logistic

RNG = np.random.default_rng(7)
DENSE = RNG.normal(size=(120, 6)).astype(np.float32)
SPARSE = csr_matrix(random_array((120, 9), density=0.3, rng=RNG, dtype=np.float32))
WANTED = (DENSE[:, 0] > 0).astype(np.int64) + (SPARSE[:, [2]].toarray().ravel() > 0)
COUNTS = np.where(WANTED == 1, 3.0, 1.0).astype(np.float32)


@pytest.mark.parametrize("views", [[DENSE], [SPARSE], [DENSE, SPARSE]], ids=["dense", "sparse", "both"])
def test_it_says_what_scikit_learn_says(views: list[object]) -> None:
    joined = hstack([*map(csr_matrix, views)]).tocsr()
    parts, bias = logistic.fit(views, WANTED, COUNTS, strength=2.0)
    model = LogisticRegression(C=2.0, max_iter=500).fit(joined, WANTED, COUNTS)
    powers = np.exp(joined @ np.vstack(parts) + bias)
    found = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, model.predict_proba(joined), atol=0.05)


def test_the_same_texts_give_the_same_bits_on_any_number_of_threads() -> None:
    threads, fitted = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            fitted.append(logistic.fit([DENSE, SPARSE], WANTED, COUNTS, 2.0))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(fitted[0][0], fitted[1][0], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(fitted[0][1], fitted[1][1])


def test_a_weaker_penalty_gives_larger_weights() -> None:
    sizes = [np.abs(logistic.fit([SPARSE], WANTED, COUNTS, strength)[0][0]).sum() for strength in (0.1, 1.0, 10.0)]
    assert sizes == sorted(sizes)


def test_what_counts_for_nothing_teaches_nothing() -> None:
    counts = (np.arange(len(WANTED)) < 90).astype(np.float32)
    whole = logistic.fit([DENSE], WANTED, counts, 2.0)[0][0]
    part = logistic.fit([DENSE[:90]], WANTED[:90], counts[:90], 2.0)[0][0]
    np.testing.assert_allclose(whole, part, atol=0.05)
