"""The clinic's colour: read from ``clinic.toml``, checked to be readable, given to the pages as CSS (pure).

Only the accent can be chosen. The grounds it must be read on are those of ``static/site.css``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Colour: TypeAlias = tuple[float, float, float]  # red, green, blue of 255

ENOUGH = 4.5  # WCAG 2.2 AA for text
_STEPS = 255  # from a colour to black or white; no shade between two steps
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scheme:
    """What an accent stands on, and where one that can't be read has to move."""

    key: str
    paper: str
    ground: str
    ink: str  # text on a filled button
    tint_share: float  # of the accent in the pale fill behind citations and own messages
    towards: Colour

    def tint(self, accent: str) -> str:
        """The pale fill that goes with an accent."""
        return _hex(_mix(_rgb(self.paper), _rgb(accent), self.tint_share))

    def contrast(self, accent: str) -> float:
        """The accent's lowest contrast among all it is read with."""
        grounds = (self.paper, self.ground, self.tint(accent), self.ink)
        return min(contrast(accent, ground) for ground in grounds)

    def nearest(self, accent: str) -> str:
        """The nearest shade of a colour that can be read; the colour itself if it can."""
        shades = (_hex(_mix(_rgb(accent), self.towards, step / _STEPS)) for step in range(_STEPS + 1))
        return next(shade for shade in shades if self.contrast(shade) >= ENOUGH)


LIGHT = Scheme("accent", "#ffffff", "#f5f7f8", "#ffffff", 0.09, (0, 0, 0))
DARK = Scheme("accent_dark", "#18242b", "#0f191f", "#06201d", 0.12, (255, 255, 255))


class ThemeError(ValueError):
    """What is wrong with a colour, and what to write; ``clinic`` puts the file's name before it."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The accents of both schemes; empty strings leave the page its own."""

    accent: str = ""
    accent_dark: str = ""

    @classmethod
    def read(cls, raw: object) -> Theme:
        """Check the ``[theme]`` table. Without ``accent_dark`` it is the nearest readable shade of ``accent``.

        Raises:
            ThemeError: names the key, and for a colour that can't be read the nearest that can.
        """
        if not isinstance(raw, dict) or raw.keys() - {LIGHT.key, DARK.key}:
            raise ThemeError("'theme' holds accent and accent_dark, nothing else. Write them under [theme].")
        light, dark = _checked(raw, LIGHT), _checked(raw, DARK)
        return cls(light, dark or (DARK.nearest(light) if light else ""))

    def css(self) -> str:
        """What replaces the accents of the style sheet; empty where the clinic chose none."""
        light, dark = _properties(self.accent, LIGHT), _properties(self.accent_dark, DARK)
        out = f":root {{ {light} }}\n" if light else ""
        return out + (f"@media (prefers-color-scheme: dark) {{ :root:not(.light) {{ {dark} }} }}\n" if dark else "")


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))))
    return (high + 0.05) / (low + 0.05)


def _checked(raw: Mapping[str, Any], scheme: Scheme) -> str:
    value = raw.get(scheme.key, "")
    if value == "":
        return ""
    if not isinstance(value, str) or not _HEX.match(value):
        raise ThemeError(f"'theme.{scheme.key}' must be a colour. Write it like \"#0f6b64\".")
    accent = _hex(_rgb(value))
    if (found := scheme.contrast(accent)) < ENOUGH:
        raise ThemeError(
            f"'theme.{scheme.key}' {accent} can't be read: its contrast on the page is {found:.1f}:1 and must be "
            f"{ENOUGH}:1. The nearest colour that passes is {scheme.nearest(accent)}."
        )
    return accent


def _properties(accent: str, scheme: Scheme) -> str:
    if not accent:
        return ""
    return f"--accent: {accent}; --accent-ink: {scheme.ink}; --tint: {scheme.tint(accent)};"


def _rgb(text: str) -> Colour:
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in colour)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    def linear(part: float) -> float:
        part /= 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
