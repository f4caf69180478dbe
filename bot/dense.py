"""The only importer of faiss: exact inner product over unit vectors. Scores: higher is better."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from bot.errors import IndexDamaged

Matrix = NDArray[np.float32]


class Dense:
    """Rows of unit vectors; the score of a row is its cosine with the query.

    Exact (``IndexFlatIP``): a clinic has 10^2 to 10^4 passages, and a flat search over 10^5 takes
    milliseconds, so an approximate index would only lose hits.
    """

    def __init__(self, index: faiss.IndexFlat) -> None:
        self._index = index
        flat = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d)  # a view of the rows, not a copy
        self._rows: Matrix = flat.reshape(index.ntotal, index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: Matrix) -> Dense:
        """Index vectors of shape ``(n, dim)``, float32, each of length 1."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    def search(self, query: Matrix, k: int) -> tuple[Matrix, NDArray[np.int64]]:
        """Best ``k`` rows for one query of shape ``(dim,)``: scores and row numbers, best first."""
        scores, rows = self._index.search(query.reshape(1, -1), min(k, len(self)))
        return scores[0], rows[0]

    def similarity(self, query: Matrix, rows: NDArray[np.int64]) -> Matrix:
        """Exact scores of the named rows, shape ``(len(rows),)``."""
        first, end = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
        if 2 * len(rows) < end - first:
            return np.asarray(self._rows[rows] @ query, dtype=np.float32)
        block = self._rows[first:end] @ query  # cheaper than copying most of the rows
        return np.asarray(block[rows - first], dtype=np.float32)

    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """The named rows themselves, shape ``(len(rows), dim)``."""
        return self._rows[rows]

    def save(self, path: Path) -> None:
        """Write the index to one file."""
        path.write_bytes(faiss.serialize_index(self._index).tobytes())

    @classmethod
    def load(cls, path: Path) -> Dense:
        """Read what ``save`` wrote.

        Raises:
            IndexDamaged: not a FAISS index.
        """
        try:
            index = faiss.deserialize_index(np.frombuffer(path.read_bytes(), dtype=np.uint8))
        except (RuntimeError, OSError) as error:
            raise IndexDamaged(f"{path}: not a FAISS index: run 'python -m bot build'") from error
        if not isinstance(index, faiss.IndexFlat):
            raise IndexDamaged(f"{path}: not an exact FAISS index: run 'python -m bot build'")
        return cls(index)
