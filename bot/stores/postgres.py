"""Published versions in PostgreSQL: one transaction each, with what two versions have in common stored once.

A version's files come back byte for byte: the vectors from ``embedding``, the passages from ``passage``, everything
else from ``blob``. They are checked out into a ``FileStore``, from which they can be served without the database.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pgvector import Vector

from bot.errors import IndexDamaged, TenantLimit, VersionMissing
from bot.stores import KEPT, Checkout, Version, View, named, search, surplus
from bot.stores.database import Connection, Database, in_bulk
from bot.stores.packages import Content, Package, contents, fits, package, written
from bot.stores.reading import held, in_build, nearest, unkept, versions
from bot.stores.tenants import CHANNEL

if TYPE_CHECKING:
    from bot.config import Config
    from bot.stores.files import FileStore

T = TypeVar("T")
_LOCKED = "SELECT max_passages FROM tenant WHERE tenant = %s FOR NO KEY UPDATE"
_STAGE = """
    CREATE TEMP TABLE new_embedding (place integer, key bytea, own bytea, vector vector) ON COMMIT DROP;
    CREATE TEMP TABLE new_passage (place integer, id text, content text) ON COMMIT DROP;
    CREATE TEMP TABLE new_term (field smallint, term text, places integer[], weights real[]) ON COMMIT DROP;
"""
# Equal texts of one encoder are one embedding. Where an encoder gave it other bits this time (texts in batches),
# the key is told apart, so that what comes back is what was published.
_EMBEDDINGS = (
    """
    INSERT INTO embedding (tenant, key, vector)
    SELECT DISTINCT ON (key) %(tenant)s, key, vector FROM new_embedding ORDER BY key, place
    ON CONFLICT (tenant, key) DO NOTHING
    """,
    """
    UPDATE new_embedding AS new SET key = own FROM embedding AS old
    WHERE old.tenant = %(tenant)s AND old.key = new.key AND old.vector <> new.vector
    """,
    """
    INSERT INTO embedding (tenant, key, vector)
    SELECT DISTINCT ON (key) %(tenant)s, key, vector FROM new_embedding ORDER BY key, place
    ON CONFLICT (tenant, key) DO NOTHING
    """,
    """
    INSERT INTO searched (tenant, number, place, embedding)
    SELECT %(tenant)s, %(number)s, place, embedding
    FROM new_embedding JOIN embedding USING (key) WHERE tenant = %(tenant)s ORDER BY place
    """,
    """
    INSERT INTO passage (tenant, number, place, id, content)
    SELECT %(tenant)s, %(number)s, place, id, content FROM new_passage ORDER BY place
    """,
    """
    INSERT INTO term (tenant, number, field, term, places, weights)
    SELECT %(tenant)s, %(number)s, field, term, places, weights FROM new_term ORDER BY field, term
    """,
)
_PRUNE = (
    "DELETE FROM version WHERE tenant = %(tenant)s AND number = ANY(%(surplus)s)",
    """
    DELETE FROM embedding AS old WHERE tenant = %(tenant)s AND NOT EXISTS
    (SELECT FROM searched WHERE tenant = %(tenant)s AND searched.embedding = old.embedding)
    """,
    """
    DELETE FROM blob AS old WHERE tenant = %(tenant)s AND NOT EXISTS
    (SELECT FROM file WHERE tenant = %(tenant)s AND file.sha256 = old.sha256)
    """,
)


class PostgresStore:
    """See ``stores.ArticleStore``. Making, listing and deleting tenants is the owner's; all else sees one tenant.

    What a version holds is read from the ``replica``, if there is one that has it already; which version is current,
    and what was told, never is: a replica is behind.
    """

    def __init__(self, database: Database, cache: FileStore, kept: int = KEPT, replica: Database | None = None) -> None:
        self.database = database
        self.cache = cache
        self._kept = kept
        self._replica = replica

    def close(self) -> None:
        """End all connections."""
        for database in filter(None, (self.database, self._replica)):
            database.close()

    def create(self, tenant: str) -> None:
        """See ``ArticleStore.create``."""
        with self.database.administer() as connection:
            connection.execute("INSERT INTO tenant (name) VALUES (%s) ON CONFLICT DO NOTHING", [named(tenant)])

    def tenants(self) -> tuple[str, ...]:
        """See ``ArticleStore.tenants``."""
        with self.database.administer() as connection:
            return tuple(name for (name,) in connection.execute('SELECT name FROM tenant ORDER BY name COLLATE "C"'))

    def delete(self, tenant: str) -> None:
        """See ``ArticleStore.delete``."""
        with self.database.tenant(tenant):
            pass  # there is one
        with self.database.administer() as connection:
            connection.execute("DELETE FROM tenant WHERE name = %s", [tenant])
            connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, tenant])
        if tenant in self.cache.tenants():
            self.cache.delete(tenant)

    def publish(self, tenant: str, config: Config) -> Version:
        """See ``ArticleStore.publish``.

        Raises:
            TenantLimit: more passages than the tenant may have.
        """
        made = package(config)
        if same := [v for v in self.versions(tenant) if v.current and v.name == made.name]:
            return same[0]
        content = contents(config, made)
        with self.database.tenant(tenant, write=True) as (connection, own):
            (most,) = connection.execute(_LOCKED, [own]).fetchone() or (0,)
            known = versions(connection, own)
            if same := [v for v in known if v.current and v.name == made.name]:
                return same[0]  # somebody else was quicker
            if len(content.passages) > most:
                raise TenantLimit(f"{len(content.passages)} passages; tenant {tenant!r} may have {most}: publish fewer")
            number = 1 + max((v.number for v in known), default=0)
            connection.execute(
                "INSERT INTO version (tenant, number, name, manifest) VALUES (%s, %s, %s, %s)",
                [own, number, made.name, json.dumps(made.manifest)],
            )
            _put_files(connection, own, number, made, content)
            _put_content(connection, own, number, content)
            self._point(connection, tenant, own, number)
            gone = surplus(known, made.name, self._kept)
            for statement in _PRUNE:
                connection.execute(statement, {"tenant": own, "surplus": gone})
            fits(made.manifest, config.corpus)
            return versions(connection, own)[0]

    def versions(self, tenant: str) -> tuple[Version, ...]:
        """See ``ArticleStore.versions``."""
        with self.database.tenant(tenant) as (connection, own):
            return versions(connection, own)

    def activate(self, tenant: str, number: int) -> Version:
        """See ``ArticleStore.activate``."""
        with self.database.tenant(tenant, write=True) as (connection, own):
            connection.execute(_LOCKED, [own])
            found = [v for v in versions(connection, own) if v.number == number]
            if not found:
                raise unkept(tenant, number)
            self._point(connection, tenant, own, number)
            return next(v for v in versions(connection, own) if v.number == number)

    def checkout(self, tenant: str, number: int | None = None) -> Checkout:
        """See ``ArticleStore.checkout``. What is in the cache already is not fetched again."""
        return self._pinned(tenant, number, lambda version: self._fetched(tenant, version, number is None))

    def view(self, tenant: str, number: int | None = None) -> View:
        """See ``ArticleStore.view``."""
        return self._pinned(tenant, number, lambda version: self._seen(tenant, version))

    def _seen(self, tenant: str, version: Version) -> View:
        return nearest(
            self.database, self._replica, tenant, version, lambda near: search.view(near, tenant, version.number)
        )

    def _pinned(self, tenant: str, number: int | None, use: Callable[[Version], T]) -> T:
        """What ``use`` makes of a version; of the next one where the current one was removed before it was read."""
        version = self._version(tenant, number)
        try:
            return use(version)
        except VersionMissing:
            if number is not None or self._version(tenant, None).number == version.number:
                raise
        return self._pinned(tenant, None, use)

    def _fetched(self, tenant: str, version: Version, serve: bool) -> Checkout:
        self.cache.create(tenant)
        if not any(v.number == version.number and v.name == version.name for v in self.cache.versions(tenant)):
            self.cache.install(tenant, version.name, lambda to: self._fetch(tenant, version, to), version.number)
        if serve:
            self.cache.activate(tenant, version.number)
        return self.cache.checkout(tenant, version.number)

    def _version(self, tenant: str, number: int | None) -> Version:
        for version in self.versions(tenant):
            if version.number == number or (number is None and version.current):
                return version
        raise unkept(tenant, number)

    def _fetch(self, tenant: str, version: Version, folder: Path) -> None:
        """Write a version's files, each checked."""
        checksums, files = nearest(
            self.database, self._replica, tenant, version, lambda near: held(near, tenant, version.number)
        )
        for place, content in files:
            known = checksums.get(in_build(place), "")
            if place.startswith("index/builds/") and known not in ("", sha256(content).hexdigest()):
                raise IndexDamaged(f"{place} of tenant {tenant!r} came back altered: publish the articles again")
            written(folder, place, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]

    def _point(self, connection: Connection, tenant: str, own: int, number: int) -> None:
        """Make a version current, and tell every server when the transaction has succeeded."""
        connection.execute("UPDATE tenant SET current = %s WHERE tenant = %s", [number, own])
        connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, tenant])


def _put_files(connection: Connection, own: int, number: int, made: Package, content: Content) -> None:
    """Store the files that can't be made again from the tables; those whose content is stored already only by name."""
    known = {held for (held,) in connection.execute("SELECT sha256 FROM blob WHERE tenant = %s", [own])}
    rows: list[tuple[int, int, str, bytes | None]] = []
    for place, path in made.files.items():
        if place.split("/", 3)[-1] in content.derived and place.startswith("index/builds/"):
            rows.append((own, number, place, None))
            continue
        held = path.read_bytes()
        digest = sha256(held).digest()
        if digest not in known:
            connection.execute("INSERT INTO blob (tenant, sha256, content) VALUES (%b, %b, %b)", [own, digest, held])
            known.add(digest)
        rows.append((own, number, place, digest))
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO file (tenant, number, place, sha256) VALUES (%s, %s, %s, %s)", rows)


def _put_content(connection: Connection, own: int, number: int, content: Content) -> None:
    """Store what is searched: copied beside, then inserted by row security's rules."""
    in_bulk(connection)
    connection.execute(_STAGE)
    with connection.cursor() as cursor:
        with cursor.copy("COPY new_embedding FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "bytea", "bytea", "bytea"])
            for place, (key, vector) in enumerate(zip(content.keys, content.vectors, strict=True)):
                told_apart = sha256(key + vector.tobytes()).digest()
                copy.write_row((place, key, told_apart, Vector(vector).to_binary()))
        with cursor.copy("COPY new_passage FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text", "text"])
            for place, passage in enumerate(content.passages):
                copy.write_row((place, *passage))
        with cursor.copy("COPY new_term FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int2", "text", "int4[]", "float4[]"])
            for term in content.terms:
                copy.write_row(term)
    for statement in _EMBEDDINGS:
        connection.execute(statement, {"tenant": own, "number": number})
