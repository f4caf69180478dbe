"""Tenants as their operator sees them: hosts, limits, and all that is kept of one in one file."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import StoreError

if TYPE_CHECKING:
    from bot.stores.database import Connection, Database
    from bot.stores.postgres import PostgresStore

CHANNEL = "faq_version"  # where a publication, or another change of a tenant, is told; the payload is its name
_TENANT = "tenant.json"
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\Z")
_TOLD = """
    SELECT name, current, max_passages, per_minute,
           ARRAY(SELECT host FROM host WHERE host.tenant = tenant.tenant ORDER BY host)
    FROM tenant
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant and its limits: passages of a version, and questions a minute of all its visitors together."""

    name: str
    current: int | None
    max_passages: int
    per_minute: int
    hosts: tuple[str, ...]


def host_of(header: str) -> str:
    """The host name in a ``Host`` header, without port and in small letters; empty where there is none."""
    name = header.strip().lower().rsplit("]", 1)[-1] if header.startswith("[") else header.strip().lower()
    name = name.partition(":")[0].rstrip(".")
    return name if _HOST.match(name) and len(name) < 254 else ""


def told(database: Database, name: str) -> Tenant:
    """One tenant, read with its own rights.

    Raises:
        TenantMissing, StoreLost, StoreError: as ``Database.tenant``.
    """
    with database.tenant(name) as (connection, _):
        return _told(connection, "")[0]


def every(database: Database) -> tuple[Tenant, ...]:
    """All tenants, by name; for their operator.

    Raises:
        StoreLost, StoreError: as ``Database.administer``.
    """
    with database.administer() as connection:
        return _told(connection, ' ORDER BY name COLLATE "C"')


def change(
    database: Database,
    name: str,
    hosts: Sequence[str] | None = None,
    max_passages: int | None = None,
    per_minute: int | None = None,
) -> Tenant:
    """Change what is given of a tenant; ``hosts`` replaces all of its host names.

    Raises:
        StoreError: no host name, one of another tenant, or a limit below 1; nothing was changed.
        TenantMissing, StoreLost: as ``Database.tenant``.
    """
    told(database, name)
    wrong = [host for host in hosts or () if host != host_of(host)]
    if wrong:
        raise StoreError(f"{wrong[0]!r} is no host name: write it in small letters, without port, such as faq.example")
    if min(max_passages or 1, per_minute or 1) < 1 or 0 in (max_passages, per_minute):
        raise StoreError("a limit is below 1: give 1 or more")
    with database.administer() as connection:
        taken = connection.execute(
            "SELECT host FROM host JOIN tenant USING (tenant) WHERE host = ANY(%s) AND name <> %s",
            [list(hosts or ()), name],
        ).fetchone()
        if taken:
            raise StoreError(f"host {taken[0]!r} is another tenant's: take it from there first")
        connection.execute(
            "UPDATE tenant SET max_passages = coalesce(%s, max_passages), per_minute = coalesce(%s, per_minute) "
            "WHERE name = %s",
            [max_passages, per_minute, name],
        )
        if hosts is not None:
            connection.execute("DELETE FROM host USING tenant WHERE host.tenant = tenant.tenant AND name = %s", [name])
            connection.execute(
                "INSERT INTO host SELECT DISTINCT unnest(%s::text[]), tenant FROM tenant WHERE name = %s",
                [list(hosts), name],
            )
        connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, name])
    return told(database, name)


def remember(root: Path, tenant: Tenant) -> None:
    """Keep what is known of a tenant beside what was fetched of it, for when the database is lost."""
    folder = root / tenant.name
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{_TENANT}.{os.getpid()}"
    partial.write_text(json.dumps(asdict(tenant)), encoding="utf-8")
    partial.replace(folder / _TENANT)


def remembered(root: Path) -> list[Tenant]:
    """The tenants that were remembered. What can't be read is left out: it is a copy."""
    found = []
    for path in sorted(root.glob(f"*/{_TENANT}")):
        with suppress(OSError, ValueError, TypeError, KeyError):
            raw = json.loads(path.read_text(encoding="utf-8"))
            found.append(Tenant(**{**raw, "hosts": tuple(raw["hosts"])}))
    return found


def export(store: PostgresStore, name: str, target: Path) -> None:
    """Write all that is kept of a tenant into a new ZIP file: ``tenant.json``, every version's files, ``state.sqlite``.

    Raises:
        StoreError: the file is there already, or can't be written.
        TenantMissing, StoreLost, StateError: it can't be read.
    """
    from bot.stores.tenant_state import TenantState
    from bot.stores.transfer import to_file

    if target.exists():
        raise StoreError(f"{target} is there already: choose another name")
    own, versions = told(store.database, name), store.versions(name)
    kept = {**asdict(own), "versions": [{**asdict(v), "at": v.at.isoformat()} for v in versions]}
    partial = target.with_name(f"{target.name}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("tenant.json", json.dumps(kept, indent=2))
            for version in versions:
                folder = store.checkout(name, version.number).corpus.parent
                for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                    archive.write(path, f"versions/{version.number}/{path.relative_to(folder).as_posix()}")
            to_file(TenantState(store.database, name), _beside(partial))
            archive.write(_beside(partial), "state.sqlite")
        partial.rename(target)
    except OSError as error:
        raise StoreError(f"{target} can't be written: {error}: choose another place, or make room") from error
    finally:
        for left in (partial, _beside(partial)):
            left.unlink(missing_ok=True)


def _told(connection: Connection, order: str) -> tuple[Tenant, ...]:
    rows = connection.execute((_TOLD + order).encode())
    return tuple(Tenant(name, current, most, minute, tuple(hosts)) for name, current, most, minute, hosts in rows)


def _beside(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.sqlite")
