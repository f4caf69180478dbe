"""How likely a word is after another: counts of words and pairs of neighbours in what people asked.

A language model of the smallest kind, for telling which of two spellings was meant. Fitted at build to the texts that
the classifiers learn from, so it knows how questions are put and what this corpus speaks of.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from bot.language import written_out

START = "."  # stands before the first word of a sentence
TOKEN = re.compile(r"[^\W\d_](?:[^\W_]|['’])*|[\W\d_]+")  # a word or what is between words; "b4" is one, "4mm" two
ONCE = ""  # stands for all words that were met once after another

_ENDS = re.compile(r"[.?!\n|]")


def ends_sentence(mark: str) -> bool:
    """Whether what stands between two words parts sentences, or messages of a conversation."""
    return bool(_ENDS.search(mark))


def sequence(text: str) -> list[str]:
    """The words of a text, chat forms written out; ``START`` where a sentence ends, "" for other marks and figures."""
    out = [START]
    for token in TOKEN.findall(text.lower().replace("’", "'")):
        if token[0].isalpha():
            full = written_out(token)
            out.extend([token] if full is None else full.split())
        elif not token.isspace():
            out.append(START if ends_sentence(token) else "")
    return out


class Bigrams:
    """``words``: how often each was met; ``after``: for a word, how often which others came next.

    Half of what was met once is slips: such words are left out, and of such pairs only their number is kept.
    """

    def __init__(
        self, words: Mapping[str, int] | None = None, after: Mapping[str, Mapping[str, int]] | None = None
    ) -> None:
        self.words: Mapping[str, int] = words or {}
        self.after: Mapping[str, Mapping[str, int]] = after or {}
        self._all = max(1, sum(self.words.values()) - self.words.get(START, 0))
        self._followed = {word: sum(counts.values()) for word, counts in self.after.items()}

    @classmethod
    def fit(cls, texts: Iterable[str]) -> Bigrams:
        """Count the words and pairs of texts."""
        words: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for text in texts:
            met = sequence(text)
            words.update(filter(None, met))
            pairs.update(pair for pair in pairwise(met) if all(pair) and pair[1] != START)
        after: dict[str, Counter[str]] = {}
        for (word, following), count in sorted(pairs.items()):
            after.setdefault(word, Counter())[following if count > 1 else ONCE] += count
        often = {word: count for word, count in sorted(words.items()) if count > 1}
        return cls(often, {word: dict(counts) for word, counts in after.items() if word in often})

    def share(self, word: str) -> float:
        """Of all words met, how many are this one."""
        return self.words.get(word, 0) / self._all

    def chance(self, word: str, before: str, alone: float) -> float:
        """How likely ``word`` is after ``before``, where it is ``alone`` likely wherever it stands.

        A word that was never met there shares what Good and Turing allow for: so much as pairs were met once (Good
        1953, "The population frequencies of species and the estimation of population parameters").
        """
        counts = self.after.get(before, {})
        met = counts.get(word, 0) if word else 0
        return (met + (counts.get(ONCE, 0) + 1) * alone) / (self._followed.get(before, 0) + 1)

    def save(self, path: Path) -> None:
        """Write one file."""
        text = json.dumps({"words": self.words, "after": self.after}, ensure_ascii=False, separators=(",", ":"))
        path.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Bigrams:
        """Read what ``save`` wrote; ``index`` has checked the file."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(data["words"], data["after"])
