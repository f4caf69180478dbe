"""Word documents by python-docx: headings by their style, lists, tables. Headers, footers and notes are left out."""

from __future__ import annotations

import re
from pathlib import Path

import docx
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph

from bot.errors import CorpusError
from bot.readers.archive import checked_archive
from bot.readers.builder import Builder, marked, squeezed
from bot.schema import Article

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_NOT_SHOWN = "ancestor::w:del or ancestor::w:moveFrom or ancestor::w:txbxContent"


def read(path: Path) -> Article:
    """One ``.docx`` file. Suggested deletions are left out, suggested insertions kept."""
    checked_archive(path)
    try:
        document = docx.Document(str(path))
    except PackageNotFoundError:
        raise CorpusError(f"{path}: is damaged or no Word file: open it in Word and save it as .docx") from None
    except ValueError:  # its content type is another: a template, or one with macros
        raise CorpusError(f"{path}: is no plain Word document: save it as .docx, without macros") from None
    build = Builder()
    title = document.core_properties.title
    for number, part in enumerate(document.iter_inner_content(), 1):
        if isinstance(part, Table):
            _table(part, build, number)
            continue
        style = (part.style.name or "") if part.style else ""
        if style == "Title":
            title = _text(part)
        _paragraph(part, style, build, number)
    return build.article(path, title)


def _paragraph(paragraph: Paragraph, style: str, build: Builder, number: int) -> None:
    text = _text(paragraph)
    found = _HEADING.match(style)
    if style == "Title":
        build.add("heading", text, 1, line=number)
    elif found:
        build.add("heading", text, min(max(int(found.group(1)), 1), 6), line=number)
    elif style.startswith("List") or paragraph._p.xpath("./w:pPr/w:numPr"):
        build.add("item", marked(squeezed(text)).removeprefix("• "), line=number)
    else:
        build.lines(text, line=number)


def _text(paragraph: Paragraph) -> str:
    """The visible text, insertions that are tracked and links included; a line break stays one."""
    parts = paragraph._p.xpath(f".//*[(self::w:t or self::w:tab or self::w:br or self::w:cr) and not({_NOT_SHOWN})]")
    return "".join((part.text or "") if part.tag.endswith("}t") else _BREAKS[part.tag[-2:]] for part in parts)


_BREAKS = {"ab": "\t", "br": "\n", "cr": "\n"}


def _table(table: Table, build: Builder, number: int) -> None:
    """Two columns are read as "name: value"; of more, the first row names them."""
    rows = [[" ".join(_text(p) for p in cell.paragraphs) for cell in row.cells] for row in table.rows]
    header = rows[0] if rows and len(rows[0]) > 2 else []
    for cells in rows[1:] if header else rows:
        build.row(cells, header, line=number)
