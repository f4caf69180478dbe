"""The exact search compared with numpy on random vectors."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.dense import Dense
from bot.errors import IndexDamaged


def unit(rows: int, width: int, seed: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.parametrize(("rows", "width", "k"), [(1, 4, 1), (7, 3, 10), (200, 384, 5), (1000, 32, 1000)])
def test_search_finds_what_numpy_finds(rows: int, width: int, k: int) -> None:
    vectors, queries = unit(rows, width, 1), unit(5, width, 2)
    dense = Dense.build(vectors)
    assert len(dense) == rows
    for query in queries:
        scores, found = dense.search(query, k)
        expected = vectors @ query
        assert len(found) == min(k, rows)
        np.testing.assert_allclose(scores, np.sort(expected)[::-1][:k], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(expected[found], scores, rtol=1e-5, atol=1e-6)
        assert len(set(found.tolist())) == len(found)


def test_a_vector_is_nearest_to_itself() -> None:
    vectors = unit(50, 16, 3)
    scores, found = Dense.build(vectors).search(vectors[17], 1)
    assert found.tolist() == [17]
    assert scores[0] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("rows", [[], [3], [4, 4, 0], list(range(60))], ids=["none", "one", "twice", "all"])
def test_similarity_of_named_rows(rows: list[int]) -> None:
    vectors, query = unit(60, 24, 4), unit(1, 24, 5)[0]
    found = Dense.build(vectors).similarity(query, np.asarray(rows, dtype=np.int64))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, vectors[np.asarray(rows, dtype=np.int64)] @ query, rtol=1e-5, atol=1e-6)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    vectors, query = unit(40, 8, 6), unit(1, 8, 7)[0]
    dense = Dense.build(vectors)
    dense.save(tmp_path / "vectors.faiss")
    loaded = Dense.load(tmp_path / "vectors.faiss")
    for before, after in zip(dense.search(query, 40), loaded.search(query, 40), strict=True):
        np.testing.assert_array_equal(before, after)


def test_rows_are_compared_where_they_are(tmp_path: Path) -> None:
    vectors = unit(2000, 64, 10)
    Dense.build(vectors).save(tmp_path / "vectors.faiss")
    loaded = Dense.load(tmp_path / "vectors.faiss")
    tracemalloc.start()
    loaded.similarity(vectors[0], np.arange(1500))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < vectors.nbytes / 4, "the rows were copied to be compared"


def test_many_rows_are_searched_in_cells(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    vectors = np.repeat(unit(60, 32, 10), 50, axis=0) + rng.normal(scale=0.05, size=(3000, 32)).astype(np.float32)
    vectors = np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
    exact, cells = Dense.build(vectors), Dense.build(vectors, most_exact=100)
    cells.save(tmp_path / "vectors.faiss")
    loaded = Dense.load(tmp_path / "vectors.faiss")
    hits = 0
    for query in vectors[::30]:
        scores, found = loaded.search(query, 10)
        hits += len(set(found.tolist()) & set(exact.search(query, 10)[1].tolist()))
        np.testing.assert_allclose(scores, loaded.similarity(query, found), rtol=1e-5)
        np.testing.assert_array_equal(found, cells.search(query, 10)[1])
    assert hits >= 0.98 * 1000
    np.testing.assert_array_equal(loaded.vectors(np.asarray([2999, 3])), vectors[[2999, 3]])


@pytest.mark.parametrize("content", [b"", b"not an index at all", None], ids=["empty", "noise", "missing"])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "vectors.faiss"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"vectors\.faiss: .*: run 'python -m bot build'"):
        Dense.load(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    Dense.build(unit(40, 8, 8)).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(IndexDamaged):
        Dense.load(path)
