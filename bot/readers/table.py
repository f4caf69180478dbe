"""Tables of questions with their answers: CSV and JSON lines; ``sheet`` reads Excel's.

Each row is a heading with its answer beneath; alternates are the heading's other wordings.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.errors import CorpusError
from bot.language import read_toml
from bot.readers.builder import MAX_CHARS, Builder, decoded
from bot.schema import Article

_DELIMITERS = ",;\t|"  # Excel takes the one of its country
_ALTERNATES = re.compile(r"\s*(?:\n|\||;)\s*")
_REMEDY = "head the columns question, answer and, if you like, alternates"
Row = tuple[int, Mapping[str, str]]  # line or row of the file, and its cells by column


def read_csv(path: Path) -> Article:
    """A ``.csv`` file in UTF-8 (or UTF-16, which Excel calls Unicode)."""
    raw = path.read_bytes()
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = decoded(path, raw, encoding)
    csv.field_size_limit(MAX_CHARS)
    first = text.lstrip("\n").partition("\n")[0]
    reader = csv.reader(text.splitlines(keepends=True), delimiter=max(_DELIMITERS, key=first.count))
    try:
        return article_of(path, rows_of(path, _numbered(reader)))
    except csv.Error as error:
        raise CorpusError(f"{path}:{reader.line_num}: is no table ({error}): save it as 'CSV UTF-8'") from None


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows with the line that each begins on."""
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def read_jsonl(path: Path) -> Article:
    """A ``.jsonl`` file: an object with question, answer and perhaps alternates (a list or text) a line."""
    lines = decoded(path, path.read_bytes()).split("\n")
    return article_of(path, (_object(path, n, line) for n, line in enumerate(lines, 1) if line.strip()))


def _object(path: Path, number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path}:{number}: is not JSON ({error.__class__.__name__}): mend the line") from None
    if not isinstance(value, dict):
        raise CorpusError(f"{path}:{number}: is no JSON object: write one with question and answer")
    places = _places(list(value))
    cells = {}
    for name, place in places.items():
        cell = list(value.values())[place]
        cell = "\n".join(map(str, cell)) if isinstance(cell, list) else cell
        cells[name] = "" if cell is None else str(cell)
    return number, cells


def rows_of(path: Path, rows: Iterator[tuple[int, Sequence[str]]], optional: bool = False) -> Iterator[Row]:
    """The rows under the header; nothing where there is no header and the sheet may be something else."""
    places: dict[str, int] = {}
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if not places:
            places = _places(cells)
            if {"question", "answer"} <= places.keys():
                continue
            if optional:
                return
            raise CorpusError(f"{path}:{number}: has no columns question and answer: {_REMEDY}")
        yield number, {name: cells[place] for name, place in places.items() if place < len(cells)}


def _places(names: Sequence[str]) -> dict[str, int]:
    """Column by meaning, the first of each."""
    told: dict[str, list[str]] = read_toml("formats.toml")["columns"]
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        for meaning, known in told.items():
            if name.strip().lower() in known:
                found.setdefault(meaning, place)
    return found


def article_of(path: Path, rows: Iterator[Row], title: str | None = None) -> Article:
    """The article of a table's rows; without a title it is called as its file."""
    build = Builder()
    for number, row in rows:
        question, answer = (row.get(name, "").strip() for name in ("question", "answer"))
        if not question:
            if answer:
                raise CorpusError(f"{path}:{number}: has an answer and no question: write it, or remove the row")
            continue
        build.add("heading", question, 2, line=number)
        wordings = tuple(filter(None, _ALTERNATES.split(row.get("alternates", "").strip())))
        if wordings:
            build.question(wordings)
        build.lines(answer, line=number)
    if not build.blocks:
        raise CorpusError(f"{path}: holds no questions: {_REMEDY}, a question a row")
    return build.article(path, title or path.stem)
