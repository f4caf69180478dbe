"""A folder of files to Articles; what can't be read is named with file, reason and remedy, and the rest is read.

``readers`` says which kinds of file there are and how each is read; ``listing`` what else may be told of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.errors import CorpusError
from bot.language import read_toml
from bot.listing import SITEMAP, SOURCES, listing
from bot.readers import LIBRARIES, PLAIN, SUFFIXES, Limits, reader
from bot.schema import Article

MAX_BYTES = 5_000_000  # of Markdown or text: an article is a page or a book chapter, never more
SMALL = 200_000  # bytes of Markdown or text that are read in this process; the odd megabyte of brackets is not
MAX_MEGABYTES = 200  # of what others' programs wrote, pictures included
MAX_NAME = 200  # characters of an article's id, which stands in addresses
_NOT_SOURCES = {"readme.md", SOURCES}
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class File:
    """A file to read: the id of its article, and what a list tells of it beside its content."""

    path: Path
    source_id: str
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What could be read, in order of file name, and what could not: file, reason and remedy, a line each."""

    articles: tuple[Article, ...]
    problems: tuple[str, ...]


def corpus_files(folder: Path) -> list[Path]:
    """The article files of a corpus folder, sorted by name.

    Raises:
        CorpusError: there is no such folder or nothing in it, or two files share a source id.
    """
    return [file.path for file in _files(folder)[0]]


def corpus_hash(folder: Path) -> str:
    """SHA-256 over names and contents of the article files and their lists; changes whenever an index must."""
    digest = hashlib.sha256()
    lists = [folder / name for name in (SITEMAP, SOURCES) if (folder / name).is_file()]
    for path in (*corpus_files(folder), *lists):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode("utf-8", "surrogateescape"))
        if size <= MAX_MEGABYTES * 1_000_000:
            try:
                with path.open("rb") as file:
                    digest.update(
                        hashlib.file_digest(file, hashlib.sha256).digest() if size > MAX_BYTES else file.read()
                    )
            except OSError as error:
                digest.update(str(error.errno).encode())
    return digest.hexdigest()


def libraries(folder: Path) -> tuple[str, ...]:
    """The packages that the articles of a folder were read with, those aside that every build uses."""
    return tuple(sorted({name for path in corpus_files(folder) for name in LIBRARIES.get(path.suffix.lower(), ())}))


def load_corpus(folder: Path) -> tuple[Article, ...]:
    """Every article of a folder that can be read, in order of file name.

    Raises:
        CorpusError: the folder can't be read, or nothing in it can.
    """
    return read_corpus(folder).articles


def read_corpus(folder: Path, progress: Progress | None = None, limits: Limits | None = None) -> Corpus:
    """Read a folder: its articles, and what is wrong with the other files.

    Raises:
        CorpusError: the folder can't be read, or nothing in it can; names the files and the remedy.
    """
    files, problems = _files(folder)
    articles: list[Article] = []
    for number, found in enumerate(read_files(files, limits or Limits()), 1):
        if progress:
            progress("read articles", number, len(files))
        if isinstance(found, CorpusError):
            problems.append(str(found))
        else:
            articles.append(found)
    if not articles:
        raise CorpusError("; ".join(problems[:3]) + f"; and {len(problems) - 3} more" * (len(problems) > 3))
    return Corpus(tuple(articles), tuple(problems))


def load_article(path: Path) -> Article:
    """Read one file in this process.

    Raises:
        CorpusError: not UTF-8, too large, empty, or bad front matter; with file, line and remedy.
    """
    _check_size(path)
    return reader(path.suffix.lower())(path)


def read_files(files: Sequence[File], limits: Limits) -> Iterator[Article | CorpusError]:
    """Each file's article, or what is wrong with it, in order; those that others' programs wrote are read apart, and
    large ones."""
    risky = [f.path for f in files if not _too_large(f.path) and not _harmless(f.path)]
    apart: Iterator[Article | CorpusError] = iter(())
    if risky:
        from bot.readers.apart import read_apart

        apart = read_apart(risky, limits)
    waiting = set(risky)
    for file in files:
        try:
            found = next(apart) if file.path in waiting else load_article(file.path)
        except CorpusError as error:
            found = error
        except OSError as error:
            found = CorpusError(f"{file.path}: can't be opened ({error.strerror}): allow it to be read")
        if isinstance(found, Article):
            found = replace(found, **{"source_id": file.source_id, **file.told})
        yield found


def _harmless(path: Path) -> bool:
    return path.suffix.lower() in PLAIN and path.stat().st_size <= SMALL


def _too_large(path: Path) -> bool:
    limit = MAX_BYTES if path.suffix.lower() in PLAIN else MAX_MEGABYTES * 1_000_000
    return path.stat().st_size > limit


def _check_size(path: Path) -> None:
    if _too_large(path):
        limit = MAX_BYTES // 1_000_000 if path.suffix.lower() in PLAIN else MAX_MEGABYTES
        raise CorpusError(f"{path}: larger than {limit} MB: split it into one file per article")


def _files(folder: Path) -> tuple[list[File], list[str]]:
    """The files to read, and those that can't be for what they are or how they are called."""
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder: make it and put your articles ({', '.join(SUFFIXES)}) there")
    listed, told = listing(folder)
    problems = list(told)
    files: list[File] = []
    for path in sorted({*folder.iterdir(), *(folder / name for name in listed)}):
        suffix = path.suffix.lower()
        if path.name.startswith((".", "~$")) or path.name.lower() in _NOT_SOURCES or not path.is_file():
            continue
        wrong = _wrong(folder, path, suffix)
        if wrong:
            problems.append(wrong)
        elif suffix in SUFFIXES:
            place = path.relative_to(folder)
            files.append(File(path, source_id(place), listed.get(place, {})))
    if not files:
        raise CorpusError("; ".join([f"{folder} holds no articles: put {', '.join(SUFFIXES)} files there", *problems]))
    _check_ids(files)
    return files, problems


def source_id(place: Path) -> str:
    """The permanent id of a file, by its path below the corpus folder: its stem, after those of its folders."""
    steps = [*place.parts[:-1], place.stem]
    return "-".join(steps[:-1] if len(steps) > 1 and steps[-1] == "index" else steps)


def _wrong(folder: Path, path: Path, suffix: str) -> str:
    """Why a file can't be read whatever it holds, or the empty string. Names are shown so that they can be seen."""
    instead: dict[str, str] = read_toml("formats.toml")["instead"]
    if suffix.removeprefix(".") in instead:
        return f"{folder}/{_shown(path)}: is {instead[suffix.removeprefix('.')]}"
    if suffix not in SUFFIXES:
        return ""
    name = source_id(path.relative_to(folder))
    if not name.isprintable() or len(name) > MAX_NAME or "/" in name or "\\" in name:
        return f"{folder}/{_shown(path)}: its name is too long or holds characters that can't be shown: rename it"
    if not path.resolve().is_relative_to(folder.resolve()):
        return f"{folder}/{_shown(path)}: is a link to a file outside this folder: put the file itself here"
    return ""


def _shown(path: Path) -> str:
    return path.name if path.name.isprintable() and len(path.name) <= MAX_NAME else f"{ascii(path.name)[1:61]}..."


def _check_ids(files: Sequence[File]) -> None:
    seen: dict[str, Path] = {}
    for file in files:
        other = seen.setdefault(file.source_id, file.path)
        if other != file.path:
            raise CorpusError(
                f"{file.path}: two files are called {file.source_id!r}, the other is {other}: rename one, the name is "
                "the source id"
            )
