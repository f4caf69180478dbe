"""Take personal data out of what a visitor typed, before any of it is kept (pure).

Telephone numbers are found by ``phonenumbers``, a port of libphonenumber, whatever way they are written. Libraries that
also look for names need a model to be fetched or a network. So names, addresses and the like are patterns in
``data/privacy.toml``, and by default nothing is kept at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from phonenumbers import Leniency, PhoneNumberMatcher

from bot.language import read_toml, words
from bot.spelling import common_words

EVERYDAY = 10_000  # most frequent words, the first names among them aside: all that "masked" shows
USUAL = 20_000  # a capitalised word that is rarer is taken for a name
REGIONS = (None, "GB", "US")  # how numbers without a country are read: ten digits and eleven, with and without a 0
PHONE_DIGITS = 7  # fewer are a figure, such as 10-14 days
MAX_CHARS = 500  # of a message that are kept
HIDDEN = "…"
_NAME = "[name]"
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class _Patterns:
    before: tuple[tuple[str, re.Pattern[str]], ...]
    after: tuple[tuple[str, re.Pattern[str]], ...]
    introduced: re.Pattern[str]
    titled: re.Pattern[str]
    first: frozenset[str]


@cache
def _patterns() -> _Patterns:
    data = read_toml("privacy.toml")
    names = data["names"]
    some = r"((?:[^\W\d_]+['’-]?[^\W\d_]*[ ]?){1,3})"
    return _Patterns(
        tuple((rule["by"], re.compile(rule["pattern"], re.IGNORECASE)) for rule in data["mask"]),
        tuple((rule["by"], re.compile(rule["pattern"], re.IGNORECASE)) for rule in data["rest"]),
        re.compile(rf"\b(?:{names['before']})\b[\s,:.-]*{some}", re.IGNORECASE),
        re.compile(rf"\b(?:{names['title']})\b\.? {some}", re.IGNORECASE),
        frozenset(names["first"].split()),
    )


def mask(text: str, known: Callable[[str], bool] = lambda word: False) -> str:
    """The text with personal data replaced by ``[email]``, ``[phone]``, ``[name]`` and the like.

    ``known`` tells the words of the articles. It errs on the side of hiding: a figure of five digits is a number, a
    capitalised word that neither everyday English nor the articles have is a name.
    """
    text = " ".join(text[: 4 * MAX_CHARS].split())
    patterns = _patterns()
    for by, pattern in patterns.before:
        text = pattern.sub(by, text)
    text = _without_phones(text)
    for by, pattern in patterns.after:
        text = pattern.sub(by, text)
    text = patterns.titled.sub(lambda m: _hidden(m, known, always=True), text)
    text = patterns.introduced.sub(lambda m: _hidden(m, known), text)
    return _without_names(text, known)[:MAX_CHARS]


def only_known(text: str, known: Callable[[str], bool]) -> str:
    """A masked text in lower case of which only everyday words, those of the articles and small figures are left."""
    names = _patterns().first

    def shown(token: str) -> str:
        if re.fullmatch(r"\W*\[\w+\]\W*", token):
            return token
        plain = words(token)
        everyday = common_words(EVERYDAY)
        clear = all((w in everyday and w not in names) or known(w) or (w.isdigit() and len(w) < 4) for w in plain)
        return token.lower() if clear else HIDDEN

    return re.sub(rf"{HIDDEN}(?: {HIDDEN})+", HIDDEN, " ".join(shown(token) for token in text.split()))


def _without_phones(text: str) -> str:
    for region in REGIONS:
        for match in reversed(list(PhoneNumberMatcher(text, region, leniency=Leniency.POSSIBLE))):
            if sum(c.isdigit() for c in match.raw_string) >= PHONE_DIGITS:
                text = f"{text[: match.start]}[phone]{text[match.end :]}"
    return text


def _hidden(match: re.Match[str], known: Callable[[str], bool], always: bool = False) -> str:
    """Hide the words of a match that can be a name, up to the first that can't."""
    start = match.start(1) - match.start()
    lead, said = match[0][:start], match[1]
    kept, hidden = said, False
    for found in _WORD.finditer(said):
        word = found[0]
        usual = word.lower() in common_words(USUAL) or known(word.lower())
        named = word.lower() in _patterns().first or not usual or (word[0].isupper() and not word.isupper())
        if not named and not (always and not hidden):
            break
        kept, hidden = said[found.end() :], True
    return f"{lead}{_NAME}{kept}" if hidden else match[0]


def _without_names(text: str, known: Callable[[str], bool]) -> str:
    """Hide first names, and capitalised words inside a sentence that are no everyday words."""
    usual, names = common_words(USUAL), _patterns().first
    shouted = text.isupper()

    def shown(match: re.Match[str]) -> str:
        word = match[0]
        plain = re.sub(r"['’]s?$", "", word.lower())
        if text[: match.start()].endswith("[") or known(plain):
            return word
        opening = not text[: match.start()].rstrip() or text[: match.start()].rstrip()[-1] in ".?!"
        capital = word[0].isupper() and not word.isupper() and not shouted and not opening
        return _NAME if plain in names or (capital and plain not in usual) else word

    return re.sub(rf"{re.escape(_NAME)}(?: {re.escape(_NAME)})+", _NAME, _WORD.sub(shown, text))
