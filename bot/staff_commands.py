"""``python -m bot staff export|purge|backup|restore``: what can be done with the state database; lines to print."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bot import keeping
from bot.errors import MessageError
from bot.staff import Store

if TYPE_CHECKING:
    from bot.config import Config

WHO = "the command line"


def add(deeds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to those of ``staff``."""
    deeds.add_parser("questions", help="what was taught as a regression set for 'evaluate', as JSON lines")
    deeds.add_parser("export", help="all that is kept of visitors, lessons and deeds, as JSON lines; no accounts")
    purge = deeds.add_parser("purge", help="forget now what visitors asked and told; lessons and the audit log stay")
    purge.add_argument(
        "--days", type=int, metavar="N", help="but for the last N days (FAQ_RETENTION_DAYS); 0: all of it"
    )
    backup = deeds.add_parser("backup", help="copy the database into a new file, also while a server uses it")
    backup.add_argument("file", type=Path, help="the new file; it holds accounts too, so keep it as safe")
    restore = deeds.add_parser("restore", help="put a backup in place; what was there is copied first")
    restore.add_argument("file", type=Path, help="the backup")


def _questions(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    from bot.lessons import Lessons  # with numpy and all that reads a question: not for every command

    yield from Lessons(store).questions()


def _export(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    yield from keeping.export(store)


def _purge(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    days = config.retention_days if options.days is None else options.days
    if days < 0:
        raise MessageError("--days is a number of days: give 0 or more")
    yield f"forgot {keeping.forget(store, days, WHO)} rows older than {days} days"


def _backup(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    keeping.backup(store, options.file, WHO)
    yield f"backup written: {options.file}"


def _restore(store: Store, config: Config, options: argparse.Namespace) -> Iterator[str]:
    before = keeping.restore(store, options.file, WHO)
    yield f"restored: {options.file}; what was there before: {before}"


DEEDS: dict[str, Callable[[Store, Config, argparse.Namespace], Iterator[str]]] = {
    "questions": _questions,
    "export": _export,
    "purge": _purge,
    "backup": _backup,
    "restore": _restore,
}
