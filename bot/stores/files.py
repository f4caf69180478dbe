"""Published versions in folders: one a tenant, one a version in it, and the number of the current one.

    ROOT/TENANT/CURRENT          one line: the number of the current version
    ROOT/TENANT/NUMBER/          corpus/ and index/ as ``Bot.open`` reads them, VERSION (name and day, JSON)

A version is written under another name and gets its number by one rename; CURRENT is replaced by one rename. A
process killed at any moment leaves the old version current or the new one, and a leftover that the next clears.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from bot import builds
from bot.dense import Dense
from bot.errors import IndexDamaged, StoreError, VersionMissing
from bot.schema import Passage
from bot.sparse import Sparse
from bot.stores import KEPT, Checkout, Version, View, missing, named, surplus
from bot.stores.packages import CORPUS, INDEX, fits, package, written

if TYPE_CHECKING:
    from bot.config import Config

_CURRENT, _VERSION, _PARTIAL = "CURRENT", "VERSION", ".partial"


class FileStore:
    """See ``stores.ArticleStore``. Safe for several processes; ``kept`` versions stay."""

    def __init__(self, root: Path, kept: int = KEPT) -> None:
        self.root = root
        self._kept = kept

    def create(self, tenant: str) -> None:
        """See ``ArticleStore.create``."""
        (self.root / named(tenant)).mkdir(parents=True, exist_ok=True)

    def tenants(self) -> tuple[str, ...]:
        """See ``ArticleStore.tenants``."""
        return tuple(sorted(p.name for p in self.root.glob("*") if p.is_dir()))

    def delete(self, tenant: str) -> None:
        """See ``ArticleStore.delete``."""
        shutil.rmtree(self._folder(tenant))

    def publish(self, tenant: str, config: Config) -> Version:
        """See ``ArticleStore.publish``."""
        made = package(config)

        def copy(target: Path) -> None:
            for place, source in made.files.items():
                written(target, place, lambda path, source=source: shutil.copy2(source, path))  # type: ignore[misc]
            fits(made.manifest, target / CORPUS)

        with self._changing(tenant) as folder:
            known = self.versions(tenant)
            if same := [v for v in known if v.current and v.name == made.name]:
                return same[0]
            number = 1 + max((v.number for v in known), default=0)
            self._put(folder, made.name, copy, number)
            self._point(folder, number)
            for old in surplus(known, made.name, self._kept):
                shutil.rmtree(folder / str(old))
            return self.versions(tenant)[0]

    def install(self, tenant: str, name: str, put: Callable[[Path], None], number: int) -> None:
        """Take in a version that ``put`` writes into a folder, as a copy of what is published elsewhere.

        What is current stays so.
        """
        with self._changing(tenant) as folder:
            self._put(folder, name, put, number)
            others = [v for v in self.versions(tenant) if v.number != number and not v.current]
            for old in others[max(self._kept - 2, 0) :]:
                shutil.rmtree(folder / str(old.number))

    def _put(self, folder: Path, name: str, put: Callable[[Path], None], number: int) -> None:
        partial = folder / f"{number}{_PARTIAL}"
        for left in folder.glob(f"*{_PARTIAL}"):
            shutil.rmtree(left)
        partial.mkdir()
        put(partial)
        told = {"name": name, "at": datetime.datetime.now(datetime.UTC).isoformat()}
        builds.write_json(partial / _VERSION, told)
        builds.sync(partial)
        shutil.rmtree(folder / str(number), ignore_errors=True)
        partial.rename(folder / str(number))

    def versions(self, tenant: str) -> tuple[Version, ...]:
        """See ``ArticleStore.versions``."""
        folder = self._folder(tenant)
        current = self._current(folder)
        found = []
        for number in sorted((int(p.name) for p in folder.iterdir() if p.name.isdecimal()), reverse=True):
            try:
                told = json.loads((folder / str(number) / _VERSION).read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue  # removed meanwhile
            at = datetime.datetime.fromisoformat(told["at"])
            found.append(Version(number, told["name"], at, number == current))
        return tuple(found)

    def activate(self, tenant: str, number: int) -> Version:
        """See ``ArticleStore.activate``."""
        with self._changing(tenant) as folder:
            self.checkout(tenant, number)
            self._point(folder, number)
        return next(v for v in self.versions(tenant) if v.number == number)

    def checkout(self, tenant: str, number: int | None = None) -> Checkout:
        """See ``ArticleStore.checkout``."""
        folder = self._folder(tenant)
        wanted = number or self._current(folder)
        if not (wanted and (folder / str(wanted)).is_dir()):
            what = f"version {number}" if number else "published version"
            raise VersionMissing(f"tenant {tenant!r} has no {what}: see 'python -m bot tenant versions {tenant}'")
        place = folder / str(wanted)
        return Checkout(wanted, place / CORPUS, place / INDEX)

    def view(self, tenant: str, number: int | None = None) -> View:
        """See ``ArticleStore.view``."""
        found = self.checkout(tenant, number)
        folder, manifest = builds.current(found.index)
        for name, checksum in manifest["files"].items():
            if builds.sha256(folder / name) != checksum:
                raise IndexDamaged(f"{folder / name}: altered: publish the articles again")
        raw = json.loads((folder / "passages.json").read_text(encoding="utf-8"))
        passages = tuple(Passage.from_dict(p) for p in raw)
        return View(
            found.number,
            passages,
            Dense.load(folder / "vectors.faiss"),
            Sparse.load(folder / "sparse" / "questions", len(passages)),
            Sparse.load(folder / "sparse" / "texts", len(passages)),
        )

    def _folder(self, tenant: str) -> Path:
        folder = self.root / named(tenant)
        if not folder.is_dir():
            raise missing(tenant)
        return folder

    def _current(self, folder: Path) -> int:
        """Number of the current version, 0 for none."""
        try:
            return int((folder / _CURRENT).read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except ValueError:
            raise StoreError(f"{folder / _CURRENT}: holds no number: write that of a version beside it") from None

    @contextmanager
    def _changing(self, tenant: str) -> Iterator[Path]:
        """The tenant's folder, for one process at a time."""
        folder = self._folder(tenant)
        with FileLock(str(folder / ".lock")):
            yield folder

    def _point(self, folder: Path, number: int) -> None:
        temporary = folder / f"{_CURRENT}.{os.getpid()}"
        with temporary.open("w", encoding="ascii") as handle:
            handle.write(str(number))
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, folder / _CURRENT)
