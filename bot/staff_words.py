"""Every text of the staff's pages, from ``bot/data/staff.toml``. English; what visitors read is in ``interface``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bot.language import read_toml


@cache
def texts() -> Mapping[str, str]:
    """The texts by key, each on one line but for the line ends it asks for with a blank line."""
    return {key: text.strip() for table in read_toml("staff.toml").values() for key, text in table.items()}


def say(key: str, **slots: object) -> str:
    """A text with its slots filled. Neither is escaped."""
    return texts()[key].format(**slots) if slots else texts()[key]
