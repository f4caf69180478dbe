"""Mend typing errors without harming medical words or names: a noisy channel over SymSpell's suggestions.

What was meant is the sequence of words that is the likeliest to be asked (``bigrams``) and to be mistyped so
(Kernighan, Church and Gale 1990, "A spelling correction program based on a noisy channel model"), found by Viterbi's
algorithm. A word that corpus, lexicon, the encoder's vocabulary or an English dictionary knows gives way only to
overwhelming evidence: "dose" to "does" in "dose it hurt".
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from symspellpy import SymSpell, Verbosity

from bot.bigrams import START, TOKEN, Bigrams, ends_sentence
from bot.language import language, stem, words, written_out
from bot.schema import Passage

MIN_LETTERS = 4  # of three letters, every other word is one edit away: such are suggested only where they are asked
EVERYDAY = 400  # the most frequent words, which a hurried thumb swaps letters in
OFTEN_READ = 12_000  # more frequent words are no slips
OFTEN_ASKED = 15  # words met as often in questions may be meant wherever they fit
SURELY_MEANT = 300  # and as often, they are what was meant
SHORT = 5  # up to this length one edit, above it two
RECURRING = 25  # questions with a word that no dictionary has, before it counts as one: "dermapen" does, "itchin" not
# How much less likely than the word as it stands, in natural logarithms:
SLIP = 7.0  # an edit that leaves a word nobody knows
SLIP_TO_KNOWN = 10.0  # one that leaves a word of a dictionary or of the field
MIX_UP = 4.0  # one such word for another that is known to be taken for it
SECOND_SLIP = 4.0  # one more: who mistypes a word once may do so twice
OTHER_START = 2.0  # the first letter is seldom wrong
RUN_TOGETHER = 6.0  # a space left out
STRETCHED = 1.0  # "hurtttt"
COMMONEST = 1.5  # a letter left out, or two swapped, is so much likelier than other slips
ASKED_SHARE = 0.95  # of a word's likelihood is from questions, the rest from books
OF_FIELD, KNOWN, UNKNOWN = 1e-5, 1e-7, 1e-10  # how likely any word is at least
LONGEST = 40  # letters; longer ones are no words
REMEMBERED = 10_000  # words whose meanings need not be looked up again

_RUNS = re.compile(r"(.)\1{2,}")

# Words that may be meant, and how likely they are mistyped so: natural logarithm, 0 for the word as it stands.
Option = tuple[tuple[str, ...], float]
_Path = tuple[()] | tuple[str, Any]  # the last word chosen, and the path to it


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
    """``mend(text)`` returns the text in lower case, each word as it was meant."""

    def __init__(
        self, domain: Collection[str], model_words: Iterable[str] = (), bigrams: Bigrams | None = None
    ) -> None:
        self._bigrams = bigrams or Bigrams()
        chat = language().chat
        self._domain = frozenset(w for w in domain if w.isalpha() and len(w) >= MIN_LETTERS)
        listed = language().function_words | language().kept_words
        self._common = ((common_words(OFTEN_READ) | listed) - chat.keys()) | frozenset(domain)
        self._known = self._common | frozenset(model_words) | english().keys()
        self._asked = frozenset(w for w in self._common if self._bigrams.words.get(w, 0) >= OFTEN_ASKED)
        self._books = sum(english()[word] for word in common_words(OFTEN_READ))
        self._symspell = SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
        for word in sorted(self._common):
            if word.isalpha() and (len(word) >= MIN_LETTERS or word in self._asked):
                self._symspell.create_dictionary_entry(word, 1)
        self._alone = lru_cache(REMEMBERED)(self._likelihood)
        self._options = lru_cache(REMEMBERED)(self._meant)

    def mend(self, text: str) -> str:
        """Mend and expand chat forms; digits, hyphens and punctuation stay."""
        pieces = list(self._pieces(text))
        mended = iter(self._likeliest([options for token, options in pieces if not token.isspace()]))
        return " ".join("".join(token if token.isspace() else next(mended) for token, _ in pieces).split())

    def _pieces(self, text: str) -> Iterator[tuple[str, Sequence[Option]]]:
        """What the text is made of, each with what it may mean."""
        before = last = ""
        for token in TOKEN.findall(text):
            named = token.istitle() and before.islower()  # a capital inside a sentence: a name, left alone
            counted = last[-1:].isdigit()  # "67th"
            before, last = token if token[0].isalpha() else before * token.isspace(), token
            word = token.lower().replace("’", "'")
            if not word[0].isalpha():
                yield token, [((token,), 0.0)]
            elif (full := written_out(word)) is not None:
                yield token, [(tuple(full.split()), 0.0)]
            elif named or counted or len(word) > LONGEST:
                yield token, [((word,), 0.0)]
            else:
                yield token, self._options(swap_mended(word) or word)

    def _meant(self, word: str) -> Sequence[Option]:
        """What a lower-case word may mean: itself, the known words near it, or two that were run together."""
        options: dict[tuple[str, ...], float] = {(word,): 0.0}
        sure = word in self._common and self._bigrams.words.get(word, 0) >= SURELY_MEANT
        if sure or len(word) < 2 or word in language().kept_words or not (word.isalpha() and word.isascii()):
            return list(options.items())
        price = SLIP_TO_KNOWN if word in self._known else SLIP
        reach = 1 if len(word) <= SHORT or word in self._known else 2
        for form in dict.fromkeys((word, _RUNS.sub(r"\1\1", word), _RUNS.sub(r"\1", word))):
            for near in self._symspell.lookup(form, Verbosity.ALL, max_edit_distance=reach):
                if self._may_be(near.term, word, near.distance):
                    slips = price + SECOND_SLIP * (near.distance - 1) if near.distance else STRETCHED
                    commonest = len(near.term) > len(word) or sorted(near.term) == sorted(word)
                    cost = COMMONEST * commonest - OTHER_START * (near.term[0] != word[0]) - slips
                    options[(near.term,)] = max(cost, options.get((near.term,), cost))
        if word not in self._known:
            options |= dict.fromkeys(self._parted(word), -RUN_TOGETHER)
        options |= {(other,): -MIX_UP for other in language().mixed_up.get(word, ())}
        return list(options.items())

    def _may_be(self, term: str, word: str, distance: int) -> bool:
        """Whether a dictionary's word is a likely meaning of another that is so many edits away."""
        if term == word or (word in self._known and stem(term) == stem(word)):
            return False  # one form of a word for another helps nobody
        if term in self._asked:
            return len(word) >= MIN_LETTERS or term[0] == word[0]
        # A word that is not of the field must be very near: better unmended than made another word.
        return word not in self._known and (term in self._domain or (distance <= 1 and term[0] == word[0]))

    def _parted(self, word: str) -> list[tuple[str, ...]]:
        """ "hurtmuch": two words run together. The first is one that is asked or of the field."""
        if len(word) < MIN_LETTERS:
            return []
        halves = [(word[:i], word[i:]) for i in range(1, len(word) - 1)]
        begun = [(left, right) for left, right in halves if left in self._asked or left in self._domain]
        return [
            (left, right)
            for left, right in begun
            if right in self._asked or (min(len(left), len(right)) > 2 and right in self._known)
        ]

    def _likelihood(self, word: str) -> float:
        """How likely a word is wherever it stands."""
        asked = self._bigrams.share(word) if word in self._known else 0.0
        read = english().get(word, 0) / self._books
        least = OF_FIELD if word in self._domain else KNOWN if word in self._known else UNKNOWN
        return ASKED_SHARE * asked + (1 - ASKED_SHARE) * read + least

    def _after(self, before: str, word: str) -> float:
        """The logarithm of how likely a word is after another; marks and figures say nothing."""
        if not word[0].isalpha():
            return 0.0
        met = [w if w == START or w in self._known else "" for w in (before, word)]  # slips recur, too
        return math.log(self._bigrams.chance(met[1], met[0], self._alone(word)))

    def _likeliest(self, pieces: Sequence[Sequence[Option]]) -> list[str]:
        """For each piece one of its options, so that all together are the likeliest (Viterbi 1967)."""
        ends: dict[str, tuple[float, _Path]] = {START: (0.0, ())}
        for options in pieces:
            reached: dict[str, tuple[float, _Path]] = {}
            for chosen, cost in options:
                for before, (score, path) in ends.items():
                    last = before
                    total = score + cost
                    for word in chosen:
                        total += self._after(last, word)
                        last = word
                    end = last if last[:1].isalpha() else START if ends_sentence(last) else ""
                    if end not in reached or reached[end][0] < total:
                        reached[end] = total, (" ".join(chosen), path)
            ends = reached
        _, path = max(ends.values(), key=lambda end: end[0])
        out = []
        while path:
            word, path = path
            out.append(word)
        return out[::-1]


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


def corpus_words(passages: Sequence[Passage], model_words: Collection[str]) -> frozenset[str]:
    """The words of the articles, and of the wordings under their headings."""
    published = domain_words(text for p in passages for text in (p.text, p.heading))
    return published | asked_words((q for p in passages for q in p.questions), model_words)
