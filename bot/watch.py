"""Rebuild whenever a file of the corpus is saved: for authors, with a server running beside it.

Names, sizes and times of the files are looked at twice a second, which works on every disk, also on one that tells
nobody of changes (network folders, containers).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bot import index
from bot.config import Config
from bot.corpus import read_corpus
from bot.encoder import Progress
from bot.errors import BotError, IndexError_

LOOK_EVERY = 0.5  # seconds; a save is over when two looks see the same
Tell = Callable[[str], None]
Seen = frozenset[tuple[str, int, int]]


def watch(config: Config, tell: Tell, built: Tell, progress: Progress | None = None) -> None:
    """Build now where the index does not fit, then after every change, until interrupted.

    ``tell`` is given what was done and what is wrong, ``built`` each new version. While an article that could be read
    can't be any more, the index stays as it was.
    """
    tell(f"watching {config.corpus}; Ctrl-C ends it")
    built_from: Seen | None = None
    before = seen(config.corpus)
    while True:
        if before != built_from:
            built_from = before
            rebuild(config, tell, built, progress)
        time.sleep(LOOK_EVERY)
        now = seen(config.corpus)
        while now != before:  # still being written
            before = now
            time.sleep(LOOK_EVERY)
            now = seen(config.corpus)


def seen(folder: Path) -> Seen:
    """Name, size in bytes and time of change in nanoseconds of every file below a folder."""
    found = set()
    for path in folder.rglob("*"):
        try:
            state = path.stat()
        except OSError:  # gone since it was listed
            continue
        found.add((str(path), state.st_size, state.st_mtime_ns))
    return frozenset(found)


def rebuild(config: Config, tell: Tell, built: Tell, progress: Progress | None = None) -> None:
    """Build where the index does not fit the articles; never raises what can be told."""
    try:
        if _fits(config):
            tell(f"nothing to do: index {index.built(config).version} fits the articles")
            return
        known = _unread(config)
        broken = [] if known is None else [p for p in read_corpus(config.corpus).problems if p not in known]
        if broken:
            tell("\n".join([f"not read: {problem}" for problem in broken]))
            tell("the index stays as it was until that is mended, or the file is taken away")
            return
        start = time.monotonic()
        index.build(config, progress)
        done = index.built(config)
        tell("\n".join([*(f"not read: {problem}" for problem in done.unread), f"{done} in {_seconds(start)}"]))
        built(done.version)
    except BotError as error:
        tell(f"error: {error}\nthe index stays as it was")


def _fits(config: Config) -> bool:
    try:
        return bool(index.load(config))
    except IndexError_:
        return False


def _unread(config: Config) -> tuple[str, ...] | None:
    """What the current build could not read either; None where there is no build."""
    try:
        return index.built(config).unread
    except IndexError_:
        return None


def _seconds(start: float) -> str:
    return f"{time.monotonic() - start:.1f} s"
