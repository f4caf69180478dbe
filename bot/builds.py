"""The folder of builds: which one is current, and the swap to the next one by one rename.

A build is written under a name of its own. A process killed at any moment leaves the old one current or the
new one, and a leftover folder that the next build clears.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bot.errors import IndexDamaged, IndexError_, IndexMissing

REMEDY = "run 'python -m bot build'"


def current(index: Path) -> tuple[Path, dict[str, Any]]:
    """The folder and manifest that CURRENT names, both checked."""
    pointer = index / "CURRENT"
    if not pointer.is_file():
        raise IndexMissing(f"{index} holds no index: {REMEDY}")
    try:
        raw = pointer.read_text(encoding="ascii")
        named = json.loads(raw)
        name, digest = named["build"], named["manifest_sha256"]
        if raw != _pointer(name, digest):
            raise ValueError("unexpected form")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IndexDamaged(f"{pointer}: can't be read ({error}): {REMEDY}") from None
    folder = index / "builds" / name
    path = folder / "manifest.json"
    if not path.is_file() or sha256(path) != digest:
        raise IndexDamaged(f"{path}: missing or altered: {REMEDY}")
    return folder, json.loads(path.read_text(encoding="utf-8"))


def mark(index: Path) -> str:
    """What CURRENT says, unchecked; empty where it can't be read. Changes with every build: to be looked at often."""
    try:
        return (index / "CURRENT").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def publish(index: Path, name: str, digest: str) -> None:
    """Make a finished build current by one rename, then clear the builds before it."""
    sync(index / "builds" / name)
    temporary = index / f"CURRENT.{name}"
    with temporary.open("w", encoding="ascii") as handle:
        handle.write(_pointer(name, digest))
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, index / "CURRENT")
    clear(index)


def adopt(index: Path, other: Path) -> None:
    """Make the current build of another folder the current one here; its files are shared where the disk can."""
    folder, _ = current(other)
    target = index / "builds" / folder.name
    if not target.is_dir():
        shutil.copytree(folder, target, copy_function=linked)
    publish(index, folder.name, sha256(target / "manifest.json"))


def linked(source: str, target: str) -> None:
    """The same file under another name, where the disk has that: a build's files are never written to again."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def locked(index: Path) -> Iterator[None]:
    """Nobody else builds or publishes in the meantime; the folder is made where there is none.

    Raises:
        IndexError_: somebody does so already, or the folder can't be written to.
    """
    try:
        index.mkdir(parents=True, exist_ok=True)
        with FileLock(str(index / ".lock"), timeout=0):
            yield
    except Timeout:
        raise IndexError_(f"{index} is being built by another process: wait for it to end") from None
    except OSError as error:
        raise IndexError_(f"{index}: {error}: give another folder with --index, or make room") from error


def _pointer(name: str, digest: str) -> str:
    if not (isinstance(name, str) and name.isalnum()):
        raise ValueError("bad build name")
    return json.dumps({"build": name, "manifest_sha256": digest}, separators=(",", ":"))


def clear(index: Path) -> None:
    """Remove what is left of earlier builds, the current one excepted."""
    try:
        keep = current(index)[0].name
    except IndexError_:
        keep = ""
    for left in (*(index / "builds").glob("*"), *index.glob("CURRENT.*")):
        if left.is_file():
            left.unlink()
        elif left.name != keep:
            shutil.rmtree(left, ignore_errors=True)


def sync(folder: Path) -> None:
    """Flush a finished build to disk: a power cut must not leave a pointer to empty files."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write a value as one line of JSON."""
    path.write_text(to_json(value), encoding="utf-8")


def to_json(value: object) -> str:
    """A value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False)
