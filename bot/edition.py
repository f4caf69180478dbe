"""What an edition of the articles is (``editions`` keeps it), and the small steps of changing one."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot.corpus import corpus_files, corpus_hash, source_id
from bot.errors import CorpusError, EditionError
from bot.schema import Article
from bot.staff_words import say
from bot.uploads import MAX_BYTES, MAX_FILES, MAX_PARAGRAPH, MAX_WORD, Upload, kept_name, shown_name

log = logging.getLogger(__name__)
Kind = Literal["new", "replaced", "removed"]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a file. ``was``: the served file that it replaces or removes, empty for a new one."""

    kind: Kind
    was: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition as it is now. ``built`` is its index' version, empty until it is built as it stands."""

    id: str
    version: int
    by: str
    at: str
    since: str  # the hash of the served articles that it was made from
    changes: Mapping[str, Change] = field(default_factory=dict)  # by file
    refused: Mapping[str, str] = field(default_factory=dict)  # uploads that were not taken: reason and remedy
    waiting: tuple[str, ...] = ()  # uploads that nobody has read yet
    built: str = ""

    @property
    def mark(self) -> str:
        """Names the edition as somebody saw it."""
        return f"{self.id}.{self.version}"

    @property
    def touched(self) -> frozenset[str]:
        """The files that change, served ones and those of the edition."""
        return frozenset(self.changes) | {change.was for change in self.changes.values()}

    def told(self) -> str:
        """What changes, in a line of the audit log."""
        return ", ".join(f"{change.kind} {name}" for name, change in sorted(self.changes.items()))

    @classmethod
    def load(cls, path: Path) -> Edition | None:
        """The edition of a file, as ``dataclasses.asdict`` made it; None where there is none that can be read."""
        try:
            raw = read_json(path)
            changes = {name: Change(**change) for name, change in raw["changes"].items()} if raw else {}
            return cls(**{**raw, "changes": changes, "waiting": tuple(raw["waiting"])}) if raw else None
        except (
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
        ) as error:
            log.error("%s: another version of this program wrote it, so it counts as none: %s", path, error)
            return None


def names(folder: Path) -> list[str]:
    """The article files of a corpus folder, as paths below it.

    Raises:
        CorpusError: there are none, or two share an id.
    """
    return [path.relative_to(folder).as_posix() for path in corpus_files(folder)]


def hash_of(folder: Path) -> str:
    """The hash of the articles of a folder, empty where there are none."""
    try:
        return corpus_hash(folder)
    except CorpusError:
        return ""


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, as the system says; nothing is written to find out."""
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)


def sorted_out(uploads: Sequence[Upload], known: Sequence[str]) -> tuple[dict[str, Upload], dict[str, str]]:
    """Uploads under the names that they are kept by, and why the others are refused, by the names they came with.

    ``known``: the files that there are, which keep their names.
    """
    taken: dict[str, Upload] = {}
    refused: dict[str, str] = {}
    ids = {source_id(Path(name)).casefold(): source_id(Path(name)) for name in known}
    for upload in uploads:
        try:
            name = kept_name(upload.name, known)
            own = source_id(Path(name))
            if any(source_id(Path(other)).casefold() == own.casefold() for other in taken):
                raise EditionError(say("name_twice", name=shown_name(name)))
            if (other := ids.get(own.casefold(), own)) != own:  # one file to some systems, two to others
                raise EditionError(say("name_case", name=shown_name(name), other=other))
            taken[name] = upload
        except EditionError as error:
            refused[shown_name(upload.name)] = str(error)
    return taken, refused


def check_room(sizes: Mapping[str, int]) -> None:
    """See that the files of an edition, with their sizes in bytes, are not too many or too large together.

    Raises:
        EditionError: they are.
    """
    if len(sizes) > MAX_FILES or sum(sizes.values()) > MAX_BYTES:
        raise EditionError(say("too_much", files=MAX_FILES, megabytes=MAX_BYTES // 1_000_000))


def placed(name: str, changes: Mapping[str, Change], corpus: Path) -> dict[str, Change]:
    """The changes once a file is put in. The file of the same id that is there is taken away, whatever its ending."""
    out, was, own = dict(changes), "", source_id(Path(name))
    for other in names(corpus):
        if source_id(Path(other)) == own:
            before = out.pop(other, None)
            was = before.was if before else other
            (corpus / other).unlink()
    for other, change in list(out.items()):
        if change.kind == "removed" and source_id(Path(other)) == own:
            was = out.pop(other).was
    out[name] = Change("replaced" if was else "new", was)
    return out


def restored(name: str, changes: Mapping[str, Change], corpus: Path, live: Path) -> dict[str, Change]:
    """The changes without that of a file, which is as served again.

    Raises:
        EditionError: what is served is gone, or the edition would be left without an article.
    """
    change = changes[name]
    if change.was and not (live / change.was).is_file():
        raise EditionError(say("no_such_file"))
    if not change.was and len(names(corpus)) < 2:
        raise EditionError(say("last_article"))
    if change.kind != "removed":
        (corpus / name).unlink(missing_ok=True)
    if change.was:
        shutil.copy2(live / change.was, corpus / change.was)
    return {other: kept for other, kept in changes.items() if other != name}


def wrong_with(found: Article | CorpusError, name: str) -> str:
    """Why a file can't join an edition, as it was read; empty where it can."""
    if isinstance(found, CorpusError):
        return str(found)
    word = max(map(len, found.text.split()), default=0)
    paragraph = max((block.end - block.start for block in found.blocks), default=0)
    no_text = word > MAX_WORD or paragraph > MAX_PARAGRAPH  # patterns take too long over it
    return say("no_text", name=name, n=word, most=MAX_PARAGRAPH) if no_text else ""


def read_json(path: Path) -> Any:
    """What a file holds, None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_json(path: Path, value: object) -> None:
    """Put a value in a file by one rename: who reads it meanwhile gets the old one or the new one."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    os.replace(beside, path)
