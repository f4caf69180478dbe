"""What is known of a corpus' files beside their content: ``sources.csv`` and ``sitemap.xml`` in its folder.

``sources.csv`` has a column ``file`` and any of the front matter's names (url, title, published ...). ``sitemap.xml``
(sitemaps.org) names a site's pages; those that were saved in the folder, or below it as the site has them, get their
address from it. Files below the folder are articles only where one of the two lists them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bot.errors import CorpusError
from bot.readers.builder import decoded
from bot.readers.markdown import checked

SOURCES, SITEMAP = "sources.csv", "sitemap.xml"
MAX_BYTES = 50_000_000  # sitemaps.org allows no more
# An address is all that is taken from a sitemap: read as text, it has no entities to unfold.
_LOCATION = re.compile(r"<(?:\w+:)?loc>\s*(?:<!\[CDATA\[)?\s*(https?://[^\s<>\]]{1,2000})")
Listed = dict[Path, dict[str, Any]]  # file, as a path below the folder, to what front matter would tell


def listing(folder: Path) -> tuple[Listed, tuple[str, ...]]:
    """The files that are listed with what is told of them, and what is wrong with the lists."""
    listed: Listed = {}
    problems: list[str] = []
    for name, read in ((SITEMAP, _sitemap), (SOURCES, _sources)):
        path = folder / name
        if not path.is_file():
            continue
        try:
            if path.stat().st_size > MAX_BYTES:
                raise CorpusError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB: list fewer files")
            for file, told in read(folder, path, decoded(path, path.read_bytes()), problems):
                listed.setdefault(file, {}).update(told)
        except CorpusError as error:
            problems.append(str(error))
    return listed, tuple(problems)


def _sitemap(folder: Path, path: Path, text: str, problems: list[str]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    addresses = [unescape(found) for found in _LOCATION.findall(text)]
    found = 0
    for address in addresses:
        file = next((f for f in _saved_as(address) if (folder / f).is_file()), None)
        if file:
            found += 1
            yield file, {"url": address}
    if not found:
        problems.append(f"{path}: none of its {len(addresses)} pages is saved beside it: save them under their names")


def _saved_as(address: str) -> Iterator[Path]:
    """Where the page of an address may be saved, as browsers, wget and people do it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    steps = [s for s in unquote(parts.path).split("/") if s and s not in (".", "..") and "\0" not in s]
    if sum(len(s.encode("utf-8", "ignore")) for s in steps) > 1000 or any(len(s.encode()) > 240 for s in steps):
        return
    for names in ([*steps], [parts.hostname or "", *steps], steps[-1:], ["-".join(steps)]):
        whole = Path(*names)
        if names and whole.suffix:
            yield whole
        for suffix in (".html", ".htm"):
            if whole.name:
                yield whole.with_name(whole.name + suffix)
            yield whole / f"index{suffix}"


def _sources(folder: Path, path: Path, text: str, problems: list[str]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    rows: csv.DictReader[Any] = csv.DictReader(text.splitlines(keepends=True))
    try:
        for row in rows:
            name = (row.pop("file", None) or "").strip()
            where = f"{path}:{rows.line_num}"
            if not name or not (folder / name).is_file():
                problems.append(f"{where}: file {name!r} is not there: correct the name, or remove the line")
                continue
            if row.pop(None, None):
                raise CorpusError(f"{where}: has more cells than the first line has names: name them, or remove them")
            told: dict[str, Any] = {}
            for key, value in row.items():
                told.update(checked(key, (value or "").strip(), f"{where}: {key}"))
            yield Path(name), told
    except CorpusError as error:
        problems.append(str(error))
    except (csv.Error, ValueError) as error:
        problems.append(f"{path}:{rows.line_num}: is no table ({error}): save it as 'CSV UTF-8'")
