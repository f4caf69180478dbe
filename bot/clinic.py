"""The clinic's own details (``corpus/clinic.toml``) and the wording used where one is not set."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from bot.errors import ConfigError
from bot.theme import Theme, ThemeError

_LINKS = ("booking_url", "privacy_url")
_OLDEST_MINIMUM = 99

# What stands in a text where the clinic has not set the value. Neutral on purpose: the texts are
# read in any country, and an empty slot must never be printed.
_NEUTRAL: Mapping[str, str] = MappingProxyType(
    {
        "name": "the clinic",
        "emergency_number": "your local emergency number (for example 112, 911 or 999)",
        "urgent_advice_line": "an urgent medical advice line",
        "crisis_line": "a local crisis helpline",
        "poison_line": "a poison advice line",
        "opening_hours": "please ask the clinic",
        "address": "please ask the clinic",
        "region_name": "your area",
        "minimum_age": "18",
    }
)


@dataclass(frozen=True, slots=True)
class Clinic:
    """What the clinic says about itself. An empty string (or ``None``) means "not set"."""

    name: str = ""
    phone: str = ""
    email: str = ""
    booking_url: str = ""
    opening_hours: str = ""
    address: str = ""
    emergency_number: str = ""
    urgent_advice_line: str = ""
    crisis_line: str = ""
    poison_line: str = ""
    privacy_url: str = ""
    minimum_age: int | None = None
    region_name: str = ""
    theme: Theme = field(default_factory=Theme)
    texts: Mapping[str, str] = field(default_factory=dict)
    path: str = "clinic.toml"  # where it was read from, for messages about it

    @classmethod
    def load(cls, path: Path | str) -> Clinic:
        """Read ``clinic.toml``; a missing file is a clinic with nothing set."""
        file = Path(path)
        try:
            raw = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return cls(path=str(file))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{file}: can't be read: {error}. Correct the file or remove it.") from error
        return cls(**_checked(raw, file), path=str(file))

    def contact(self) -> str:
        """One phrase that says how to reach the clinic, for use in the middle of a sentence."""
        ways = [f"phone {self.phone}"] * bool(self.phone) + [f"email {self.email}"] * bool(self.email)
        name = self.name or "the clinic"
        return f"{name} ({', '.join(ways)})" if ways else name

    def booking(self) -> str:
        """Where to book: the booking page where there is one, else the contact."""
        return f"the booking page {self.booking_url}" if self.booking_url else self.contact()

    def privacy(self) -> str:
        """Where to read what is stored and how to have it deleted, or whom to ask."""
        return f"the privacy page {self.privacy_url}" if self.privacy_url else self.contact()

    def age_limit(self) -> int:
        """The age below which a person is treated as a minor by the texts."""
        return self.minimum_age or int(_NEUTRAL["minimum_age"])

    def slots(self) -> dict[str, str]:
        """Every ``{slot}`` a text may use, with neutral wording where the clinic has set nothing."""
        out = {name: str(getattr(self, name) or neutral) for name, neutral in _NEUTRAL.items()}
        return out | {"contact": self.contact(), "booking": self.booking(), "privacy": self.privacy()}

    def unset(self) -> tuple[str, ...]:
        """The names of the details that are not set, for the operator's check."""
        told = (f.name for f in fields(self) if f.name not in ("texts", "theme", "path"))
        return tuple(name for name in told if not getattr(self, name))


def _checked(raw: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The values of the file, each checked; anything odd is named with file, key and remedy."""
    known = {f.name for f in fields(Clinic)} - {"path"}
    out: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in known:
            raise ConfigError(f"{file}: unknown key '{key}'. Remove it or use one of: {', '.join(sorted(known))}.")
        out[key] = _value(key, value, file)
    return out


def _value(key: str, value: Any, file: Path) -> Any:
    if key == "texts":
        if not isinstance(value, dict) or not all(isinstance(v, str) and v.strip() for v in value.values()):
            raise ConfigError(f"{file}: 'texts' must hold non-empty texts. Write key = \"text\" under [texts].")
        return MappingProxyType({k: " ".join(v.split()) for k, v in value.items()})
    if key == "theme":
        try:
            return Theme.read(value)
        except ThemeError as error:
            raise ConfigError(f"{file}: {error}") from None
    if key == "minimum_age":
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _OLDEST_MINIMUM:
            raise ConfigError(f"{file}: 'minimum_age' must be a whole number of years. Write for example 18.")
        return value
    if not isinstance(value, str):
        raise ConfigError(f"{file}: '{key}' must be text. Put the value in double quotes.")
    text = " ".join(value.split())
    if key in _LINKS and text and not _is_link(text):
        raise ConfigError(f"{file}: '{key}' must be a web address. Write it in full, starting with https://.")
    return text


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(c in text for c in " <>\"'")
