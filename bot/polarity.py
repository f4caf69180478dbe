"""Whether a thing that was mentioned is so: present, negated, only supposed, past, or someone else's. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal, get_args

from bot.errors import DataError

Polarity = Literal["present", "negated", "hypothetical", "past", "other", "unknown"]
POLARITIES: frozenset[str] = frozenset(get_args(Polarity))

_MACRO = re.compile(r"\{([a-z_][a-z_0-9]*)\}")
_DEPTH = 5  # a fragment may use fragments; deeper than this is a circle
_REACH = 6  # words a negation reaches forward, list words not counted (the brief's figure)
_WINDOW = 240  # characters either side; a longer sentence has lost its beginning
_MODAL_REACH = 5  # words between "can it cause" and what it may cause
_LIST_WORDS = frozenset({",", "or", "nor", "and", "any", "a", "an", "the", "of", "my", "no", "more"})
_SENTENCE_END = re.compile(r"[.!?;]")
_HEAD = 4  # characters of a match's beginning that are compared with the message
_WIDEST = 300  # characters a class may stand for; a wider one tells nothing
_START = re.compile(r"(?<!\w)(?=.)")

_KEYS = (
    "negators",
    "not_negators",
    "denials",
    "splitters",
    "new_start",
    "supposed",
    "modal",
    "supposed_after",
    "asserted",
    "long_past",
    "resolved",
    "not_resolved",
    "now",
    "contrast",
    "contrast_after",
    "personal",
)


def compile_all(patterns: Sequence[str], macros: Mapping[str, str], where: str) -> re.Pattern[str]:
    """One pattern of whole words out of several; a broken one is named with its place."""
    parts = []
    for number, pattern in enumerate(patterns, 1):
        place = f"{where}, pattern {number}"
        filled = expand(pattern, macros, place)
        try:
            re.compile(filled)
        except re.error as error:
            raise DataError(f"{place}: {error}: {pattern!r}. Correct the pattern.") from error
        parts.append(filled)
    try:
        return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)")
    except re.error as error:  # each was sound alone: a group name used twice, say
        raise DataError(f"{where}: {error}. Correct the patterns.") from error


def expand(pattern: str, macros: Mapping[str, str], where: str) -> str:
    """Replace ``{name}`` by the fragment of that name."""
    for _ in range(_DEPTH):
        names = set(_MACRO.findall(pattern))
        if not names:
            return pattern
        if unknown := sorted(names - macros.keys()):
            raise DataError(f"{where}: no fragment {{{unknown[0]}}}. Add it to fragments.toml or correct the name.")
        pattern = _MACRO.sub(lambda m: f"(?:{macros[m.group(1)]})", pattern)
    raise DataError(f"{where}: fragments use each other in a circle. Write one of them out.")


def heads(plain: str) -> dict[str, list[int]]:
    """Every place where a pattern can begin, by the first one to four characters that stand there."""
    places: dict[str, list[int]] = {}
    for match in _START.finditer(plain):
        start = match.start()
        for length in range(1, _HEAD + 1):
            places.setdefault(plain[start : start + length], []).append(start)
    return places


def by_opening(patterns: Mapping[str, re.Pattern[str] | None]) -> dict[str, set[str]]:
    """The names of patterns by what a match can begin with; under the empty string those that are always tried."""
    names: dict[str, set[str]] = {}
    for name, pattern in patterns.items():
        opens = openings(pattern) if pattern else None
        for head in opens or {""}:
            names.setdefault(head, set()).add(name)
    return names


def beginnings(names: Mapping[str, Iterable[str]], plain: str) -> dict[str, list[int] | None]:
    """Where each pattern can begin, by its name; None if anywhere. Those that can't are left out.

    ``names`` are the patterns' names ``by_opening``.
    """
    starts: dict[str, list[int] | None] = dict.fromkeys(names.get("", ()))
    for head, places in heads(plain).items():
        for name in names.get(head, ()):
            starts[name] = [*(starts.get(name) or ()), *places]
    return starts


def find_all(pattern: re.Pattern[str], plain: str, starts: Iterable[int] | None) -> Iterator[re.Match[str]]:
    """What ``finditer`` finds, looking only where the pattern can begin."""
    if starts is None:
        yield from pattern.finditer(plain)
        return
    end = 0
    for start in sorted(set(starts)):
        if start >= end and (match := pattern.match(plain, start)):
            yield match
            end = match.end()


@cache
def openings(pattern: re.Pattern[str]) -> frozenset[str] | None:
    """What a match of the pattern can begin with; None if anything. Spares most patterns a look at most messages."""
    try:
        parsed = import_module("re._parser").parse(pattern.pattern, pattern.flags)
        going, ended = _begin({""}, parsed)
    except (ImportError, AttributeError):  # another Python: every pattern is tried
        return None
    found = frozenset(going | ended)
    return None if "" in found else found


def _begin(going: set[str], parsed: Iterable[tuple[Any, Any]]) -> tuple[set[str], set[str]]:
    """Lengthen the beginnings by one parsed sequence: those that may go on, and those that are known far enough."""
    ended: set[str] = set()
    for op, value in parsed:
        name = str(op)
        if name in ("ASSERT", "ASSERT_NOT", "AT"):
            continue
        if name == "BRANCH":
            parts = [_begin(going, branch) for branch in value[1]]
        elif name == "SUBPATTERN":
            parts = [_begin(going, value[-1])]
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            more, done = _begin(going, value[2])
            parts = [(more, done) if value[1] == 1 else (set(), more | done)]
            parts += [(going, set())] if value[0] == 0 else []
        elif (chars := _characters(name, value)) is not None:
            parts = [({head + char for head in going for char in chars}, set())]
        else:
            return set(), ended | going
        going = set().union(*(more for more, _ in parts))
        ended |= set().union(*(done for _, done in parts)) | {head for head in going if len(head) >= _HEAD}
        going = {head for head in going if len(head) < _HEAD}
    return going, {head[:_HEAD] for head in ended}


def _characters(name: str, value: Any) -> list[str] | None:
    """The characters of a literal or of a small class; None if there are too many to name."""
    if name == "LITERAL":
        return [chr(value)]
    if name != "IN":
        return None
    chars: list[str] = []
    for op, item in value:
        if str(op) == "LITERAL":
            chars.append(chr(item))
        elif str(op) == "RANGE" and item[1] - item[0] <= _WIDEST:
            chars += map(chr, range(item[0], item[1] + 1))
        else:
            return None
    return chars


@dataclass(frozen=True, slots=True)
class PolarityRules:
    """The word lists of ``polarity.toml``, compiled."""

    patterns: Mapping[str, re.Pattern[str]]

    @classmethod
    def make(cls, data: Mapping[str, Any], macros: Mapping[str, str], where: str) -> PolarityRules:
        """Compile the lists; a missing or unknown one is named."""
        if wrong := sorted(set(_KEYS) ^ set(data)):
            raise DataError(f"{where}: list '{wrong[0]}' is missing or unknown. The lists are: {', '.join(_KEYS)}.")
        return cls({key: compile_all(data[key], macros, f"{where}: {key}") for key in _KEYS})

    def tag(self, plain: str, start: int, end: int, fused: bool = False) -> Polarity:
        """The polarity of ``plain[start:end]``. Fused symptoms ("can't breathe") are never negated."""
        sentence = self._sentence(plain, start, end)
        clause = self._clause(plain, start, end, sentence)
        before, after = plain[clause[0] : start], plain[end : clause[1]]
        if not fused and self._negated(before, plain[start:end], plain[end : end + 12]):
            return "negated"
        now = self._finds("now", plain[clause[0] : clause[1]])
        if not now and (self._finds("long_past", plain[clause[0] : clause[1]]) or (not fused and self._over(after))):
            return "past"
        if not now and self._supposed(plain, start, end, sentence):
            return "hypothetical"
        rest = plain[end : end + _WINDOW]
        if self._finds("contrast", plain[sentence[0] : start]) and self._finds("contrast_after", rest):
            return "other"
        return "present" if now or self._finds("personal", plain[clause[0] : clause[1]]) else "unknown"

    def _finds(self, key: str, text: str) -> bool:
        return self.patterns[key].search(text) is not None

    def _sentence(self, plain: str, start: int, end: int) -> tuple[int, int]:
        lowest, highest = max(start - _WINDOW, 0), min(end + _WINDOW, len(plain))
        first = max(max(plain.rfind(mark, lowest, start) for mark in ".!?;") + 1, lowest)
        found = _SENTENCE_END.search(plain, end, highest)
        return first, found.start() if found else highest

    def _clause(self, plain: str, start: int, end: int, sentence: tuple[int, int]) -> tuple[int, int]:
        first, last = sentence
        for match in self.patterns["splitters"].finditer(plain, first, last):
            if match.start() >= end:
                last = match.start()
                break
            if match.end() <= start:
                first = match.start()
        return first, last

    def _negated(self, before: str, hit: str, after: str) -> bool:
        if re.match(r" ?[?:]? ?(?:no|none|nope|negative)(?!\w)(?! idea)", after) and after.lstrip()[:1] in "?:":
            return True  # "pus? no"
        if any(len(before[m.end() :].split()) <= _REACH for m in self.patterns["denials"].finditer(before)):
            return True
        masked = self.patterns["not_negators"].sub(lambda m: "_" * len(m.group()), before)
        for match in self.patterns["negators"].finditer(masked):
            rest = masked[match.end() :]
            if rest.startswith((" ,", " :")) or self._finds("new_start", rest + hit.split(" ", 1)[0]):
                continue  # "no, my lips are swelling": an answer, not a negation
            if sum(word not in _LIST_WORDS for word in rest.split()) <= _REACH:
                return True
        return False

    def _over(self, after: str) -> bool:
        return self._finds("resolved", after[:60]) and not self._finds("not_resolved", after[:60])

    def _supposed(self, plain: str, start: int, end: int, sentence: tuple[int, int]) -> bool:
        before = plain[sentence[0] : start]
        for match in self.patterns["supposed"].finditer(before):
            if not self._finds("new_start", before[match.end() :]):
                return True
        if self._finds("supposed_after", plain[end : min(sentence[1], end + 40)]):
            return True
        close = " ".join(before.split()[-2:]) + " " + plain[start:end]
        if self._finds("asserted", close):
            return False  # "will it scar my lips are swelling": a modal takes no "are"
        return any(
            len(before[match.end() :].split()) <= _MODAL_REACH and not self._finds("new_start", before[match.end() :])
            for match in self.patterns["modal"].finditer(before)
        )
