"""BM25 against values worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bot.errors import IndexDamaged
from bot.sparse import Sparse

DOCUMENTS = [["oil", "chain", "chain"], ["oil", "brake", "pad", "rim", "wheel"], ["saddle"], []]
K1, B = 1.2, 0.6
# An empty document is indexed as one word that no query holds: lengths are 3, 5, 1 and 1, on average 2.5.
MEAN = 2.5


def bm25(count: int, length: int, documents_with_it: int) -> float:
    """One term's part: its rarity times its saturated, length-adjusted count."""
    rarity = math.log(1 + (4 - documents_with_it + 0.5) / (documents_with_it + 0.5))
    return rarity * count / (count + K1 * (1 - B + B * length / MEAN))


@pytest.fixture(scope="module")
def sparse() -> Sparse:
    return Sparse.build(DOCUMENTS)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (["chain"], [bm25(2, 3, 1), 0, 0, 0]),
        (["oil"], [bm25(1, 3, 2), bm25(1, 5, 2), 0, 0]),
        (["oil", "chain"], [bm25(1, 3, 2) + bm25(2, 3, 1), bm25(1, 5, 2), 0, 0]),
        (["saddle"], [0, 0, bm25(1, 1, 1), 0]),
        (["oil", "oil"], [bm25(1, 3, 2), bm25(1, 5, 2), 0, 0]),
        (["bell"], [0, 0, 0, 0]),
        (["bell", "saddle"], [0, 0, bm25(1, 1, 1), 0]),
        ([], [0, 0, 0, 0]),
    ],
    ids=lambda value: "+".join(value) or "none" if value and isinstance(value[0], str) else "",
)
def test_scores_are_bm25(sparse: Sparse, terms: list[str], expected: list[float]) -> None:
    found = sparse.scores(terms)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_hand_worked_value(sparse: Sparse) -> None:
    # "chain": ln(1 + 3.5/1.5) = 1.2040; 2 / (2 + 1.2 * (0.4 + 0.6 * 3/2.5)) = 2 / 3.344 = 0.5981
    assert sparse.scores(["chain"])[0] == pytest.approx(1.2040 * 0.5981, abs=1e-4)


def test_the_ceiling_is_what_the_best_document_could_get(sparse: Sparse) -> None:
    assert sparse.ceiling(["oil", "saddle"]) == pytest.approx(bm25(1, 3, 2) + bm25(1, 1, 1), rel=1e-5)
    assert sparse.ceiling(["oil", "oil"]) == pytest.approx(bm25(1, 3, 2), rel=1e-5)
    assert sparse.ceiling(["bell"]) == 0
    assert sparse.ceiling([]) == 0


def test_what_is_saved_is_what_is_loaded(sparse: Sparse, tmp_path: Path) -> None:
    sparse.save(tmp_path / "sparse")
    loaded = Sparse.load(tmp_path / "sparse", sparse.size)
    np.testing.assert_array_equal(loaded.scores(["oil", "chain"]), sparse.scores(["oil", "chain"]))
    for path in (tmp_path / "sparse").iterdir():
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
        else:
            json.loads(path.read_text())


@pytest.mark.parametrize("name", ["vocab.index.json", "params.index.json", "data.csc.index.npy"])
def test_a_missing_or_broken_file_is_refused(sparse: Sparse, tmp_path: Path, name: str) -> None:
    sparse.save(tmp_path / "sparse")
    (tmp_path / "sparse" / name).write_bytes(b"{")
    with pytest.raises(IndexDamaged, match="run 'python -m bot build'"):
        Sparse.load(tmp_path / "sparse", sparse.size)
    (tmp_path / "sparse" / name).unlink()
    with pytest.raises(IndexDamaged, match="run 'python -m bot build'"):
        Sparse.load(tmp_path / "sparse", sparse.size)
