"""Articles are changed on a copy, tried, published and taken back; nothing that somebody else did is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot import builds, index
from bot.config import Config
from bot.corpus import corpus_hash
from bot.errors import IndexError_, IndexStale
from bot.publishing import copied, publish
from tests.bicycle import write_corpus
from tests.test_index import linked


@pytest.fixture(scope="module")
def live(bicycle: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("live")
    return replace(linked(bicycle, folder / "index"), corpus=write_corpus(folder / "corpus"))


@pytest.fixture(scope="module")
def changed(live: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A copy with one article edited, one gone and one new, built."""
    copy = copied(live, tmp_path_factory.mktemp("copy") / "draft")
    (copy.corpus / "003-brakes.txt").unlink()
    (copy.corpus / "010-bell.md").write_text("## Does a bicycle need a bell?\n\nA bicycle needs a bell.\n")
    chain = copy.corpus / "001-chain.md"
    chain.write_text(chain.read_text().replace("every 2 weeks", "every 5 days"))
    with pytest.raises(IndexStale):
        publish(copy, live)  # it was not built
    index.build(copy)
    assert index.built(copy).encoded == 5
    return copy


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_copy_shares_the_files_of_the_index_and_changes_nothing(live: Config, tmp_path: Path) -> None:
    before = files(live.corpus)
    copy = copied(live, tmp_path / "copy")
    assert files(copy.corpus) == before
    assert index.load(copy).version == index.load(live).version
    ours, theirs = (builds.current(config.index)[0] / "vectors.faiss" for config in (live, copy))
    assert ours.samefile(theirs)
    with pytest.raises(IndexError_, match="new folder"):
        copied(live, tmp_path / "copy")


def test_published_and_taken_back(live: Config, changed: Config, tmp_path: Path) -> None:
    (live.corpus / "notes.odd").write_text("no article, and not the copy's")
    old, before = index.load(live).version, files(live.corpus)
    back = copied(live, tmp_path / "back")
    assert publish(changed, live, corpus_hash(live.corpus)) == index.load(live).version == index.load(changed).version
    assert {a.source_id for a in index.load(live).articles} == {"001-chain", "002-tyres", "010-bell"}
    assert files(live.corpus) == files(changed.corpus) | {"notes.odd": before["notes.odd"]}
    assert publish(back, live) == index.load(live).version == old
    assert files(live.corpus) == before


def test_what_somebody_changed_in_the_meantime_is_not_overwritten(
    bicycle: Config, changed: Config, tmp_path: Path
) -> None:
    live = replace(linked(bicycle, tmp_path / "index"), corpus=write_corpus(tmp_path / "corpus"))
    since = corpus_hash(live.corpus)
    (live.corpus / "002-tyres.md").write_text("## How wide?\n\nA tyre is 28 mm wide.\n")
    before = files(live.corpus)
    with pytest.raises(IndexError_, match="in the meantime: make the copy anew"):
        publish(changed, live, since)
    assert files(live.corpus) == before
    with builds.locked(live.index), pytest.raises(IndexError_, match="being built"):
        publish(changed, live)
    assert files(live.corpus) == before
