"""One reader a kind of file: ``read(path)`` gives an Article or raises a CorpusError that says what to do.

    markdown   .md               text       .txt, as pages are pasted
    web_page   .html .htm .xhtml pdf        .pdf
    word       .docx             table      .csv .jsonl: a question, its answer and other wordings a row
                                 sheet      .xlsx: the same

A reader is imported when such a file is there. Its article's text is rebuilt by ``builder``, and every span is
into that text. What others' programs wrote, or is large, is read ``apart``, in a process with limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.schema import Article

Reader = Callable[[Path], Article]
PLAIN = (".md", ".txt")
SUFFIXES = (*PLAIN, ".html", ".htm", ".xhtml", ".pdf", ".docx", ".csv", ".xlsx", ".jsonl")
# What an article depends on besides its file. Plain files' libraries are in the manifest of every index.
LIBRARIES = {
    ".html": ("trafilatura", "lxml"),
    ".htm": ("trafilatura", "lxml"),
    ".xhtml": ("trafilatura", "lxml"),
    ".pdf": ("pypdfium2",),
    ".docx": ("python-docx",),
    ".xlsx": ("openpyxl",),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file apart may take: seconds of a processor, megabytes of memory (most take 1 and 300)."""

    seconds: int = 60
    megabytes: int = 1500


def reader(suffix: str) -> Reader:
    """The reader of a kind of file, imported now. ``suffix`` is one of ``SUFFIXES``."""
    if suffix == ".md":
        from bot.readers import markdown

        return markdown.read
    if suffix == ".txt":
        from bot.readers import text

        return text.read
    if suffix == ".pdf":
        from bot.readers import pdf

        return pdf.read
    if suffix == ".docx":
        from bot.readers import word

        return word.read
    if suffix in (".html", ".htm", ".xhtml"):
        from bot.readers import web_page

        return web_page.read
    if suffix == ".xlsx":
        from bot.readers import sheet

        return sheet.read
    from bot.readers import table

    return {".csv": table.read_csv, ".jsonl": table.read_jsonl}[suffix]
