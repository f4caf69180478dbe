"""Search inside PostgreSQL: exact inner products over one tenant's rows, and BM25 by the weights ``sparse`` gave.

No approximate index: filtered by tenant it loses most of what a small tenant has, and a tenant's own rows are few.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector

from bot.dense import Matrix
from bot.errors import VersionMissing
from bot.schema import Passage
from bot.stores import View
from bot.stores.database import Connection, Database, in_bulk

QUESTIONS, TEXTS = 0, 1  # the two fields of BM25
_NEAREST = """
    SELECT place, -(vector <#> %(query)s::vector) AS score
    FROM searched JOIN embedding USING (tenant, embedding)
    WHERE tenant = %(tenant)s AND number = %(number)s
    ORDER BY vector <#> %(query)s::vector, place LIMIT %(k)s
"""
_EVERY = """
    SELECT array_agg(place), array_agg(-(vector <#> %(query)s::vector)::real)
    FROM searched JOIN embedding USING (tenant, embedding)
    WHERE tenant = %(tenant)s AND number = %(number)s
"""
_SOME = _EVERY + " AND place = ANY(%(rows)s)"
_ROWS = """
    SELECT place, vector FROM searched JOIN embedding USING (tenant, embedding)
    WHERE tenant = %(tenant)s AND number = %(number)s AND place = ANY(%(rows)s)
"""
_SCORES = """
    SELECT place, sum(weight) FROM term, unnest(places, weights) AS held (place, weight)
    WHERE tenant = %(tenant)s AND number = %(number)s AND field = %(field)s AND term = ANY(%(terms)s)
    GROUP BY place
"""
_MOST = """
    SELECT sum((SELECT max(weight) FROM unnest(weights) AS weight)) FROM term
    WHERE tenant = %(tenant)s AND number = %(number)s AND field = %(field)s AND term = ANY(%(terms)s)
"""
PASSAGES = "SELECT content FROM passage WHERE tenant = %s AND number = %s ORDER BY place"
_SIZE = "SELECT count(*) FROM searched WHERE tenant = %s AND number = %s"


class _Pinned:
    """One version of one tenant in the database."""

    def __init__(self, database: Database, tenant: str, number: int, size: int) -> None:
        self._database = database
        self._tenant = tenant
        self._number = number
        self._size = size

    @contextmanager
    def _asking(self, **values: object) -> Iterator[tuple[Connection, dict[str, object]]]:
        with self._database.tenant(self._tenant) as (connection, tenant):
            in_bulk(connection)
            yield connection, {"tenant": tenant, "number": self._number, **values}

    def _gone(self) -> VersionMissing:
        return gone(self._tenant, self._number)


class DatabaseVectors(_Pinned):
    """See ``stores.Vectors``."""

    def __len__(self) -> int:
        return self._size

    def search(self, query: Matrix, k: int) -> tuple[Matrix, NDArray[np.int64]]:
        """See ``Vectors.search``."""
        with self._asking(query=_text(query), k=k) as (connection, values):
            found = connection.execute(_NEAREST, values, binary=True).fetchall()
        if not found and k and self._size:
            raise self._gone()
        places, scores = [place for place, _ in found], [score for _, score in found]
        return np.asarray(scores, dtype=np.float32), np.asarray(places, dtype=np.int64)

    def similarity(self, query: Matrix, rows: NDArray[np.int64]) -> Matrix:
        """See ``Vectors.similarity``."""
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        some = 2 * len(rows) < self._size  # else what is not wanted costs less than saying so
        with self._asking(query=_text(query), rows=np.unique(rows).tolist() if some else None) as (connection, values):
            row = connection.execute(_SOME if some else _EVERY, values, binary=True).fetchone()
        if row is None or row[0] is None:
            raise self._gone()
        out = np.zeros(self._size, dtype=np.float32)
        out[row[0]] = row[1]
        return out[rows]

    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """See ``Vectors.vectors``."""
        with self._asking(rows=np.unique(rows).tolist()) as (connection, values):
            found = dict(connection.execute(_ROWS, values, binary=True).fetchall())
        if len(rows) and not found:
            raise self._gone()
        made = [Vector.from_binary(found[row]).to_numpy() for row in rows.tolist()]
        return np.stack(made) if made else np.zeros((0, 0), dtype=np.float32)


class DatabaseTerms(_Pinned):
    """See ``stores.Terms``; ``size`` is the number of passages."""

    def __init__(self, database: Database, tenant: str, number: int, size: int, field: int) -> None:
        super().__init__(database, tenant, number, size)
        self._field = field

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """See ``Terms.scores``."""
        out = np.zeros(self._size, dtype=np.float32)
        with self._asking(field=self._field, terms=list(dict.fromkeys(terms))) as (connection, values):
            for place, score in connection.execute(_SCORES, values, binary=True):
                out[place] = score
        return out

    def ceiling(self, terms: Sequence[str]) -> float:
        """See ``Terms.ceiling``."""
        with self._asking(field=self._field, terms=list(dict.fromkeys(terms))) as (connection, values):
            row = connection.execute(_MOST, values, binary=True).fetchone()
        return float(row[0]) if row and row[0] is not None else 0.0


def view(database: Database, tenant: str, number: int) -> View:
    """A version to search in.

    Raises:
        VersionMissing: it is not kept any more.
    """
    with database.tenant(tenant) as (connection, own):
        found = connection.execute(PASSAGES, [own, number]).fetchall()
        size = connection.execute(_SIZE, [own, number]).fetchone()
    if not found:
        raise gone(tenant, number)
    passages = tuple(Passage.from_dict(json.loads(content)) for (content,) in found)
    return View(
        number,
        passages,
        DatabaseVectors(database, tenant, number, int(size[0]) if size else 0),
        DatabaseTerms(database, tenant, number, len(passages), QUESTIONS),
        DatabaseTerms(database, tenant, number, len(passages), TEXTS),
    )


def gone(tenant: str, number: int) -> VersionMissing:
    """The error for a version that was removed while it was used."""
    return VersionMissing(f"version {number} of tenant {tenant!r} is kept no longer: open the current one")


def _text(query: Matrix) -> str:
    return Vector(query).to_text()
