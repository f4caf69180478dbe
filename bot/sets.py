"""Read regression sets: JSON lines, staff questions, spreadsheets saved as CSV (the forms: ``tests/regression``).

A set that can't be trusted is refused: empty, unreadable, or with an item twice.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import MessageError
from bot.metrics import Item

# Columns of a spreadsheet, in this order where there is no header row.
COLUMNS = (
    "id", "question", "expect", "sources", "facts", "forbid", "category", "style", "split", "group", "note",
)  # fmt: skip
EARLIER = "||"  # between the messages of a conversation in one cell
_DELIMITERS = ",;\t"


class SetError(MessageError):
    """A set can't be read or trusted; names the file, the line where known, and the remedy."""


@dataclass(frozen=True, slots=True)
class ItemSet:
    """The items of a file, in its order, with the hash of the file's bytes."""

    name: str
    sha256: str
    items: tuple[Item, ...]

    def only(self, split: str | None) -> ItemSet:
        """The items of one split; all where ``split`` is None.

        Raises:
            SetError: no item is of that split.
        """
        if split is None:
            return self
        found = tuple(i for i in self.items if i.split == split)
        if not found:
            there = ", ".join(sorted({i.split or "(none)" for i in self.items}))
            raise SetError(f"{self.name}: no item has the split {split!r}: choose one of {there}")
        return ItemSet(self.name, self.sha256, found)


def read_set(path: Path) -> ItemSet:
    """Read a set; ``.csv`` and ``.tsv`` as a spreadsheet, anything else as JSON lines.

    Raises:
        SetError: unreadable, empty, an item wrong or twice; says which line and what to do.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise SetError(f"can't read {path}: {error.strerror}: check the path") from None
    except UnicodeDecodeError:
        raise SetError(f"{path}: not UTF-8: save it again, in a spreadsheet as 'CSV UTF-8'") from None
    rows = _table(path, text) if path.suffix.lower() in (".csv", ".tsv") else _objects(path, text)
    items = []
    for line, raw in rows:
        try:
            items.append(Item.parse(raw))
        except MessageError as error:
            raise SetError(f"{path}:{line}: {error}") from None
    if not items:
        raise SetError(f"{path}: holds no items: write one a line")
    twice = [name for name, count in Counter(i.id for i in items).items() if count > 1]
    if twice:
        raise SetError(f"{path}: id {twice[0]!r} is there twice ({len(twice)} such): give each item its own id")
    return ItemSet(path.name, hashlib.sha256(data).hexdigest(), tuple(items))


def _objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError):
            raise SetError(f"{path}:{number}: not a JSON object: write one object a line, on one line") from None
        if not isinstance(raw, dict):
            raise SetError(f"{path}:{number}: not a JSON object: write {{...}}")
        yield number, staff_question(raw) if "turns" not in raw and "question" in raw else raw


def staff_question(raw: dict[str, Any]) -> dict[str, Any]:
    """An alternate question or queue entry of the staff page as an item.

    ``question`` (with ``earlier`` messages, if any) becomes the turns; without ``expect`` an answer is
    expected. Its id is made of the words, so that it stays the same when lines move.
    """
    turns = [*raw.get("earlier", ()), raw["question"]]
    made = "staff-" + hashlib.sha256("\n".join(map(str, turns)).encode()).hexdigest()[:10]
    kept = {k: v for k, v in raw.items() if k not in ("question", "earlier")}
    return {"id": made, "expect": "answer", "style": "staff", **kept, "turns": turns}


def _table(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    names: tuple[str, ...] = COLUMNS
    try:
        for number, cells in enumerate(reader):
            row = [cell.strip() for cell in cells]
            if number == 0 and "question" in map(str.lower, row):
                names = _header(path, tuple(cell.lower() for cell in row))
            elif any(row):
                yield reader.line_num, _cells(path, reader.line_num, row, names)
    except csv.Error as error:
        raise SetError(f"{path}:{reader.line_num}: {error}: save the sheet again as 'CSV UTF-8'") from None


def _header(path: Path, named: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in named if name and name not in COLUMNS]
    if unknown:
        raise SetError(f"{path}:1: unknown column {unknown[0]!r}: use {', '.join(COLUMNS)}")
    return named


def _cells(path: Path, line: int, cells: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    """A row as an item: a cell holds several facts on lines of their own, sources apart by space or comma."""
    if any(cells[len(names) :]):
        raise SetError(f"{path}:{line}: more than {len(names)} cells: put double quotes around cells with commas")
    row = dict(zip(names, cells, strict=False))
    if not row.get("question"):
        raise SetError(f"{path}:{line}: no question: write one, or delete the row")
    turns = [part.strip() for part in row["question"].split(EARLIER) if part.strip()]
    item: dict[str, Any] = {k: row[k] for k in ("category", "style", "split", "group") if row.get(k)}
    item["turns"] = turns
    item["id"] = row.get("id") or "row-" + hashlib.sha256("\n".join(turns).encode()).hexdigest()[:10]
    item["expect"] = (row.get("expect") or "answer").lower()
    item["sources"] = re.split(r"[,;\s]+", row["sources"]) if row.get("sources") else []
    item["facts"] = [[fact.strip()] for fact in row.get("facts", "").splitlines() if fact.strip()]
    item["forbid"] = [f.strip() for f in row.get("forbid", "").splitlines() if f.strip()]
    return item
