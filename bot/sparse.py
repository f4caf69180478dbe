"""BM25 by bm25s. Scores: higher is better; 0 where no word matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from bot.errors import IndexDamaged


class Sparse:
    """BM25 (Robertson, Lucene's variant) over lists of terms.

    ``scores(terms)`` gives one float32 for each document, shape ``(n,)``.
    """

    def __init__(self, engine: bm25s.BM25, size: int) -> None:
        self._engine = engine
        self.size = size
        held = engine.scores  # a column of weights for each term, as bm25s keeps them
        ends = held["indptr"].tolist()
        self._most = [float(held["data"][a:b].max(initial=0.0)) for a, b in pairwise(ends)]

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]]) -> Sparse:
        """Index documents given as lists of terms. Empty documents are allowed."""
        engine = bm25s.BM25(k1=1.2, b=0.6)
        filled = [list(terms) or ["\0"] for terms in documents]
        # Numbered in order: bm25s would number a set, whose order differs from one process to the next.
        vocabulary = {term: number for number, term in enumerate(sorted({t for terms in filled for t in terms}))}
        numbered = bm25s.tokenization.Tokenized([[vocabulary[t] for t in terms] for terms in filled], vocabulary)
        engine.index(numbered, show_progress=False)
        return cls(engine, len(documents))

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """BM25 of every document for the query terms; unknown terms count nothing."""
        known = [term for term in dict.fromkeys(terms) if term in self._engine.vocab_dict]
        if not known:
            return np.zeros(self.size, dtype=np.float32)
        return np.asarray(self._engine.get_scores(known), dtype=np.float32)

    def ceiling(self, terms: Sequence[str]) -> float:
        """The most a document could score for the terms: makes scores comparable across queries."""
        numbers = self._engine.vocab_dict
        return float(sum(self._most[numbers[term]] for term in dict.fromkeys(terms) if term in numbers))

    def postings(self) -> Iterator[tuple[str, list[int], list[float]]]:
        """Each term with the documents that hold it and its weight in each, by which other engines score the same."""
        held = self._engine.scores
        edges = list(pairwise(held["indptr"].tolist()))
        for term, number in self._engine.vocab_dict.items():
            if number >= len(edges):
                continue  # bm25s counts the empty word in
            own = slice(*edges[number])
            yield term, held["indices"][own].tolist(), held["data"][own].tolist()

    def save(self, folder: Path) -> None:
        """Write to a folder of ``.npy`` and ``.json`` files."""
        self._engine.save(str(folder), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, size: int) -> Sparse:
        """Read what ``save`` wrote.

        Raises:
            IndexDamaged: the files don't fit each other.
        """
        try:
            engine = bm25s.BM25.load(str(folder), load_corpus=False, allow_pickle=False)
        except (OSError, ValueError, KeyError) as error:
            raise IndexDamaged(f"{folder}: {error}: run 'python -m bot build'") from error
        return cls(engine, size)
