"""The folder of builds: which one is current, and the swap to the next one by one rename.

A build is written under a name of its own. A process killed at any moment leaves the old one current or the
new one, and a leftover folder that the next build clears.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

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


def publish(index: Path, name: str, digest: str) -> None:
    """Make a finished build current by one rename, then clear the builds before it."""
    _sync(index / "builds" / name)
    temporary = index / f"CURRENT.{name}"
    with temporary.open("w", encoding="ascii") as handle:
        handle.write(_pointer(name, digest))
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, index / "CURRENT")
    clear(index)


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


def _sync(folder: Path) -> None:
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
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
