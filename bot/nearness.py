"""How near a query's embedding is to what an index holds: passages, sentences, wordings, what is not covered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.dense import Matrix
from bot.index import Index
from bot.rows import BODY, LAST, QUESTION, SENTENCE, UNCOVERED, asked_for

Scores = NDArray[np.float64]
Numbers = NDArray[np.int64]
Lent = tuple[Matrix, Numbers]
NEIGHBOURS = 30  # nearest texts that people asked; of 10 as much is learned, of 5 less
NEARER = 20.0  # how much more a nearer one counts: logits that a cosine of 1 stands for
NOTHING: Lent = (np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Near:
    """Cosines of one query with some passages; arrays have shape ``(passages,)``."""

    body: Scores
    question: Scores  # the nearest wording
    sentence: Scores  # the nearest sentence
    neighbours: Scores  # share among the nearest texts that people asked, nearer ones counting more
    entries: Scores  # the same by entry of ``bank``, shape ``(entries,)``
    beside: float  # the same of what is known not to be covered
    contrast: float  # cosine of the nearest question known not to be covered
    sentences: dict[tuple[str, int], float]  # (passage id, sentence number) > cosine
    asked: dict[tuple[str, int], float]  # the same > cosine of the nearest wording that asks for the sentence


@dataclass(frozen=True, slots=True)
class _Groups:
    """Rows of passages, of what is not covered, and of conversations. Of a passage's group only the nearest counts."""

    rows: Numbers
    own: int  # so many of them, the first ones, are the passages'
    starts: Numbers  # where each group begins: rows of one passage and kind, wordings of one sentence
    places: Numbers  # of each group: the place of its passage,
    kinds: Numbers  # its kind,
    items: Numbers  # and the sentence it is, or asks for
    names: tuple[tuple[str, int], ...]  # passage id and number of each sentence among the groups
    asking: Numbers  # which of the rows people asked,
    owners: Numbers  # and for each of these the place of its passage, -1 for what is not covered


class Nearness:
    """``of(vector, numbers)`` compares a query with the rows of some passages and with what is not covered."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._meant = asked_for(index.rows, index.dense.vectors)
        self._rows = [own[np.lexsort((self._meant[own], index.rows.kind[own]))] for own in _rows_by_passage(index)]
        self._longest = max((len(p.sentences) for p in index.passages), default=1)
        self._uncovered = np.flatnonzero(index.rows.kind == UNCOVERED)
        told = (index.rows.passage >= 0) | (index.rows.item < 0)  # what was lent to articles is another's
        self._last = np.flatnonzero((index.rows.kind == LAST) & told)
        self._usual = self._groups(np.arange(len(index.passages)))

    def of(self, vector: Matrix, numbers: Numbers, lent: Lent = NOTHING) -> Near:
        """Compare the embedding, shape ``(dim,)``, with the passages of these numbers, which are in order.

        ``lent``: the cosines of wordings of ``bank``, and the entry of each.
        """
        groups = self._usual if len(numbers) == len(self._index.passages) else self._groups(numbers)
        every = self._index.dense.similarity(vector, groups.rows)
        uncovered = every[groups.own : groups.own + len(self._uncovered)]
        best = np.maximum.reduceat(every[: groups.own], groups.starts)
        out = np.full((len(numbers), 3), -1.0)
        np.maximum.at(out, (groups.places, groups.kinds), best)
        asking = np.zeros((len(numbers), self._longest))
        wordings, quoted = groups.kinds == QUESTION, groups.kinds == SENTENCE
        asking[groups.places[wordings], groups.items[wordings]] = np.maximum(best[wordings], 0)
        asked = asking[groups.places[quoted], groups.items[quoted]].tolist()
        owners = np.concatenate([groups.owners, len(numbers) + lent[1]])
        count = len(numbers) + int(lent[1].max(initial=-1)) + 1
        shares = _shares(np.concatenate([every[groups.asking], lent[0]]), owners, count)
        return Near(
            body=out[:, BODY],
            question=out[:, QUESTION],
            sentence=out[:, SENTENCE],
            neighbours=shares[1 : len(numbers) + 1],
            entries=shares[len(numbers) + 1 :],
            beside=float(shares[0]),
            contrast=float(uncovered.max(initial=0.0)),
            sentences=dict(zip(groups.names, best[quoted].tolist(), strict=True)),
            asked=dict(zip(groups.names, asked, strict=True)),
        )

    def _groups(self, numbers: Numbers) -> _Groups:
        """The rows of some passages, ready to be scored."""
        table = self._index.rows
        rows = np.concatenate([self._rows[n] for n in numbers])
        passages, kinds, items = table.passage[rows], table.kind[rows], self._meant[rows]
        last = np.stack([passages, kinds, items], axis=1)
        starts = np.flatnonzero(np.r_[True, (last[1:] != last[:-1]).any(axis=1)])
        places, kinds, items = np.searchsorted(numbers, passages[starts]), kinds[starts], items[starts]
        quoted = np.flatnonzero(kinds == SENTENCE)
        names = tuple((self._index.passages[numbers[places[i]]].id, int(items[i])) for i in quoted)
        talks = self._last[np.isin(table.passage[self._last], (-1, *numbers))]
        every = np.concatenate([rows, self._uncovered, talks])
        asking = np.flatnonzero(np.isin(table.kind[every], (QUESTION, UNCOVERED, LAST)))
        owners = table.passage[every[asking]]
        owners = np.where(owners < 0, -1, np.searchsorted(numbers, owners))
        return _Groups(every, len(rows), starts, places, kinds, items, names, asking, owners)


def _shares(cosines: Matrix, owners: Numbers, count: int) -> Scores:
    """Whose the nearest texts are: the share of what is not covered (-1), then of each owner."""
    nearest = np.argpartition(cosines, -NEIGHBOURS)[-NEIGHBOURS:] if len(cosines) > NEIGHBOURS else slice(None)
    near = cosines[nearest].astype(np.float64)
    weights = np.exp(NEARER * (near - near.max(initial=-1.0)))
    shares: Scores = np.bincount(owners[nearest] + 1, weights, count + 1) / max(1.0, weights.sum())
    return shares


def _rows_by_passage(index: Index) -> list[Numbers]:
    """The rows that a question is compared with, by passage."""
    compared = np.flatnonzero(np.isin(index.rows.kind, (BODY, QUESTION, SENTENCE)))
    order = compared[np.argsort(index.rows.passage[compared], kind="stable")]
    edges = np.searchsorted(index.rows.passage[order], np.arange(len(index.passages) + 1))
    return [order[edges[i] : edges[i + 1]] for i in range(len(index.passages))]
