"""Is a set fit to judge by: facts that the corpus can meet, no leaks between splits, enough of each kind (pure)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.metrics import Item, stated
from bot.schema import Article

FEW = 30  # below this the 95% interval of a share is wider than 18 points each way
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a set. An ``error`` makes its figures wrong, ``thin`` makes them vague."""

    severity: Literal["error", "thin"]
    item: str
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.item}: {self.message}" if self.item else f"{self.severity}: {self.message}"


def check(items: Sequence[Item], articles: Sequence[Article]) -> tuple[Finding, ...]:
    """Everything that is wrong with or thin about the items, errors first."""
    found = [
        *_sources(items, articles),
        *_facts(items, articles),
        *_repeated(items),
        *_leaks(items, articles),
        *_thin(items),
    ]
    return tuple(sorted(found, key=lambda f: f.severity))


def _sources(items: Sequence[Item], articles: Sequence[Article]) -> Iterator[Finding]:
    known = [a.source_id for a in articles]
    for item in items:
        for prefix in item.sources:
            if not any(name.startswith(prefix) for name in known):
                yield Finding("error", item.id, f"no article's id starts with {prefix!r}: mend 'sources'")


def _facts(items: Sequence[Item], articles: Sequence[Article]) -> Iterator[Finding]:
    for item in items:
        text = "\n".join(a.text for a in articles if not item.sources or a.source_id.startswith(item.sources))
        for group in item.facts:
            if text and not stated([group], text):
                yield Finding("error", item.id, f"no allowed article states {' or '.join(group)!r}: mend 'facts'")
        if item.expect == "abstain" and item.facts:
            yield Finding("error", item.id, "expects to be declined, yet names facts: remove one of the two")


def _repeated(items: Sequence[Item]) -> Iterator[Finding]:
    first: dict[tuple[str, ...], str] = {}
    for item in items:
        wording = tuple(map(plain, item.turns))
        if wording in first:
            yield Finding("error", item.id, f"asks the same as {first[wording]}: remove one, it would count twice")
        first.setdefault(wording, item.id)


def _leaks(items: Sequence[Item], articles: Sequence[Article]) -> Iterator[Finding]:
    """A test split is worth what nobody has tuned on it."""
    splits: dict[str, set[str]] = {}
    worded: dict[str, Item] = {}
    for item in items:
        if item.group:
            splits.setdefault(item.group, set()).add(item.split)
        other = worded.setdefault(plain(item.turns[-1]), item)
        if len(item.turns) == len(other.turns) == 1 and other.split != item.split:
            yield Finding("error", item.id, f"is worded as {other.id} of the split {other.split!r}: reword one")
    for group, found in splits.items():
        if len(found) > 1:
            names = ", ".join(sorted(s or "(none)" for s in found))
            yield Finding("error", "", f"group {group!r} is in the splits {names}: give all of it one")
    known = {plain(q) for a in articles for b in a.blocks for q in (*b.questions, a.text[b.start : b.end])}
    for item in items:
        if item.split == "test" and plain(item.turns[-1]) in known:
            yield Finding("error", item.id, "is worded as in an article: reword it, or move it to 'dev'")


def _thin(items: Sequence[Item]) -> Iterator[Finding]:
    for title, counts in balance(items).items():
        for name, n in counts.items():
            if 0 < n < FEW:
                width = 100 * 1.96 * math.sqrt(0.25 / n)
                yield Finding("thin", "", f"{title} {name!r} has {n} items: its figure is known to ±{width:.0f} points")
    vague = sum(i.expect == "answer" and not i.facts for i in items)
    if vague:
        yield Finding("thin", "", f"{vague} items expect an answer without facts: only that there is one is judged")
    if not any(i.expect == "abstain" for i in items):
        yield Finding("thin", "", "no item expects to be declined: add questions the articles do not cover")
    if not any(len(i.turns) > 1 for i in items):
        yield Finding("thin", "", "no item is a follow-up: add some with two or more messages")


def balance(items: Sequence[Item]) -> Mapping[str, Mapping[str, int]]:
    """How many items of each kind, by what is expected, category, style and split."""
    names = ("expect", "category", "style", "split")
    return {name: dict(sorted(Counter(getattr(i, name) for i in items if getattr(i, name)).items())) for name in names}


def check_lines(name: str, items: Sequence[Item], findings: Sequence[Finding]) -> list[str]:
    """The check as lines of text for a terminal."""
    out = [f"{name}: {len(items)} items, {len({i.group for i in items if i.group})} groups"]
    out += [f"{k:9} {', '.join(f'{x} {n}' for x, n in v.items())}" for k, v in balance(items).items() if v]
    out += map(str, findings)
    errors = sum(f.severity == "error" for f in findings)
    return [*out, f"{errors} errors: mend them before the set is used" if errors else "no errors"]


def plain(text: str) -> str:
    """Words only, so that case and punctuation don't hide a repeated wording; emoji alone stay as they are."""
    return " ".join(_WORDS.findall(text.lower())) or text.strip()
