"""``python -m bot publish`` and ``python -m bot tenant ...``: what an operator of many clinics does; lines to print."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import MessageError
from bot.staff import Store
from bot.stores.opening import opened

if TYPE_CHECKING:
    from bot.config import Config
    from bot.stores.postgres import PostgresStore


def add(deeds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of ``tenant``."""
    deeds.add_parser("migrate", help="make or update the tables; once for each new version of this program")
    deeds.add_parser("list", help="show the tenants")
    for name, text in (("create", "make a tenant"), ("set", "change a tenant's hosts or limits")):
        made = deeds.add_parser(name, help=text)
        made.add_argument("name", help="small letters, digits and hyphens")
        made.add_argument("--host", action="append", metavar="HOST", help="a host name it is served at; repeatable")
        made.add_argument("--max-passages", type=int, metavar="N", help="passages that a version may have (20000)")
        made.add_argument("--per-minute", type=int, metavar="N", help="questions of all its visitors together (600)")
    left = deeds.add_parser("ingest", help="leave articles to workers, which build and publish them")
    left.add_argument("name")
    left.add_argument("folder", type=Path, metavar="DIR", help="folder of articles and clinic.toml")
    jobs = deeds.add_parser("jobs", help="show how far the last ingestions are")
    jobs.add_argument("name", nargs="?", help="of one tenant; of all by default")
    deeds.add_parser("versions", help="show what can be gone back to").add_argument("name")
    back = deeds.add_parser("rollback", help="make an earlier version current again")
    back.add_argument("name")
    back.add_argument("number", type=int, nargs="?", help="its number; the one before the current by default")
    out = deeds.add_parser("export", help="write all that is kept of a tenant into a ZIP file; it holds accounts too")
    out.add_argument("name")
    out.add_argument("file", type=Path, help="the new file")
    taken = deeds.add_parser("import-state", help="take over accounts, queue and lessons from a file into a tenant")
    taken.add_argument("name")
    taken.add_argument("file", type=Path, nargs="?", help="by default the one that this machine kept of the tenant")
    gone = deeds.add_parser("delete", help="remove a tenant with everything that is kept of it")
    gone.add_argument("name")
    gone.add_argument("--yes", action="store_true", help="it can't be taken back; say that you mean it")


def run(config: Config, options: argparse.Namespace) -> Iterator[str]:
    """Run one of the commands of ``tenant``, or ``publish`` or ``worker``."""
    with _store(config) as store:
        yield from DEEDS[options.deed](store, config, options)


@contextmanager
def _store(config: Config) -> Iterator[PostgresStore]:
    store = opened(config)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def records(config: Config, tenant: str | None) -> Iterator[Store]:
    """The front desk's records: those of a tenant, or where there is no database of the one file.

    Raises:
        MessageError: it is not said whose.
        ConfigError, StateError: they can't be opened.
    """
    if tenant is None:
        if config.database_url:
            raise MessageError("FAQ_DATABASE_URL is set: say whose front desk it is, 'staff --tenant NAME ...'")
        alone = Store(config.state)
        try:
            yield alone
        finally:
            alone.close()
        return
    with _store(config) as store:
        from bot.stores.tenant_state import TenantState

        yield Store(TenantState(store.database, tenant))


def _publish(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    version = store.publish(options.tenant, config)
    yield f"{options.tenant}: version {version.number} ({version.name}) is current"


def _worker(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.stores.worker import Worker

    yield from Worker(store, config, options.tenant).run(options.until_done)


def _ingest(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.stores.ingestion import ingest

    number = ingest(store, options.name, replace(config, corpus=options.folder))
    yield f"{options.name}: ingestion {number} waits for 'python -m bot worker'; see 'python -m bot tenant jobs'"


def _jobs(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.stores.ingestion import listed

    yield from map(str, listed(store.database, options.name))


def _migrate(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    store.database.migrate()
    yield "the tables are up to date"


def _list(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.stores.tenants import every

    for own in every(store.database):
        limits = f"{own.max_passages} passages, {own.per_minute} questions a minute"
        yield f"{own.name}: version {own.current or '-'}, {limits}, {', '.join(own.hosts) or 'no host'}"


def _create(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    store.create(options.name)
    yield from _set(store, config, options)


def _set(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.stores.tenants import change

    own = change(store.database, options.name, options.host, options.max_passages, options.per_minute)
    yield f"{own.name}: {own.max_passages} passages, {own.per_minute} questions a minute, {', '.join(own.hosts)}"


def _versions(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    for version in store.versions(options.name):
        mark = "  (current)" if version.current else ""
        yield f"{version.number}  {version.name}  {version.at:%Y-%m-%d %H:%M}{mark}"


def _rollback(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    number = options.number
    if number is None:
        known = store.versions(options.name)
        current = next((v.number for v in known if v.current), 0)
        number = next((v.number for v in known if v.number < current), None)
        if number is None:
            raise MessageError(f"no version of {options.name} is older than the current one: nothing was changed")
    version = store.activate(options.name, number)
    yield f"{options.name}: version {version.number} ({version.name}) is current"


def _export(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.stores.tenants import export

    _imported(config, options.name)
    export(store, options.name, options.file)
    yield f"written: {options.file}"


def _delete(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    if not options.yes:
        raise MessageError(f"all that is kept of {options.name} would be lost: export it first, then say --yes")
    _imported(config, options.name)
    store.delete(options.name)
    state = config.of_tenant(options.name).state
    for path in state.parent.glob(f"{state.name}*"):
        path.unlink()
    yield f"deleted: {options.name}"


def _imported(config: Config, name: str) -> None:
    """See that nothing of a tenant lies beside the database, where it would be forgotten or lost."""
    state = config.of_tenant(name).state
    if state.is_file():
        raise MessageError(f"{state} was never imported: run 'tenant import-state {name}', or move the file away")


def _import_state(store: PostgresStore, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.stores.tenant_state import TenantState
    from bot.stores.transfer import from_file

    own = config.of_tenant(options.name).state
    file = options.file or own
    rows = from_file(TenantState(store.database, options.name), file)
    yield f"imported: {rows} rows from {file}; who was signed in signs in again"
    if file == own:
        kept = file.rename(file.with_name(f"{file.name}.imported"))
        yield f"the file is kept as {kept}"


DEEDS: dict[str, Callable[[PostgresStore, Config, argparse.Namespace], Iterator[str]]] = {
    "publish": _publish,
    "worker": _worker,
    "ingest": _ingest,
    "jobs": _jobs,
    "migrate": _migrate,
    "list": _list,
    "create": _create,
    "set": _set,
    "versions": _versions,
    "rollback": _rollback,
    "export": _export,
    "import-state": _import_state,
    "delete": _delete,
}
