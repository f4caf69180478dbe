"""The page's own words in the visitor's language, from ``bot/data/interface.toml``. What the bot says stays English."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.errors import DataError

FILE = Path(__file__).parent / "data" / "interface.toml"
DEFAULT = "en"
_DIRECTIONS = ("ltr", "rtl")
_MONTHS = 12
_MARKUP = frozenset('<>&"\\')  # the words stand in markup, in attributes and in JSON as they are


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language by key. ``asked``: the address named it, so links and forms carry it on."""

    code: str = DEFAULT
    asked: bool = False

    def __getitem__(self, key: str) -> str:
        return tables()[self.code][key]

    def __contains__(self, key: object) -> bool:
        return key in tables()[self.code]

    def say(self, key: str, **slots: object) -> str:
        """A text with its slots filled. What fills them is not escaped."""
        return self[key].format(**slots)

    def date(self, day: int, month: int, year: int) -> str:
        """A day as it is written in the language."""
        return self.say("date", day=day, month=self["months"].split()[month - 1], year=year)

    def query(self, before: str = "?") -> str:
        """``?lang=sv`` where the address named the language, else nothing."""
        return f"{before}lang={self.code}" if self.asked else ""

    def html_attributes(self) -> str:
        """What ``<html>`` says about the page."""
        return f'lang="{self.code}" dir="{self["dir"]}"'


ENGLISH = Words()


def choose(asked: str | None, accepted: str | None) -> Words:
    """The language of ``?lang=``, else the browser's first that there is, else English."""
    named = _code(asked or "")
    if named in tables():
        return Words(named, asked=True)
    ranked = sorted(_ranked(accepted or ""), key=lambda pair: -pair[0])
    return Words(next((code for weight, code in ranked if weight > 0 and code in tables()), DEFAULT))


def _code(tag: str) -> str:
    return tag.strip().replace("_", "-").split("-", 1)[0].lower()


def _ranked(header: str) -> list[tuple[float, str]]:
    out = []
    for part in header.split(",")[:20]:  # a browser sends a handful
        tag, _, weight = part.replace(" ", "").partition(";q=")
        try:
            out.append((float(weight or 1), _code(tag)))
        except ValueError:
            continue  # one that can't be read says nothing
    return out


@cache
def tables() -> Mapping[str, Mapping[str, str]]:
    """Every language's texts, read and checked once."""
    return read(FILE)


def read(file: Path) -> dict[str, dict[str, str]]:
    """Read the texts and see that each language has each one, with the same slots.

    Raises:
        DataError: names the file, the language and the text.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{file.name}: can't be read: {error}. Restore the file or correct that line.") from error
    model = raw.get(DEFAULT)
    if not isinstance(model, dict):
        raise DataError(f"{file.name}: [{DEFAULT}] is missing. Every other language is compared with it.")
    for code, table in raw.items():
        if not isinstance(table, dict) or table.keys() != model.keys():
            odd = sorted(set(model) ^ set(table)) if isinstance(table, dict) else [code]
            raise DataError(f"{file.name}: [{code}] and [{DEFAULT}] differ in '{odd[0]}'. Give both the same texts.")
        for key, text in table.items():
            if problem := _problem(key, text, model[key]):
                raise DataError(f"{file.name}: [{code}] {key} {problem}")
    return raw


def _problem(key: str, text: object, model: object) -> str:
    """What is wrong with a text, with the remedy; empty if nothing."""
    if not isinstance(text, str) or not text.strip():
        return "must be a text. Put the words in double quotes."
    if _MARKUP & set(text) or not text.isprintable():
        return "holds markup or a control character. Write plain words, with ' for quotation marks."
    if _slots(text) != _slots(str(model)):
        return f"must have the slots of [{DEFAULT}]: {_slots(str(model))}."
    if key == "dir" and text not in _DIRECTIONS:
        return "must be ltr or rtl."
    if key == "months" and len(text.split()) != _MONTHS:
        return "must be twelve names with spaces between them."
    return ""


def _slots(text: str) -> list[str]:
    try:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
    except ValueError:
        return ["a stray brace"]
