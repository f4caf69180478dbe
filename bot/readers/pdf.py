"""PDF by PDFium, in the order in which the text was written, which is the order of reading.

Page heads and feet, which come back on most pages, are dropped; what is larger than the running text, or bold
alone on its line, is a heading; words cut at a line's end are joined. Blocks know their page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from ctypes import byref, c_int, create_string_buffer
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from pypdfium2 import PdfDocument, PdfiumError, PdfPage, raw

from bot.errors import CorpusError
from bot.readers.builder import BULLET, Builder, marked, squeezed
from bot.schema import Article
from bot.spelling import english

MAX_PAGES = 1500
_MARGIN = 0.12  # share of a page's height, above and below, where heads and feet stand
_REPEATED = 0.4  # share of the pages: left and right pages may have heads of their own
_LARGER = 1.12  # times the running text: a heading
_GAP = 1.3  # times the usual step from line to line: a new paragraph
_HEADING_WORDS = 20
_HEADING_STEP = 1.1  # times its height, from a heading's line to its next
_MARK = 8  # points: a drawn shape up to this size, left of a line, is the mark of a list
_BEFORE = 40  # points from such a mark to its line
_MAX_SHAPES = 5000  # of a page that are looked at: a drawing has more, and marks nothing
_UNREADABLE = 0.2  # share of the letters that the fonts do not tell
_LOCKED = (4, 5)  # PDFium's codes for a password and for protection it does not know
_HYPHEN = 2  # PDFium's sign for a word that is cut at the end of a line
_NUMBER = re.compile(r"^[\s–|-]*(?:page\s*)?\d{1,4}(?:\s*(?:/|of)\s*\d{1,4})?[\s–|-]*$", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"^\W*(?:untitled|anonymous|unspecified|microsoft word|powerpoint|document\d*)\b|\.(?:docx?|pdf|indd|qxd)$|^\W*$",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")
_LETTERS = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", **dict.fromkeys("\uf0b7\uf0a7\uf0d8■", "•")}
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: text, height of its letters, left edge, top and bottom from the page's bottom (points)."""

    text: str
    size: float
    bold: bool
    page: int
    left: float
    top: float
    bottom: float
    margin: bool


def read(path: Path) -> Article:
    """One ``.pdf`` file."""
    lines: list[Line] = []
    try:
        with PdfDocument(path) as document:
            title = squeezed(document.get_metadata_value("Title"))
            if len(document) > MAX_PAGES:
                raise CorpusError(f"{path}: has more than {MAX_PAGES} pages: split it into one file per subject")
            for number in range(len(document)):
                lines += _lines(document[number], number + 1)
    except PdfiumError as error:
        if error.err_code in _LOCKED:
            raise CorpusError(f"{path}: is locked with a password: save it without one") from None
        raise CorpusError(f"{path}: is damaged or no PDF: open it and save it as PDF anew") from None
    _check_readable(path, lines)
    build = Builder()
    _blocks(_without_heads(lines) or lines, build)
    return build.article(path, "" if _NO_TITLE.search(title) else title)


def _lines(page: PdfPage, number: int) -> Iterator[Line]:
    """The lines of a page in the order they were written."""
    text = page.get_textpage()
    height = page.get_height()
    marks = list(_marks(page))
    letters: list[tuple[str, int]] = []
    for place in range(text.count_chars() + 1):
        code = raw.FPDFText_GetUnicode(text, place) if place < text.count_chars() else 10
        if code not in (10, 13):
            letters.append(("-" if code == _HYPHEN else chr(code), place))
        if code in (10, 13, _HYPHEN) and any(letter.strip() for letter, _ in letters):
            yield _line(text, letters, number, height, marks)
            letters = []


def _line(text: Any, letters: Sequence[tuple[str, int]], page: int, height: float, marks: Sequence[_Box]) -> Line:
    boxes = [text.get_charbox(place, loose=True) for letter, place in letters if letter.strip()]
    left, bottom, top = boxes[0][0], min(b[1] for b in boxes), max(b[3] for b in boxes)
    content = squeezed("".join(letter for letter, _ in letters).translate(_LETTERS))
    middle = (top + bottom) / 2
    if any(low <= middle <= high and 0 < left - right < _BEFORE for _, low, right, high in marks):
        content = f"{BULLET}{content}"
    bold = all("bold" in _font(text, letters[end][1]) for end in (0, -1))
    size = round(2 * median(b[3] - b[1] for b in boxes)) / 2
    margin = bottom > (1 - _MARGIN) * height or top < _MARGIN * height
    return Line(content, size, bold, page, left, top, bottom, margin)


_Box = tuple[float, float, float, float]  # left, bottom, right, top


def _marks(page: PdfPage) -> Iterator[_Box]:
    """Small shapes that are drawn instead of written: browsers do that to lists."""
    for shape, _ in zip(page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH]), range(_MAX_SHAPES), strict=False):
        left, bottom, right, top = shape.get_bounds()
        if max(right - left, top - bottom) <= _MARK:
            yield left, bottom, right, top


def _font(text: Any, place: int) -> str:
    """The name of a letter's font in lower case, which tells whether it is bold."""
    name = create_string_buffer(128)
    raw.FPDFText_GetFontInfo(text, place, name, len(name), byref(c_int()))
    return name.value.decode("utf-8", "replace").lower()


def _check_readable(path: Path, lines: Sequence[Line]) -> None:
    letters = "".join(line.text for line in lines)
    if not any(letter.isalpha() for letter in letters):
        raise CorpusError(
            f"{path}: holds pictures and no text (a scan?): recognise its text (OCR), or find the original"
        )
    untold = sum(not letter.isprintable() or letter == "\ufffd" for letter in letters)
    if untold > _UNREADABLE * len(letters):
        raise CorpusError(f"{path}: its fonts do not tell the letters: print it to PDF anew, or find the original")


def _without_heads(lines: Sequence[Line]) -> list[Line]:
    """The lines without page numbers, and without what stands in the margin of several pages."""
    pages = len({line.page for line in lines})
    counts = Counter(key for key, _ in {(_DIGITS.sub("#", x.text.lower()), x.page) for x in lines if x.margin})
    repeated = {key for key, count in counts.items() if count >= max(2, _REPEATED * pages)}
    return [
        x for x in lines if not (x.margin and (_NUMBER.match(x.text) or _DIGITS.sub("#", x.text.lower()) in repeated))
    ]


def _blocks(lines: Sequence[Line], build: Builder) -> None:
    weights = Counter[float]()
    for line in lines:
        weights[line.size] += len(line.text)
    body = weights.most_common(1)[0][0]
    plain = [line for line in lines if line.size == body]
    all_bold = sum(line.bold for line in plain) > len(plain) / 2
    headings = [_is_heading(line, body, all_bold) for line in lines]
    sizes = sorted({line.size for line, is_one in zip(lines, headings, strict=True) if is_one}, reverse=True)
    step = _usual_step(lines)
    group: list[Line] = []
    kind = False
    for line, is_one in zip(lines, headings, strict=True):
        if group and (is_one != kind or not _continues(group, line, step, is_one)):
            _add(group, kind, sizes, build)
            group = []
        group.append(line)
        kind = is_one
    if group:
        _add(group, kind, sizes, build)


def _is_heading(line: Line, body: float, all_bold: bool) -> bool:
    larger = line.size >= _LARGER * body
    bold = line.bold and not all_bold and line.size >= body and line.text[-1] not in ".:"
    ends = line.text[-1] in ",;" or line.text.startswith(BULLET.strip())
    return (larger or bold) and not ends and len(line.text.split()) <= _HEADING_WORDS


def _usual_step(lines: Sequence[Line]) -> float:
    """From the top of a line to that of the next, in points."""
    steps = [a.top - b.top for a, b in pairwise(lines) if a.page == b.page and a.size == b.size and a.top > b.top]
    return float(Counter(round(2 * s) / 2 for s in steps).most_common(1)[0][0]) if steps else 0.0


def _continues(group: Sequence[Line], line: Line, step: float, heading: bool) -> bool:
    """Does the line go on with what the group began?"""
    last = group[-1]
    if marked(line.text).startswith(BULLET):
        return False
    usual = max(step, _HEADING_STEP * last.size) if heading else step
    near = last.page == line.page and 0 < last.top - line.top <= _GAP * usual
    if heading:
        return near and last.size == line.size and last.text[-1] not in "?!."
    if near:
        return not (marked(group[0].text).startswith(BULLET) and line.left < group[0].left - 1)
    # Over the end of a column or a page: a sentence that has not ended goes on.
    over = last.page != line.page or line.bottom > last.top
    return over and last.text[-1] not in ".!?:" and (line.text[0].islower() or last.text[-1] == "-")


def _add(group: Sequence[Line], heading: bool, sizes: Sequence[float], build: Builder) -> None:
    text = _joined([line.text for line in group])
    page = group[0].page
    if heading:
        build.add("heading", text, min(sizes.index(group[0].size) + 1, 6), page=page)
    elif marked(text).startswith(BULLET):
        build.add("item", marked(text)[len(BULLET) :], page=page)
    else:
        build.add("paragraph", text, page=page)


def _joined(texts: Sequence[str]) -> str:
    """Lines as one text; a word cut at a line's end becomes whole."""
    out = texts[0]
    for text in texts[1:]:
        head, tail = re.search(r"([^\W\d_]*)[-‐]$", out), re.match(r"[^\W\d_]*", text)
        if re.search(r"\d[-‐]$", out) and text[0].isdigit():  # "4-6"
            out = f"{out}{text}"
        elif not head or not text[0].islower():
            out = f"{out} {text}"
        else:
            out = f"{out if _hyphenated(head.group(1), tail.group() if tail else '') else out[:-1]}{text}"
    return out


def _hyphenated(head: str, tail: str) -> bool:
    """Was the hyphen there before the line was cut ("follow-up")? Not if the word is one without it."""
    known = english()
    whole = f"{head}{tail}".lower()
    return whole not in known and head.lower() in known and tail.lower() in known
