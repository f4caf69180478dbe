"""The only importer of faiss: inner product over unit vectors. Scores: higher is better."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from bot.errors import IndexDamaged

Matrix = NDArray[np.float32]
# Up to so many rows every one is compared: a clinic has 10^2 to 10^4 passages, and 10^5 take milliseconds.
MOST_EXACT = 50_000
CELLS_BY_ROOT = 4  # cells for the square root of the rows, as FAISS' guidelines have it
PER_CELL = 40  # rows that each cell is learned from
ROUNDS = 10  # of k-means; more move the cells little
PROBED = 64  # cells searched; tests/bench/README.md has the recall


class Dense:
    """Rows of unit vectors; the score of a row is its cosine with the query.

    Exact (``IndexFlatIP``) up to ``MOST_EXACT`` rows. Above, ``IndexIVFFlat`` compares the rows of the nearest cells;
    what it finds has its exact score, and a few of the best may be missed.
    """

    def __init__(self, index: faiss.IndexFlat | faiss.IndexIVFFlat) -> None:
        self._index = index
        self._rows: Matrix | None = None
        if isinstance(index, faiss.IndexFlat):
            flat = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d)  # a view of the rows, not a copy
            self._rows = flat.reshape(index.ntotal, index.d)
        else:
            index.nprobe = PROBED
            index.make_direct_map()

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: Matrix, most_exact: int = MOST_EXACT) -> Dense:
        """Index vectors of shape ``(n, dim)``, float32, each of length 1."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        count, width = vectors.shape
        if count <= most_exact:
            exact = faiss.IndexFlatIP(width)
            exact.add(vectors)
            return cls(exact)
        cells = int(CELLS_BY_ROOT * count**0.5)
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = ROUNDS
        index.train(vectors[:: max(1, count // (PER_CELL * cells))])
        index.add(vectors)
        return cls(index)

    def search(self, query: Matrix, k: int) -> tuple[Matrix, NDArray[np.int64]]:
        """Best ``k`` rows for one query of shape ``(dim,)``: scores and row numbers, best first."""
        scores, rows = self._index.search(query.reshape(1, -1), min(k, len(self)))
        found = rows[0] >= 0  # the cells searched may hold fewer
        return scores[0][found], rows[0][found]

    def similarity(self, query: Matrix, rows: NDArray[np.int64]) -> Matrix:
        """Exact scores of the named rows, shape ``(len(rows),)``."""
        first, end = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
        if self._rows is None or 2 * len(rows) < end - first:
            return np.asarray(self.vectors(rows) @ query, dtype=np.float32)
        block = self._rows[first:end] @ query  # cheaper than copying most of the rows
        return np.asarray(block[rows - first], dtype=np.float32)

    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """The named rows themselves, shape ``(len(rows), dim)``."""
        if self._rows is not None:
            return self._rows[rows]
        return np.asarray(self._index.reconstruct_batch(rows), dtype=np.float32)

    def packed(self) -> bytes:
        """The index as one file's content; the same rows give the same bytes."""
        return bytes(faiss.serialize_index(self._index).tobytes())

    def save(self, path: Path) -> None:
        """Write the index to one file."""
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path) -> Dense:
        """Read what ``save`` wrote. Many rows are mapped into memory: read when they are needed, shared by processes.

        Few are copied into it: in FAISS' file they begin at an odd byte, and NumPy would copy them at every product.

        Raises:
            IndexDamaged: not a FAISS index.
        """
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
            if isinstance(index, faiss.IndexFlat):
                index = faiss.read_index(str(path))
        except (RuntimeError, OSError) as error:
            raise IndexDamaged(f"{path}: not a FAISS index: run 'python -m bot build'") from error
        if not isinstance(index, faiss.IndexFlat | faiss.IndexIVFFlat):
            raise IndexDamaged(f"{path}: not an index of ours: run 'python -m bot build'")
        return cls(index)
