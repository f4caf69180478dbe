"""Saved web pages: trafilatura finds the main content; menus, banners, footers and comments stay out."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trafilatura

from bot.errors import CorpusError
from bot.readers.builder import Builder, decoded, squeezed
from bot.readers.text import furniture
from bot.schema import Article, Block

if TYPE_CHECKING:
    from lxml.etree import _Element

_DECLARED = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{2,40})""", re.IGNORECASE)
_SAVED_FROM = re.compile(r"<!-- saved from url=\(\d+\)(https?://[^\s<>\"']{1,2000}) -->")
_TAG = re.compile(r"<[^<>]*>")
_HEAD_BYTES = 4096
_NEAR_LINES = 2000
_SUMMARY_LEVEL = 3  # of what opens and closes (details, dt): trafilatura tells no level


def read(path: Path) -> Article:
    """One ``.html`` file. The date is taken only where the page states it in its own data."""
    raw = path.read_bytes()
    html = decoded(path, raw, _encoding(path, raw))
    found: Any = trafilatura.bare_extraction(
        html,
        favor_recall=True,
        include_comments=False,
        include_tables=True,
        with_metadata=True,
        date_extraction_params={"extensive_search": False, "original_date": True, "outputformat": "%Y-%m-%d"},
    )
    build = Builder()
    if found is not None and found.body is not None:
        _walk(found.body, build)
    if not build.blocks:
        raise CorpusError(f"{path}: holds no main content: save the page once it has loaded, or paste it into a .txt")
    build.blocks = list(_placed(build, html))
    saved = _SAVED_FROM.search(html[:_HEAD_BYTES])
    url = saved.group(1) if saved else found.url
    named = found.sitename if found.sitename and found.sitename != found.hostname else None
    return build.article(path, found.title, url if _is_link(url) else None, named, found.date)


def _is_link(url: str | None) -> bool:
    return bool(url and re.match(r"https?://[^\s]+$", url))


def _encoding(path: Path, raw: bytes) -> str:
    """The encoding that the page declares, as browsers take it; UTF-8 where it declares none."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    declared = _DECLARED.search(raw[:_HEAD_BYTES])
    if not declared or raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    try:
        name = codecs.lookup(declared.group(1).decode("ascii")).name
    except (LookupError, UnicodeDecodeError):
        raise CorpusError(f"{path}: declares an unknown encoding: save the page with UTF-8 encoding") from None
    return {"utf-8": "utf-8-sig", "ascii": "cp1252", "iso8859-1": "cp1252"}.get(name, name)


def _walk(body: _Element, build: Builder) -> None:
    """The blocks of trafilatura's tree: heads, paragraphs, lists, tables, quotes."""
    for element in body:
        tag = element.tag
        if tag == "head":
            rend = element.get("rend", "")
            build.add("heading", _text(element), int(rend[1]) if re.fullmatch(r"h[1-6]", rend) else _SUMMARY_LEVEL)
        elif tag == "list":
            _list(element, build)
        elif tag == "table":
            _table(element, build)
        elif tag in ("quote", "div", "body") and len(element) and not squeezed(element.text or ""):
            _walk(element, build)
        elif not furniture().named(text := squeezed(_text(element))):
            build.add("paragraph", text)


def _list(element: _Element, build: Builder) -> None:
    for item in element.iter("item"):
        text = " ".join([item.text or "", *(f"{_text(c)} {c.tail or ''}" for c in item if c.tag != "list")])
        if item.get("rend", "").startswith("dt"):
            build.add("heading", text, _SUMMARY_LEVEL)
        elif item.get("rend", "").startswith("dd"):
            build.add("paragraph", text)
        elif not furniture().named(squeezed(text)):
            build.add("item", text)


def _table(element: _Element, build: Builder) -> None:
    rows = [[_text(cell) for cell in row.iter("cell")] for row in element.iter("row")]
    first = next(element.iter("row"), None)
    headed = first is not None and all(cell.get("role") == "head" for cell in first.iter("cell"))
    for cells in rows[1:] if headed else rows:
        if cells:
            build.row(cells, rows[0] if headed else [])


def _placed(build: Builder, html: str) -> Iterator[Block]:
    """The blocks with their lines in the file: each stands below the one before it, where its first words are."""
    lines = [squeezed(unescape(_TAG.sub("", line))) for line in html.split("\n")]
    text = build.text
    at = 0
    for block in build.blocks:
        opening = " ".join(re.split(r"[ :]", text[block.start : block.end], maxsplit=3)[:3])
        near = range(at, min(at + _NEAR_LINES, len(lines)))
        at = next((n for n in near if opening in lines[n]), at)
        yield replace(block, line=at + 1)


def _text(element: _Element) -> str:
    """The text below an element; a line break is a space."""
    for found in element.iter("lb"):
        found.tail = f" {found.tail or ''}"
    return "".join(str(part) for part in element.itertext())
