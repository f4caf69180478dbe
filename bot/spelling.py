"""Mend typing errors without harming medical words or names: SymSpell over the corpus' own words.

Only a word that nobody knows is touched: not the corpus, the lexicon, the encoder's vocabulary, or
the English list that symspellpy carries. Suggestions prefer corpus words, then the same first letter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache
from importlib import resources

from symspellpy import SymSpell, Verbosity

from bot.language import language, words

MIN_LETTERS = 4  # of three letters, every other word is one edit away
EVERYDAY = 400  # the most frequent words, which a hurried thumb swaps letters in
OFTEN_READ = 12_000  # more frequent words are no slips
SHORT = 5  # up to this length one edit, above it two
CORPUS_COUNT = 10**12  # a corpus word outweighs any English word at the same distance
RECURRING = 25  # questions with a word that no dictionary has, before it counts as one: "dermapen" does, "itchin" not
_TOKEN = re.compile(r"[^\W\d_](?:[^\W_]|['’])*|[\W\d_]+")  # "b4" is one, "4mm" two
_RUNS = re.compile(r"(.)\1{2,}")


@cache
def english() -> dict[str, int]:
    """Frequencies of about 80,000 English words (Google Books n-grams, from symspellpy, MIT)."""
    path = resources.files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    lines = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return {word: int(count) for word, count in lines}


@cache
def common_words(rank: int) -> frozenset[str]:
    """The ``rank`` most frequent English words: words anybody uses about anything."""
    return frozenset(list(english())[:rank])


class Speller:
    """``mend(text)`` returns the text in lower case with unknown words replaced by the nearest known."""

    def __init__(self, domain: Collection[str], model_words: Iterable[str] = ()) -> None:
        self._domain = frozenset(w for w in domain if w.isalpha() and len(w) >= MIN_LETTERS)
        self._known = frozenset(domain) | frozenset(model_words) | language().kept_words | english().keys()
        self._symspell = SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
        for word in common_words(OFTEN_READ):
            if len(word) >= MIN_LETTERS and word not in self._domain:
                self._symspell.create_dictionary_entry(word, english()[word])
        for word in sorted(self._domain):
            self._symspell.create_dictionary_entry(word, CORPUS_COUNT + english().get(word, 0))

    def mend(self, text: str) -> str:
        """Mend and expand chat forms; digits, hyphens and punctuation stay."""
        chat: dict[str, str] = language().chat
        out = []
        before = ""
        for token in _TOKEN.findall(text):
            named = token.istitle() and before.islower()  # a capital inside a sentence: a name, left alone
            before = token if token[0].isalpha() else before * token.isspace()
            word = token.lower().replace("’", "'")
            bare = word.replace("'", "")
            if not word[0].isalpha():
                out.append(token)
            elif word in chat or bare in chat:
                out.append(chat.get(word, chat.get(bare, "")))
            else:
                out.append(word if named else self.word(word))
        return " ".join("".join(out).split())

    def word(self, word: str) -> str:
        """One lower-case word, mended where it is unknown and a known one is near."""
        swapped = swap_mended(word)
        if swapped:
            return swapped
        if len(word) < MIN_LETTERS or not (word.isalpha() and word.isascii()) or word in self._known:
            return word
        squeezed = [_RUNS.sub(r"\1\1", word), _RUNS.sub(r"\1", word)]
        for form in squeezed:
            if form in self._known:
                return form
        word = squeezed[-1]
        reach = 1 if len(word) <= SHORT else 2
        near = self._symspell.lookup(word, Verbosity.ALL, max_edit_distance=reach)
        # A word that is not of the field must be very near: better unmended than made another word.
        found = [s for s in near if s.term in self._domain or (s.distance == 1 and s.term[0] == word[0])]
        if not found:
            return self._split(word)
        best = min(found, key=lambda s: (s.distance, s.term[0] != word[0], -s.count, s.term))
        return str(best.term)

    def _split(self, word: str) -> str:
        """ "doesithurt": two known words run together, else the word as it is."""
        for i in range(3, len(word) - 2):
            if word[:i] in self._domain and word[i:] in self._known:
                return f"{word[:i]} {word[i:]}"
        return word


def swap_mended(word: str) -> str:
    """The everyday word that a rare one is with two letters swapped ("adn"), though dictionaries may list it."""
    if len(word) < 3 or word in common_words(OFTEN_READ) or word in language().kept_words:
        return ""
    forms = (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1))
    return max((form for form in forms if form in common_words(EVERYDAY)), key=english().__getitem__, default="")


def domain_words(texts: Iterable[str]) -> frozenset[str]:
    """The words of texts, parts of hyphenated ones included."""
    listed = (part for text in texts for word in words(text) for part in (word, *word.split("-")))
    return frozenset(w for w in listed if w)


def asked_words(questions: Iterable[str], model_words: Collection[str]) -> frozenset[str]:
    """The words of questions as people type them, slips left out: a word that nobody else knows must recur."""
    counts = Counter(part for text in questions for part in domain_words([text]))
    return frozenset(w for w, n in counts.items() if n >= RECURRING or w in english() or w in model_words)
