"""Every text a visitor can read, from ``bot/data/texts.toml``, filled with the clinic's details."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bot.clinic import Clinic
from bot.errors import ConfigError, DataError

TEXTS_FILE = Path(__file__).parent / "data" / "texts.toml"
URGENT_WORDS = 70  # a frightened reader takes in no more; the brief's limit
URGENT_KEYS = ("emergency", "self_harm", "red_flag", "poison", "sharps", "failsafe", "urgent_reminder")


@dataclass(frozen=True, slots=True)
class Texts(Mapping[str, str]):
    """The filled texts by key. Iterating gives the keys in the order of the file."""

    filled: Mapping[str, str]
    own: frozenset[str] = frozenset()  # keys the clinic worded itself

    @classmethod
    def load(cls, clinic: Clinic, file: Path = TEXTS_FILE) -> Texts:
        """Read the texts, put the clinic's own wording in place and fill the slots."""
        texts = read_texts(file)
        for key in clinic.texts:
            if key not in texts:
                raise ConfigError(f"{clinic.path}: texts.{key} is not a text. Use a key of {file.name}.")
        slots = clinic.slots()
        filled = {}
        for key, text in texts.items():
            if key in clinic.texts:
                filled[key] = _fill(clinic.texts[key], slots, f"{clinic.path}: texts.{key}", ConfigError)
            else:
                filled[key] = _fill(text, slots, f"{file.name}: {key}", DataError)
        return cls(MappingProxyType(filled), frozenset(clinic.texts))

    def __getitem__(self, key: str) -> str:
        return self.filled[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.filled)

    def __len__(self) -> int:
        return len(self.filled)


def read_texts(file: Path = TEXTS_FILE) -> dict[str, str]:
    """The texts as written, before any slot is filled."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{file.name}: can't be read: {error}. Restore the file or correct that line.") from error
    for key, text in raw.items():
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{file.name}: {key} must be a text. Put the words in double quotes.")
    return {key: " ".join(text.split()) for key, text in raw.items()}


def _fill(text: str, slots: Mapping[str, str], where: str, kind: type[ConfigError] | type[DataError]) -> str:
    """Fill the slots; a slot nobody knows, or a stray brace, is named by file and key."""
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise kind(f"{where}: {error}. Write {{slot}} with both braces.") from error
    unknown = sorted(names - slots.keys())
    if unknown:
        raise kind(f"{where}: unknown slot {{{unknown[0]}}}. Use one of: {', '.join(sorted(slots))}.")
    filled = text.format(**slots)
    return filled[:1].upper() + filled[1:]  # a slot may start the sentence
