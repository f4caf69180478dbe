"""What Word and Excel files are packed in, looked at before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bot.errors import CorpusError

_OLD = b"\xd0\xcf\x11\xe0"  # an OLE2 file: what came before, and what a password wraps the new ones in
MAX_UNPACKED = 300_000_000  # bytes; zipfile never unpacks more than the sizes that it lists
MAX_MEMBERS = 10_000


def checked_archive(path: Path) -> None:
    """Refuse what is no Office file of today, or one that grows when it is opened.

    Raises:
        CorpusError: locked, damaged, too large once unpacked.
    """
    with path.open("rb") as file:
        if file.read(4) == _OLD:
            raise CorpusError(f"{path}: is locked with a password, or an old Office file: save it anew without one")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise CorpusError(f"{path}: is damaged or no Office file: open it in Office and save it anew") from None
    if any(member.flag_bits & 1 for member in members):
        raise CorpusError(f"{path}: is locked with a password: save it without one")
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        size = MAX_UNPACKED // 1_000_000
        raise CorpusError(
            f"{path}: unpacks to more than {size} MB or {MAX_MEMBERS:,} parts: remove pictures, or split it"
        )
