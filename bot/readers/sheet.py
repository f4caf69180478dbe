"""Excel workbooks by openpyxl: every sheet whose first row names the columns of ``table``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from bot.readers.archive import checked_archive
from bot.readers.table import Row, article_of, rows_of
from bot.schema import Article


def read(path: Path) -> Article:
    """One ``.xlsx`` file. Formulas count as what they last showed."""
    checked_archive(path)
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    rows: list[Row] = []
    for sheet in book.worksheets:
        cells = ((n, ["" if c is None else str(c) for c in row]) for n, row in enumerate(_values(sheet), 1))
        rows += rows_of(path, cells, optional=len(book.worksheets) > 1)
    return article_of(path, iter(rows), book.properties.title)


def _values(sheet: Any) -> Iterator[Sequence[Any]]:
    """The rows of a sheet as they are written: its own claim of its size may be wrong by a million."""
    sheet.reset_dimensions()
    yield from sheet.iter_rows(values_only=True)
