"""What a clinic should look at before it publishes: files that can't be read, what stands in the others (``lint``),
contacts that are not set, texts that nobody has reviewed.

A clinic signs in ``reviewed.toml`` beside its ``clinic.toml``: who read which text, as what, and when. A text is
recorded by the hash of its words as visitors read them, so a text that changed afterwards is unreviewed again.
"""

from __future__ import annotations

import datetime
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.chunker import chunk
from bot.clinic import Clinic
from bot.config import Chunking
from bot.corpus import Corpus, corpus_files, read_corpus, source_id
from bot.errors import ConfigError
from bot.findings import Finding, finding
from bot.language import read_toml
from bot.lint import Read, lint
from bot.output_check import OutputCheck
from bot.rules import Rulebook
from bot.texts import Texts
from bot.tongue import Tongues

FILE = "reviewed.toml"
_DIGITS = 12  # hexadecimal, of SHA-256: enough to tell texts apart, short enough to be read
_KEYS = {"name", "role", "date", "texts"}


@dataclass(frozen=True, slots=True)
class Review:
    """One person's signature under some texts: key and hash of each."""

    name: str
    role: str
    date: datetime.date
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """What is open: nothing where ``unset`` and ``unreviewed`` are empty."""

    unset: tuple[str, ...]
    stands_in: Mapping[str, str]  # what visitors read instead of a contact that is not set
    unreviewed: tuple[str, ...]
    changed: frozenset[str]  # of them: reviewed once, and changed since
    reviewed: int

    def findings(self, folder: Path) -> list[Finding]:
        """One for each contact and each text."""
        needed = read_toml("lint.toml")["contacts"]["needed"]
        file = str(folder / "clinic.toml")
        out = []
        for name in self.unset:
            instead = f" (visitors read: {self.stands_in[name]})" if name in self.stands_in else ""
            rule = "contact" if name in needed else "detail"
            out.append(finding(rule, file, _line_of(folder / "clinic.toml", name), name=name, instead=instead))
        for name in self.unreviewed:
            changed = " (changed since)" if name in self.changed else ""
            out.append(finding("review", str(folder / FILE), name=name, changed=changed))
        return out

    @property
    def summary(self) -> str:
        """How far the review has come."""
        return f"{self.reviewed} of {self.reviewed + len(self.unreviewed)} texts reviewed"


def _line_of(file: Path, name: str) -> int:
    """The line of a setting, commented out or not; 0 where it is not written."""
    lines = file.read_text(encoding="utf-8-sig").splitlines() if file.is_file() else []
    return next((n for n, line in enumerate(lines, 1) if line.lstrip("# ").partition("=")[0].strip() == name), 0)


def findings(folder: Path, today: datetime.date) -> list[Finding]:
    """Everything that is open in a corpus folder.

    Raises:
        ConfigError, DataError: a file beside the articles can't be read as it should.
        CorpusError: no article can be read, or two files share a name.
    """
    out = check(folder).findings(folder)
    years = int(read_toml("lint.toml")["numbers"]["signed_years"])
    for review in reviews(folder / FILE):
        if (today - review.date).days > years * 365.25:
            out.append(finding("review-old", str(folder / FILE), name=review.name, date=review.date, years=years))
    corpus = read_corpus(folder)
    out += [_unreadable(problem) for problem in corpus.problems]
    return out + of_articles(folder, corpus, today)


def of_articles(folder: Path, corpus: Corpus, today: datetime.date) -> list[Finding]:
    """What stands in the articles of a corpus folder, as they were read.

    Raises:
        ConfigError, DataError: a file beside the articles can't be read as it should.
    """
    clinic = Clinic.load(folder / "clinic.toml")
    read = Read(
        corpus.articles,
        {source_id(path.relative_to(folder)): str(path) for path in corpus_files(folder)},
        tuple(p for article in corpus.articles for p in chunk(article, Chunking())),
        clinic,
        OutputCheck.load(Texts.load(clinic), clinic),
        today,
        str(folder),
    )
    return lint(read)


def _unreadable(problem: str) -> Finding:
    place, _, reason = problem.partition(": ")
    file, _, line = place.rpartition(":")
    numbered = bool(file) and line.isdigit()
    return finding("unreadable", file if numbered else place, int(line) if numbered else 0, problem=reason)


def hashes(texts: Texts, tongues: Tongues) -> dict[str, str]:
    """Every text a visitor can read, other languages' lines included, with the hash of its words."""
    every = {**texts, **{f"{code}.urgent": line for code, line in tongues.lines.items()}}
    every |= {f"{code}.articles": line for code, line in tongues.articles.items()}
    return {key: hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] for key, text in every.items()}


def current(folder: Path) -> tuple[Clinic, dict[str, str]]:
    """The clinic of a corpus folder, and its texts by hash."""
    clinic = Clinic.load(folder / "clinic.toml")
    return clinic, hashes(Texts.load(clinic), Tongues.make(Rulebook.load().tongues, clinic))


def check(folder: Path) -> Report:
    """What is open for the clinic of a corpus folder.

    Raises:
        ConfigError, DataError: a file can't be read as it should; it is named with the remedy.
    """
    clinic, texts = current(folder)
    signed: dict[str, set[str]] = {}
    for review in reviews(folder / FILE):
        for key, digest in review.texts.items():
            signed.setdefault(key, set()).add(digest)
    open_ = tuple(key for key, digest in texts.items() if digest not in signed.get(key, ()))
    stands_in = {name: value for name, value in clinic.slots().items() if name in clinic.unset()}
    return Report(clinic.unset(), stands_in, open_, frozenset(open_) & signed.keys(), len(texts) - len(open_))


def record(folder: Path) -> str:
    """The entry to sign: every text as it is now. Name, role and date are left for whoever has read them."""
    _, texts = current(folder)
    lines = [f'"{key}" = "{digest}"' for key, digest in texts.items()]
    head = ["[[review]]", 'name = ""  # who has read the texts', 'role = ""  # and as what', "date = 0000-00-00"]
    return "\n".join(["", *head, "[review.texts]", *lines])


def reviews(file: Path) -> Sequence[Review]:
    """The signatures of a file; none where there is no file."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: can't be read: {error}. Correct that line.") from error
    entries = raw.get("review", [])
    if raw.keys() - {"review"} or not isinstance(entries, list):
        raise ConfigError(f"{file}: only [[review]] entries belong here. Make one with 'python -m bot check --record'.")
    return tuple(_review(entry, f"{file}: review {number}") for number, entry in enumerate(entries, 1))


def _review(entry: Any, where: str) -> Review:
    if not isinstance(entry, dict) or entry.keys() != _KEYS or not isinstance(entry["texts"], dict):
        raise ConfigError(f"{where}: needs name, role, date and [review.texts]. Correct the entry.")
    name, role, date = entry["name"], entry["role"], entry["date"]
    if not all(isinstance(value, str) and value.strip() for value in (name, role)):
        raise ConfigError(f"{where}: is not signed. Put in the name and the role of who has read the texts.")
    if not isinstance(date, datetime.date):
        raise ConfigError(f"{where}: 'date' must be a day, written like 2026-01-31.")
    return Review(name, role, date, {key: str(digest) for key, digest in entry["texts"].items()})
