"""What every reader builds an article with: clean lines, so that a span never meets markup.

One line a block, blank lines between, ``"• "`` before list items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.errors import CorpusError
from bot.schema import Article, Block, BlockKind

BULLET = "• "
MAX_CHARS = 20_000_000  # of an article; 20,000 questions with their answers are about 8 million
_SPACE = re.compile(r"\s+")
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff\ufffe\uffff]")


def squeezed(text: str) -> str:
    """One line without control characters, every run of white space one space."""
    return _SPACE.sub(" ", _UNSEEN.sub("", text)).strip()


@dataclass
class Builder:
    """Collects blocks and the text they stand in."""

    blocks: list[Block] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _size: int = 0

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    def add(self, kind: BlockKind, content: str, level: int = 0, line: int = 0, page: int = 0) -> None:
        """Add a block; one without a visible character is left out. ``line`` and ``page`` are those of the file."""
        content = squeezed(content)
        if not content:
            return
        tight = kind == "item" and self.blocks and self.blocks[-1].kind == "item"
        before = (("\n" if tight else "\n\n") if self._size else "") + (BULLET if kind == "item" else "")
        start = self._size + len(before)
        self._parts += [before, content]
        self._size = start + len(content)
        self.blocks.append(Block(kind, start, self._size, level, line=line, page=page))

    def question(self, wordings: tuple[str, ...]) -> None:
        """Attach other wordings to the latest heading."""
        for i in range(len(self.blocks) - 1, -1, -1):
            old = self.blocks[i]
            if old.kind == "heading":
                self.blocks[i] = replace(old, questions=old.questions + wordings)
                return

    def lines(self, text: str, line: int = 0) -> None:
        """Add running text: a paragraph a line, an item where the line starts with a list's mark."""
        for part in text.splitlines():
            marked = _MARK.sub(BULLET, part.strip())
            if marked.startswith(BULLET):
                self.add("item", marked[len(BULLET) :], line=line)
            else:
                self.add("paragraph", marked, line=line)

    def row(self, cells: list[str], header: list[str], line: int = 0) -> None:
        """Add a table's row as an item that reads alone: "Glycolic acid: made from cane, flaking 1 day"."""
        first, *rest = [squeezed(cell) for cell in cells]
        names = [_small(squeezed(name)) for name in header[1:]] if len(header) == len(cells) else []
        said = [f"{name} {cell}" for name, cell in zip(names, rest, strict=True) if cell] if names else []
        tail = ", ".join(said or [cell for cell in rest if cell])
        self.add("item", f"{first}: {tail}" if first and tail else first or tail, line=line)

    def first_heading(self) -> str:
        """The text of the first heading, or the empty string."""
        text = self.text
        return next((text[b.start : b.end] for b in self.blocks if b.kind == "heading"), "")

    def article(
        self,
        path: Path,
        title: str | None = None,
        url: str | None = None,
        publisher: str | None = None,
        published: str | None = None,
    ) -> Article:
        """The article; without a title it is the first heading's, or the file's name.

        Raises:
            CorpusError: there is no text under the headings, or too much.
        """
        if not any(block.kind != "heading" for block in self.blocks):
            raise CorpusError(f"{path}: holds no text under its headings: write some, or remove the file")
        if self._size > MAX_CHARS:
            raise CorpusError(f"{path}: holds more than {MAX_CHARS // 1_000_000} million characters: split it")
        shown = squeezed(title or "") or self.first_heading() or path.stem
        return Article(
            source_id=path.stem,
            title=shown,
            text=self.text,
            blocks=tuple(self.blocks),
            url=url,
            publisher=publisher,
            published=published,
        )


def _small(name: str) -> str:
    """A column's name inside a sentence; "SPF" stays."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


_MARK = re.compile(r"^(?:[•‣◦▪●·*+–-])\s+")


def marked(line: str) -> str:
    """The line with its list mark, if it has one, in the one form."""
    return _MARK.sub(BULLET, line)


def decoded(path: Path, raw: bytes, encoding: str = "utf-8-sig") -> str:
    """Bytes as text with one kind of line end.

    Raises:
        CorpusError: they are not of that encoding; with the line of the first wrong byte.
    """
    try:
        text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") and encoding == "utf-16" else encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        name = "UTF-8" if encoding.startswith("utf-8") else encoding
        raise CorpusError(f"{path}:{line}: not {name}: save the file with UTF-8 encoding") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
