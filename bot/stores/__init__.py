"""Where published versions of articles are kept, per tenant; a tenant is one clinic. Two forms of one interface:

    files      folders, FAISS and BM25 in memory; needs nothing else
    postgres   PostgreSQL with pgvector; ``database`` has its connections and tables, ``search`` searches inside it,
               ``reading`` reads versions back, from a replica where there is one

``packages`` is what is published: a finished index with the articles it was made from. A version is kept whole:
who reads sees the old one or the new one. Its search, ``View``, gives the same scores in both forms.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot.errors import StoreError, TenantMissing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bot.config import Config
    from bot.dense import Matrix
    from bot.schema import Passage

KEPT = 5  # versions of a tenant, the current one included; a week of daily changes to take back
_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")  # one label of a host name, and a folder's name


class Vectors(Protocol):
    """Numbered rows of unit vectors; the score of a row is its cosine with the query (``dense.Dense``)."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def search(self, query: Matrix, k: int) -> tuple[Matrix, NDArray[np.int64]]:
        """Best ``k`` rows for one query of shape ``(dim,)``: scores and row numbers, best first."""
        ...

    def similarity(self, query: Matrix, rows: NDArray[np.int64]) -> Matrix:
        """Exact scores of the named rows, shape ``(len(rows),)``."""
        ...

    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """The named rows themselves, shape ``(len(rows), dim)``."""
        ...


class Terms(Protocol):
    """BM25 over one field of the passages (``sparse.Sparse``)."""

    def scores(self, terms: Sequence[str]) -> NDArray[np.float32]:
        """BM25 of every passage for the query terms, shape ``(n,)``; unknown terms count nothing."""
        ...

    def ceiling(self, terms: Sequence[str]) -> float:
        """The most a passage could score for the terms."""
        ...


@dataclass(frozen=True, slots=True)
class Version:
    """One published version: ``number`` counts up within a tenant, ``name`` is its index's version."""

    number: int
    name: str
    at: datetime.datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Checkout:
    """A version as files, which ``Bot.open`` serves: ``config.corpus`` and ``config.index``."""

    number: int
    corpus: Path
    index: Path


@dataclass(frozen=True, slots=True)
class View:
    """One version to search in. It stays that version whatever is published meanwhile."""

    number: int
    passages: tuple[Passage, ...]
    vectors: Vectors
    questions: Terms
    texts: Terms


class ArticleStore(Protocol):
    """Versions of articles, per tenant. Every method but ``create`` and ``tenants`` raises TenantMissing."""

    def create(self, tenant: str) -> None:
        """Make a tenant without a version; nothing happens where there is one.

        Raises:
            StoreError: not a name (``named``).
        """
        ...

    def tenants(self) -> tuple[str, ...]:
        """The tenants' names, sorted."""
        ...

    def delete(self, tenant: str) -> None:
        """Remove a tenant with everything that is stored of it."""
        ...

    def publish(self, tenant: str, config: Config) -> Version:
        """Make the finished index of ``config`` the current version, in one step; ``KEPT`` versions stay (``surplus``).

        What is current already is not published again, whoever published it.

        Raises:
            IndexMissing, IndexStale, IndexDamaged: the index can't be published.
        """
        ...

    def versions(self, tenant: str) -> tuple[Version, ...]:
        """What can be gone back to, newest first."""
        ...

    def activate(self, tenant: str, number: int) -> Version:
        """Make a kept version current again, in one step.

        Raises:
            VersionMissing: it is not kept.
        """
        ...

    def checkout(self, tenant: str, number: int | None = None) -> Checkout:
        """A version, the current one by default, as files.

        Raises:
            VersionMissing: it is not kept, or nothing has been published yet.
        """
        ...

    def view(self, tenant: str, number: int | None = None) -> View:
        """A version, the current one by default, to search in.

        Raises:
            VersionMissing: as ``checkout``.
        """
        ...


def named(tenant: str) -> str:
    """The name of a tenant, checked.

    Raises:
        StoreError: not a name.
    """
    if not _TENANT.match(tenant):
        raise StoreError(f"{tenant!r} is no tenant's name: use small letters, digits and hyphens inside, at most 63")
    return tenant


def surplus(known: Sequence[Version], name: str, kept: int) -> list[int]:
    """Which of the versions there were, newest first, make room for a new one called ``name``.

    An earlier one with the same content goes first: it would only take the place of something else to go back to. What
    was current until now stays, even when it is the oldest, as after a roll back.
    """
    others = sorted((v for v in known if v.name != name), key=lambda v: not v.current)
    stay = {v.number for v in others[: max(kept - 1, 0)]}
    return [v.number for v in known if v.number not in stay]


def missing(tenant: str) -> TenantMissing:
    """The error for a tenant that there is not."""
    return TenantMissing(f"there is no tenant {tenant!r}: make it with 'python -m bot tenant create {tenant}'")
