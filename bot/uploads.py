"""What staff upload: how a file may be called, how many there may be and how large.

A file's name becomes the permanent id of its article and stands in addresses, so it is made plain, and one that means
something else to a system is refused. Nothing of what a browser sends reaches the disk but through ``kept_name``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from bot.errors import EditionError
from bot.language import read_toml
from bot.readers import SUFFIXES
from bot.staff_words import say

MAX_FILES = 50  # of one edition; a clinic's website has fewer pages on treatments
MAX_BYTES = 20_000_000  # of its files together
MAX_BODY_BYTES = MAX_BYTES + 100_000  # what a form adds to its files: a boundary and a head for each
MAX_FIELD_BYTES = 10_000  # of a field of the form that is no file
MAX_STEM = 100  # characters of an id; what a page tells about an answer may name one no longer
MAX_WORD = 500  # characters without a space; a web address with all that follows a person has fewer
MAX_PARAGRAPH = 50_000  # characters, some 8,000 words
_SHOWN = 80  # characters of a refused name that are shown
_PLAIN = re.compile(r"[^\w.-]+")
# Devices of Windows, whatever their ending: the articles may be copied there.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent. ``name`` is what the browser says, ``size`` in bytes."""

    name: str
    size: int
    file: BinaryIO


def kept_name(name: str, known: Sequence[str] = ()) -> str:
    """The name under which a file is kept: one of ``known`` if it is the same, else made plain.

    Raises:
        EditionError: a file can't be called so, or is of a kind that is not read; says what to do.
    """
    name = unicodedata.normalize("NFC", name).strip()
    shown = shown_name(name)
    if "/" in name or "\\" in name or not name.isprintable() or not name.strip("."):
        raise EditionError(say("name_path", name=shown))
    if name.startswith((".", "~$")):
        raise EditionError(say("name_hidden", name=shown))
    formats = read_toml("formats.toml")
    if reserved := formats["reserved"].get(name.lower()):
        raise EditionError(say("name_reserved", name=shown, why=reserved))
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        instead = formats["instead"].get(suffix.removeprefix("."))
        told = say("kind_instead", name=shown, instead=instead) if instead else None
        raise EditionError(told or say("kind_unread", name=shown, kinds=" ".join(SUFFIXES)))
    return name if name in known else _plain(name[: -len(suffix)], suffix, shown)


def _plain(stem: str, suffix: str, shown: str) -> str:
    stem = _PLAIN.sub("-", stem).strip("-.")
    if not stem or _DEVICE.match(stem.partition(".")[0]):
        raise EditionError(say("name_none", name=shown))
    if len(stem) > MAX_STEM or len(f"{stem}{suffix}".encode()) > 2 * MAX_STEM:
        raise EditionError(say("name_long", name=shown, most=MAX_STEM))
    return f"{stem}{suffix}"


def shown_name(name: str) -> str:
    """A name as it can be shown, whatever it is."""
    shown = name if name.isprintable() else ascii(name)[1:-1]
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
