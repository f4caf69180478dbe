"""Change articles on a copy, look at what the bot says then, and put both in place: for pages on which staff do that.

    copy = copied(live, folder)      the corpus and its index beside the live ones; change files in copy.corpus
    index.build(copy)                embeds what changed; Bot.open(copy) answers from it
    publish(copy, live, since)       articles and index in the place of the live ones; running servers notice
    shutil.rmtree(folder)            or discard it

A copy made before publishing is the way back: ``publish(before, live)``.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from bot import builds, index
from bot.config import Config
from bot.corpus import corpus_files, corpus_hash
from bot.errors import IndexError_


def copied(live: Config, folder: Path) -> Config:
    """A copy of corpus and index in a new folder; the index' files are shared, so it costs next to nothing.

    Raises:
        IndexMissing, IndexDamaged: there is no index.
        IndexError_: it is being built, or the folder is there already.
    """
    out = replace(live, corpus=folder / "corpus", index=folder / "index")
    with builds.locked(live.index):
        try:
            shutil.copytree(live.corpus, out.corpus)
        except OSError as error:
            raise IndexError_(f"{folder}: {error}: give the name of a new folder") from error
        builds.adopt(out.index, live.index)
    return out


def publish(copy: Config, live: Config, since: str = "") -> str:
    """Put the articles of a copy and their index in the place of the live ones. Returns the version.

    Other files of the live corpus folder stay, but for those of the same name. A process killed in between leaves
    articles that the index does not fit, which the next start or build mends.

    ``since``: the ``corpus_hash`` of the live corpus when the copy was made.

    Raises:
        IndexStale, IndexMissing, IndexDamaged: the copy was not built since it was changed.
        IndexError_: the live articles are no longer those of ``since``, or are being built; nothing is changed.
    """
    version = index.load(copy).version
    with builds.locked(live.index):
        if since and corpus_hash(live.corpus) != since:
            raise IndexError_(f"{live.corpus}: articles were changed in the meantime: make the copy anew")
        _replace_files(copy.corpus, live.corpus)
        builds.adopt(live.index, copy.index)
    return version


def _replace_files(source: Path, target: Path) -> None:
    """Every file by one rename; articles that the source has no more are removed."""
    kept = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    gone = [path for path in corpus_files(target) if path.relative_to(target) not in kept]
    for place in sorted(kept):
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        beside = (target / place).with_name(f".{place.name}.new")  # such names are no articles
        shutil.copy2(source / place, beside)
        os.replace(beside, target / place)
    for path in gone:
        path.unlink()
