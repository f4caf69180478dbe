"""Reading a published version back out of PostgreSQL, from a replica where there is one that has it.

Which version is current, and what was told, is never read from a replica: it is behind. A version never changes, so
one that is there with its name and its moment is the right one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pgvector import Vector

from bot.errors import StoreError, VersionMissing
from bot.stores import Version, search
from bot.stores.database import in_bulk
from bot.stores.packages import restored

if TYPE_CHECKING:
    from bot.dense import Matrix
    from bot.stores.database import Connection, Database

log = logging.getLogger(__name__)
Read = TypeVar("Read")
_VERSIONS = """
    SELECT number, version.name, version.at, number = current IS TRUE
    FROM version JOIN tenant USING (tenant) WHERE tenant = %s ORDER BY number DESC
"""
_VECTORS = """
    SELECT vector FROM searched JOIN embedding USING (tenant, embedding)
    WHERE tenant = %s AND number = %s ORDER BY place
"""
_FILES = "SELECT place, content FROM file LEFT JOIN blob USING (tenant, sha256) WHERE tenant = %s AND number = %s"


def versions(connection: Connection, own: int) -> tuple[Version, ...]:
    """The versions of the tenant of that number, newest first."""
    return tuple(Version(*row) for row in connection.execute(_VERSIONS, [own]))


def unkept(tenant: str, number: int | None) -> VersionMissing:
    """The error for a version that there is not."""
    what = f"version {number}" if number else "published version"
    return VersionMissing(f"tenant {tenant!r} has no {what}: see 'python -m bot tenant versions {tenant}'")


def nearest(
    database: Database, replica: Database | None, tenant: str, version: Version, read: Callable[[Database], Read]
) -> Read:
    """What ``read`` finds of a version in the replica, or in the database where that is lost or has it not yet.

    Raises:
        StoreError: as ``read``, of the database.
    """
    if replica:
        try:
            with replica.tenant(tenant) as (connection, own):
                known = {(v.number, v.name, v.at) for v in versions(connection, own)}
            if (version.number, version.name, version.at) in known:
                return read(replica)
            log.info("%s: the replica does not have version %s yet", tenant, version.number)
        except StoreError as error:
            log.warning("the replica is not read: %s", error)
    return read(database)


def held(database: Database, tenant: str, number: int) -> tuple[dict[str, str], list[tuple[str, bytes]]]:
    """A version's checksums by name, and its files by place.

    Raises:
        VersionMissing: it is not kept.
        StoreLost, StoreError: as ``Database.tenant``.
    """
    with database.tenant(tenant) as (connection, own):
        in_bulk(connection)
        row = connection.execute(
            "SELECT manifest FROM version WHERE tenant = %s AND number = %s", [own, number]
        ).fetchone()
        if row is None:
            raise unkept(tenant, number)
        files = connection.execute(_FILES, [own, number], binary=True).fetchall()
        again = restored(*_content(connection, own, number)) if any(c is None for _, c in files) else {}
    return json.loads(row[0])["files"], [(p, again[in_build(p)] if c is None else bytes(c)) for p, c in files]


def in_build(place: str) -> str:
    """A file's name in its build, as the manifest has it."""
    return place.split("/", 3)[-1]


def _content(connection: Connection, own: int, number: int) -> tuple[Sequence[str], Matrix]:
    """The JSON of a version's passages, and its vectors."""
    passages = [content for (content,) in connection.execute(search.PASSAGES, [own, number])]
    vectors = [Vector.from_binary(v).to_numpy() for (v,) in connection.execute(_VECTORS, [own, number], binary=True)]
    return passages, np.stack(vectors)
