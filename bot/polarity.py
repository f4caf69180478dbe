"""Whether a thing that was mentioned is so: present, negated, only supposed, past, or someone else's. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    "began",
    "contrast",
    "contrast_after",
    "personal",
)


def compile_all(patterns: Sequence[str], macros: Mapping[str, str], where: str) -> re.Pattern[str]:
    """One pattern of whole words out of several; a broken one is named with its place."""
    parts = [expand(pattern, macros, f"{where}, pattern {number}") for number, pattern in enumerate(patterns, 1)]
    try:
        return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)")
    except re.error as error:
        _find_broken(parts, where)
        # Each is sound alone: a group name used twice, say.
        raise DataError(f"{where}: {error}. Correct the patterns.") from error


def _find_broken(patterns: Sequence[str], where: str) -> None:
    """Name the pattern that can't be compiled. Done only where there is one: it takes as long as all the rest."""
    for number, pattern in enumerate(patterns, 1):
        try:
            re.compile(pattern)
        except re.error as error:
            raise DataError(f"{where}, pattern {number}: {error}: {pattern!r}. Correct the pattern.") from error


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
        now = self._finds("now", plain[clause[0] : clause[1]]) or self._finds("began", plain[end : end + _WINDOW])
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
