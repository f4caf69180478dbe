"""Plain text as pages are pasted: page furniture is dropped by the patterns of ``data/furniture.toml``."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from pathlib import Path

from bot.language import read_toml
from bot.readers.builder import BULLET, Builder, decoded, marked, squeezed
from bot.schema import Article

_TOP = 4  # lines of a page's head, where a word such as "Comments" ends nothing yet


@dataclass(frozen=True, slots=True)
class Furniture:
    """The compiled patterns of ``data/furniture.toml``."""

    drop: tuple[re.Pattern[str], ...]
    stop: tuple[re.Pattern[str], ...]
    date: tuple[re.Pattern[str], ...]
    small_words: frozenset[str]

    def named(self, line: str) -> bool:
        """Is the line page furniture?"""
        return any(p.search(line) for p in (*self.drop, *self.stop))


@cache
def furniture() -> Furniture:
    """The patterns, compiled at first use."""
    data = read_toml("furniture.toml")

    def patterns(key: str) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(p, re.IGNORECASE) for p in data[key])

    return Furniture(patterns("drop"), patterns("stop"), patterns("date"), frozenset(data["small_words"]))


def read(path: Path) -> Article:
    """One ``.txt`` file; the title is its first heading-like line."""
    build = Builder()
    rules = furniture()
    published: str | None = None
    for number, line in _lines(decoded(path, path.read_bytes()), rules):
        date = next((m for m in (p.search(line) for p in rules.date) if m), None)
        if date and published is None and len(line.split()) <= 20:
            published = _iso(date.group("date"))
            if len(line.split()) <= 4:  # a date line and nothing else
                continue
        if line.startswith(BULLET):
            build.add("item", line[len(BULLET) :], line=number)
        elif looks_like_heading(line, rules) or (not build.blocks and _looks_like_title(line)):
            build.add("heading", line, 2, line=number)
        else:
            build.add("paragraph", line, line=number)
    # Above the title a page often has the name of its category: the last of the first headings is it.
    heads = list(takewhile(lambda b: b.kind == "heading", build.blocks))
    title = build.text[heads[-1].start : heads[-1].end] if heads else path.stem
    article = build.article(path, title, published=published)
    return replace(article, blocks=article.blocks[max(len(heads) - 1, 0) :])


def _lines(raw: str, rules: Furniture) -> Iterator[tuple[int, str]]:
    """Content lines of a pasted page with their numbers, furniture dropped, bullets in one form."""
    for number, line in enumerate(raw.split("\n"), 1):
        text = squeezed(line)
        if number > _TOP and any(p.search(text) for p in rules.stop):
            return
        if not text or any(p.search(text) for p in rules.drop):
            continue
        yield number, marked(text)


def looks_like_heading(line: str, rules: Furniture) -> bool:
    """A short line that ends like a heading: a question, or no full stop and mostly capitals or short."""
    words = line.split()
    if line.endswith("?"):
        return len(words) <= 20
    if len(words) > 10 or line[-1] in ".!:;,":
        return False
    content = [w for w in words if w.lower() not in rules.small_words]
    capitals = sum(w[:1].isupper() or w[:1].isdigit() for w in content)
    return bool(content) and words[0][:1].isupper() and (capitals >= 0.5 * len(content) or len(words) <= 6)


def _looks_like_title(line: str) -> bool:
    """The first line of a page needs no capitals to be its title."""
    return len(line.split()) <= 15 and line[-1] not in ".!;,"


def _iso(text: str) -> str | None:
    for form in ("%d %B %Y", "%B %d, %Y", "%B %d %Y", "%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return None
