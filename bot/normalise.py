"""What people type, made plain enough to match: spelling, spacing, scripts, chat language. Pure.

``Normaliser.read`` keeps a map, so that the words a rule fired on can be shown as they were typed.
The plain form is lower-case words and ``. ! ? ; , :`` each separated by one space.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import process
from rapidfuzz.distance import OSA

MAX_CHARS = 8000  # of one message; the first and last halves are read, so nothing hides behind length
MAX_TOKEN = 40  # a longer run of letters is no word
_SHORTEST = 4  # of four letters only a swap is a misspelling ("lpis"); one letter off is another word
_LONG = 9  # from here two edits still leave no doubt

_TAG = re.compile(r"</?([a-z][a-z0-9]{0,15})\b[^<>]{0,80}>", re.IGNORECASE)
_BREAKING = {"br", "p", "div", "li", "ul", "ol", "td", "tr", "hr", "h1", "h2", "h3"}
_SPACED = re.compile(r"(?<![a-z0-9'])(?:[a-z][ .\-_*]{1,2}){3,30}[a-z](?![a-z0-9'])")
_TOKEN = re.compile(r"[a-z]+(?:'+[a-z]+)*|\d+(?:[.,:]\d+)*|[\u0900-\u097f]+|[^\W\d_]+|[.!?;,:\n]")
_DIGIT_LETTERS = str.maketrans("013457", "oieast")
_LEET = re.compile(r"(?<=[a-z])[013457](?=[a-z])")
_RUN = re.compile(r"([^\W\d_])\1{2,}")
_LIKE_LATIN = {ord(a): b for a, b in zip("аеорсхуікмтнвѕјοαειρκντυ’‘ʼ´", "aeopcxyikmthbsjoaeipkntu''''", strict=True)}
_ENDINGS = {"ll": "will", "re": "are", "ve": "have", "m": "am", "d": "would"}
_ELIDED = frozenset({"j", "l", "d", "n", "m", "t", "s", "c", "qu"})
_SPECIAL = {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ى": "ي", "&": " and "}
_PUNCTUATION = frozenset(".!?;,:\n'")
_DROPPED = frozenset({"Cf", "Cc", "Mn", "Me", "Cs"})  # zero-width, control, accents, half characters


@dataclass(frozen=True, slots=True)
class Text:
    """A message, its plain form, and where each plain word came from."""

    original: str
    plain: str
    starts: tuple[int, ...] = ()  # where each word starts in ``plain``
    spans: tuple[tuple[int, int], ...] = ()  # the same words in ``original``

    def words(self, start: int, end: int) -> str:
        """The original characters behind ``plain[start:end]``, as typed."""
        span = self.source(start, end)
        return " ".join(self.original[span[0] : span[1]].split())

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The span of ``original`` behind ``plain[start:end]``."""
        if not self.starts:
            return (0, 0)
        first = max(bisect_right(self.starts, start) - 1, 0)
        last = max(bisect_left(self.starts, max(end, start + 1)) - 1, first)
        return (self.spans[first][0], self.spans[last][1])


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Rewrites and the words that may be misspelt; both are data (``spelling.toml``)."""

    single: Mapping[str, str]  # word > words
    double: Mapping[tuple[str, str], str]  # two words > words
    fuzzy: frozenset[str]  # words whose misspellings are recognised
    known: frozenset[str]  # real words that only look like a misspelling of one of those
    emoji: Mapping[str, str] = field(default_factory=dict)
    near: Mapping[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)  # by length and early letter

    @classmethod
    def make(
        cls, rewrite: Mapping[str, str], fuzzy: Iterable[str], known: Iterable[str], emoji: Mapping[str, str]
    ) -> Normaliser:
        """Sort the rewrites by their number of words, and the misspellable words into buckets.

        A misspelling keeps one of the first two letters among its own first two, so a word is filed
        under both of its: that leaves few words to compare with.
        """
        single = {k.replace("'", ""): v for k, v in rewrite.items() if " " not in k}
        double = {(a, b): v for k, v in rewrite.items() if " " in k for a, b in [k.split(" ", 1)]}
        words = frozenset(fuzzy)
        buckets: dict[tuple[int, str], list[str]] = {}
        for word in sorted(words):
            for length in range(len(word) - _allowed(word), len(word) + _allowed(word) + 1):
                for letter in sorted(set(word[:2])):
                    buckets.setdefault((length, letter), []).append(word)
        firm = frozenset(known) | frozenset(single) | {w for pair in double for w in pair}
        return cls(single, double, words, firm - words, emoji, {k: tuple(v) for k, v in buckets.items()})

    def read(self, message: str) -> Text:
        """The message with its plain form."""
        if len(message) > MAX_CHARS:
            message = message[: MAX_CHARS // 2] + " " + message[-MAX_CHARS // 2 :]
        letters, places = _fold(message, self.emoji)
        tokens = [(m.group(), places[m.start()], places[m.end() - 1] + 1) for m in _TOKEN.finditer(letters)]
        plain: list[str] = []
        starts: list[int] = []
        spans: list[tuple[int, int]] = []
        length = 0
        for words, start, end in self._rewritten(tokens):
            plain.append(words)
            starts.append(length)
            spans.append((start, end))
            length += len(words) + 1
        return Text(message, " ".join(plain), tuple(starts), tuple(spans))

    def plain(self, message: str) -> str:
        """Only the plain form."""
        return self.read(message).plain

    def _rewritten(self, tokens: Sequence[tuple[str, int, int]]) -> Iterator[tuple[str, int, int]]:
        """Tokens with chat spellings and misspellings replaced; two words may become one."""
        words = [(self._word(w), s, e) for w, s, e in tokens]
        i = 0
        while i < len(words):
            word, start, end = words[i]
            if i + 1 < len(words) and (joined := self.double.get((word, words[i + 1][0]))) is not None:
                yield joined, start, words[i + 1][2]
                i += 2
                continue
            out = self.single.get(word, word)
            if out:
                yield out, start, end
            i += 1

    def _word(self, token: str) -> str:
        """One token without apostrophes, letter runs and misspellings."""
        if token == "\n":
            return "."
        stem, mark, ending = token.rpartition("'")
        if mark and ending in _ENDINGS:  # before the mark goes: "i'll" is not "ill"
            return f"{self._word(stem)} {_ENDINGS[ending]}"
        first, mark, rest = token.partition("'")
        if mark and first in _ELIDED:  # French and Italian: "j'arrive", "l'aria"
            return f"{first} {rest}"
        word = token.replace("'", "")
        if not word.isascii() or not word.isalpha() or len(word) > MAX_TOKEN:
            return _RUN.sub(r"\1", word)
        if _RUN.search(word):
            forms = [_RUN.sub(r"\1\1", word), _RUN.sub(r"\1", word)]
            real = [f for f in forms if f in self.fuzzy or f in self.known]
            near = [n for n in map(self.nearest, forms) if n]
            return (real or near or forms[1:])[0]
        return self.nearest(word) or word

    def nearest(self, word: str) -> str | None:
        """The word this is a misspelling of, or None. Real words are left alone."""
        if word in self.fuzzy or word in self.known or len(word) < _SHORTEST:
            return None
        choices = [n for letter in sorted(set(word[:2])) for n in self.near.get((len(word), letter), ())]
        found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=2, limit=4)
        for name, distance, _ in found:
            if distance <= _allowed(name) and (len(name) > _SHORTEST or sorted(name) == sorted(word)):
                return str(name)
        return None


def _allowed(word: str) -> int:
    return 2 if len(word) >= _LONG else 1


def _fold(message: str, emoji: Mapping[str, str]) -> tuple[str, list[int]]:
    """Lower-case letters without accents, markup and invisible characters, and each one's place."""
    text = _TAG.sub(_blank_tag, message)
    out: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        piece = f" {emoji[char]} " if char in emoji else _ascii(char) if char.isascii() else _wide(char)
        out.append(piece)
        places.extend([place] * len(piece))
    letters = "".join(out)
    letters = _LEET.sub(lambda m: m.group().translate(_DIGIT_LETTERS), letters)
    return _join_spaced(letters, places)


def _ascii(char: str) -> str:
    if char.isalnum() or char in _PUNCTUATION:
        return char.lower()
    if char == "&":
        return " and "
    if (char < " " and char not in "\t\r") or char == "\x7f":
        return ""
    return "" if char in "*`~" else " "  # Markdown, perhaps inside a word


def _wide(char: str) -> str:
    folded = unicodedata.normalize("NFKD", char).lower().translate(_LIKE_LATIN)
    kept = []
    for piece in folded:
        category = unicodedata.category(piece)
        if piece in _SPECIAL:
            kept.append(_SPECIAL[piece])
        elif piece.isalnum() or piece in _PUNCTUATION or "\u0900" <= piece <= "\u097f":
            kept.append("." if piece in "\u0964\u0965" else piece)  # Hindi's full stop
        elif piece in "؟？¿":
            kept.append("?")
        elif category not in _DROPPED and piece != "\u0640":  # Arabic letters may be stretched
            kept.append(" ")
    return "".join(kept)


def _blank_tag(match: re.Match[str]) -> str:
    filler = " " if match.group(1).lower() in _BREAKING else "\u200b"
    return filler * len(match.group())


def _join_spaced(letters: str, places: list[int]) -> tuple[str, list[int]]:
    """Join letters that were typed one by one ("b l e e d i n g")."""
    out: list[str] = []
    kept: list[int] = []
    done = 0
    for match in _SPACED.finditer(letters):
        out.append(letters[done : match.start()])
        kept.extend(places[done : match.start()])
        at = [i for i in range(match.start(), match.end()) if letters[i].isalpha()]
        out.append("".join(letters[i] for i in at))
        kept.extend(places[i] for i in at)
        done = match.end()
    if not out:
        return letters, places
    return "".join(out) + letters[done:], kept + places[done:]
