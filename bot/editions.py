"""The next edition of the articles: what staff upload, kept apart from what visitors are answered from until it is
published.

    STATE.edition/edition.json       who began it and when, what changes, the uploads that were not taken and why
    STATE.edition/understood.json    what was read in the changed files, and what ``lint`` found there
    STATE.edition/corpus/ index/     the articles as they would be (``publishing``), and the index that is built of them
    STATE.edition/incoming/          uploads that nobody has read yet

There is one edition at a time, in a private folder beside the state file: it outlives a restart. Every change names the
edition as its author saw it, and one lock, held by the process that changes, keeps two of them apart. The served
articles and index are read, and written to by ``publish`` alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bot import publishing
from bot.config import Config
from bot.corpus import File, corpus_hash, read_files, source_id
from bot.edition import (
    Change,
    Edition,
    check_room,
    hash_of,
    names,
    placed,
    read_json,
    restored,
    sorted_out,
    writable,
    write_json,
    wrong_with,
)
from bot.errors import Changed, EditionError
from bot.readers import Limits
from bot.staff import Store
from bot.staff_words import say
from bot.uploads import Upload

_WAIT = 5.0  # seconds that a change waits for another one; reading and building take longer, and it is told so
_ENDING = 30.0  # seconds that work which is told to stop may take to do so
Going = Callable[[], bool]  # whether the work is still wanted


class Editions:
    """The edition of one site, over the ``live`` articles and index; none where these can't be changed from here."""

    def __init__(self, live: Config | None, store: Store, limits: Limits | None = None) -> None:
        self.live = live
        self.store = store
        self.limits = limits or Limits()
        path = store.path
        self.folder = path.with_name(f"{path.stem}.edition") if path else None

    # --- looking at it ------------------------------------------------------------------------------------------------

    def closed(self) -> str:
        """Why articles can't be changed from here, as the key of a text; empty where they can."""
        if self.live is None:
            return "closed_elsewhere"
        if self.folder is None:
            return "closed_state"
        return "" if all(map(writable, (self.live.corpus, self.live.index))) else "closed_readonly"

    @property
    def config(self) -> Config:
        """The settings under which the edition is built and asked."""
        live, folder = self._open()
        return replace(live, corpus=folder / "corpus", index=folder / "index")

    def current(self) -> Edition | None:
        """The edition, if there is one."""
        return Edition.load(self.folder / "edition.json") if self.folder else None

    def understood(self) -> dict[str, Any]:
        """What was read in each changed file, by name (``describe``); empty where none was."""
        return read_json(self.folder / "understood.json") or {} if self.folder else {}

    def overtaken(self, edition: Edition) -> bool:
        """Whether somebody changed the served articles since the edition was begun, so that it can't be published."""
        return hash_of(self._open()[0].corpus) != edition.since

    def told(self, error: object) -> str:
        """What an error says, as staff read it: without the folders of the server."""
        text = str(error)
        places = (self.folder / "corpus", self.folder / "incoming", self.folder) if self.folder else ()
        for place in (*places, *((self.live.corpus, self.live.index) if self.live else ())):
            text = text.replace(f"{place}/", "").replace(str(place), place.name)
        return text

    # --- changing it --------------------------------------------------------------------------------------------------

    def add(self, uploads: Sequence[Upload], seen: str, who: str) -> Edition:
        """Take files; the edition is begun where there is none. ``seen`` is its mark as ``who`` saw it, here and below.

        A file whose name can't be taken is noted as refused. What the others hold is read by ``read_waiting``.

        Raises:
            EditionError: none of them can be taken, or they are too many or too large; nothing is changed.
            Changed: somebody else changed, published or discarded the edition in the meantime.
        """
        with self.locked():
            edition = self.expect(seen)
            known = [*names(self._open()[0].corpus), *(edition.changes if edition else ())]
            taken, refused = sorted_out(uploads, known)
            if not taken:
                raise EditionError(" ".join(refused.values()) or say("no_files"))
            self._check_room(edition, taken)
            edition = edition or self._begun(who)
            incoming = self._incoming()
            for name, upload in taken.items():
                with (incoming / name).open("wb") as file:
                    shutil.copyfileobj(upload.file, file)
            waiting = tuple(dict.fromkeys((*edition.waiting, *taken)))
            return self._changed(replace(edition, waiting=waiting, refused=refused), who, f"+{len(taken)} files")

    def remove(self, name: str, seen: str, who: str) -> Edition:
        """Leave a served article out. ``name`` is that of its file.

        Raises:
            EditionError: there is no such file, or it is the last one.
            Changed: as for ``add``.
        """
        with self.locked():
            edition = self.expect(seen)
            if name not in names(self._open()[0].corpus) or (edition and name in edition.touched):
                raise EditionError(say("no_such_file"))
            if len(names(self.config.corpus if edition else self._open()[0].corpus)) < 2:
                raise EditionError(say("last_article"))
            edition = edition or self._begun(who)
            (self.config.corpus / name).unlink(missing_ok=True)
            changes = {**edition.changes, name: Change("removed", name)}
            return self._changed(replace(edition, changes=changes), who, f"without {name}")

    def take_back(self, name: str, seen: str, who: str) -> Edition:
        """Let one change be none. ``name`` is that of the changed file.

        Raises:
            EditionError: nothing of that name is changed, or its served file is gone.
            Changed: as for ``add``.
        """
        with self.locked():
            edition = self.expect(seen)
            if edition is None or name not in edition.changes:
                raise EditionError(say("no_such_file"))
            changes = restored(name, edition.changes, self.config.corpus, self._open()[0].corpus)
            return self._changed(replace(edition, changes=changes), who, f"as before {name}")

    def publish(self, seen: str, who: str) -> str:
        """Put the edition in the place of the served articles, and let go of it. Returns the version of the index.

        Raises:
            EditionError: it is not built as it stands, or the served articles were changed since it was begun.
            Changed: as for ``add``; so a second click does nothing.
            BotError: the index can't be used or is being built.
        """
        with self.locked():
            edition = self.expect(seen)
            if edition is None or not edition.built or not edition.changes:
                raise EditionError(say("not_built"))
            if self.overtaken(edition):
                raise EditionError(say("overtaken"))
            with self.store.write() as cursor:  # it is not published where that can't be noted
                self.store.note(cursor, who, "published", f"edition {edition.id}: {edition.told()}")
                version = publishing.publish(self.config, self._open()[0], edition.since)
            self._drop()
            return version

    def discard(self, seen: str, who: str) -> None:
        """Let go of the edition; what is served stays as it is.

        Raises:
            Changed: as for ``add``.
        """
        with self.locked(_ENDING):
            edition = self.expect(seen)
            if edition is not None:
                self._note(who, "discarded", edition)
                self._drop()

    def read_waiting(self, going: Going, say_step: Callable[[str, int, int], None]) -> Edition:
        """Read the uploads: those that can be read become part of the edition, the others are refused with the reason.

        The caller holds the lock.
        """
        edition, incoming = self._there(), self._incoming()
        files = [File(incoming / name, source_id(Path(name)), {}) for name in edition.waiting]
        files = [file for file in files if file.path.is_file()]
        refused, reading = dict(edition.refused), read_files(files, self.limits)
        for number, file in enumerate(files):
            say_step("read", number, len(files))
            if not going():
                return edition
            if why := wrong_with(next(reading), file.path.name):
                refused[file.path.name] = self.told(why)
        changes = dict(edition.changes)
        for name in (file.path.name for file in files if file.path.name not in refused):
            changes = placed(name, changes, self.config.corpus)
            os.replace(incoming / name, self.config.corpus / name)
        shutil.rmtree(incoming)
        return self._kept(replace(edition, changes=changes, refused=refused, waiting=(), built=""))

    def keep_understood(self, understood: Mapping[str, Any]) -> None:
        """Keep what was read in the changed files. The caller holds the lock."""
        write_json(self._open()[1] / "understood.json", understood)

    def keep_built(self, version: str) -> Edition:
        """Note that the edition is built as it stands. The caller holds the lock."""
        return self._kept(replace(self._there(), built=version))

    @contextmanager
    def locked(self, wait: float = _WAIT) -> Iterator[None]:
        """Nobody else changes the edition in the meantime, in whichever process.

        Raises:
            EditionError: somebody does, for longer than ``wait`` seconds; or articles can't be changed from here.
        """
        _, folder = self._open()
        try:
            with FileLock(f"{folder}.lock", timeout=wait):
                yield
        except Timeout:
            raise EditionError(say("busy")) from None

    def _open(self) -> tuple[Config, Path]:
        if (why := self.closed()) or self.live is None or self.folder is None:
            raise EditionError(say(why))
        return self.live, self.folder

    def _there(self) -> Edition:
        edition = self.current()
        if edition is None:
            raise EditionError(say("edition_gone"))
        return edition

    def expect(self, seen: str) -> Edition | None:
        """The edition, if it is as somebody saw it; ``seen`` is its mark, empty for none.

        Raises:
            Changed: it was changed, published, discarded or begun since.
        """
        edition = self.current()
        if seen != (edition.mark if edition else ""):
            raise Changed(say("moved_on" if edition else "edition_gone"), edition)
        return edition

    def _begun(self, who: str) -> Edition:
        live, folder = self._open()
        making = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(making, ignore_errors=True)  # of a process that was ended
        making.mkdir(mode=0o700)
        copy = publishing.copied(live, making)
        edition = Edition(secrets.token_hex(4), 0, who, self.store.now(), corpus_hash(copy.corpus))
        write_json(making / "edition.json", asdict(edition))
        shutil.rmtree(folder, ignore_errors=True)  # there is no record in it, so it is no edition
        os.replace(making, folder)
        self._note(who, "began", edition)
        return edition

    def _changed(self, edition: Edition, who: str, what: str) -> Edition:
        self._note(who, f"changed ({what})", edition)
        return self._kept(replace(edition, built=""))

    def _kept(self, edition: Edition) -> Edition:
        edition = replace(edition, version=edition.version + 1)
        write_json(self._open()[1] / "edition.json", asdict(edition))
        return edition

    def _note(self, who: str, did: str, edition: Edition) -> None:
        with self.store.write() as cursor:
            self.store.note(cursor, who, did, f"edition {edition.id}")

    def _incoming(self) -> Path:
        folder = self._open()[1] / "incoming"
        folder.mkdir(exist_ok=True)
        return folder

    def _check_room(self, edition: Edition | None, taken: Mapping[str, Upload]) -> None:
        held: list[Path] = []
        if edition:
            held = [self.config.corpus / n for n, c in edition.changes.items() if c.kind != "removed"]
            held += [self._incoming() / name for name in edition.waiting]
        check_room({p.name: p.stat().st_size for p in held if p.is_file()} | {n: u.size for n, u in taken.items()})

    def _drop(self) -> None:
        """First the record: an edition that is half gone is none."""
        folder = self._open()[1]
        (folder / "edition.json").unlink()
        shutil.rmtree(folder, ignore_errors=True)
