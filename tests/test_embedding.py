"""A rebuild embeds what changed and nothing else, and ends where a build from nothing would."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import builds, index
from bot.chunker import passages_of
from bot.config import Config
from bot.corpus import load_corpus
from bot.embedding import FITTED, FOLDER, MOST_CHANGED, Before, Embedded, Embedding
from bot.encoder import locate
from bot.known import load_keys
from bot.pipeline import Bot
from bot.rows import rows_of
from bot.schema import Turn
from tests.bicycle import write_corpus
from tests.test_index import linked

Steps = list[tuple[str, int, int]]


def texts_of(config: Config) -> set[str]:
    """Every text that an index of a corpus embeds."""
    articles = load_corpus(config.corpus)
    return set(rows_of(passages_of(articles, config.chunking), articles)[1])


def encoded(steps: Steps) -> int:
    """How many texts a build was seen to embed."""
    return sum(total for step, done, total in steps if step == "encode" and done == total)


@pytest.fixture(scope="module")
def edited(bicycle: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Steps]:
    """The bicycle's index after one sentence of one article was edited and another article was renamed."""
    folder = tmp_path_factory.mktemp("edited")
    config = replace(linked(bicycle, folder / "index"), corpus=write_corpus(folder / "corpus"))
    chain, tyres = config.corpus / "001-chain.md", config.corpus / "002-tyres.md"
    chain.write_text(chain.read_text().replace("every 2 weeks by a daily rider", "every 5 days by a daily rider"))
    tyres.rename(config.corpus / "007-wheels.md")
    steps: Steps = []
    index.build(config, lambda *step: steps.append(step))
    return config, steps


# ---- what is embedded -----------------------------------------------------------------------------------------------


def test_only_the_changed_texts_of_the_edited_article_are_embedded(
    edited: tuple[Config, Steps], bicycle: Config
) -> None:
    config, steps = edited
    new = texts_of(config) - texts_of(bicycle)
    assert sorted(new) == [
        "How often should the chain be oiled? The chain is oiled every 5 days by a daily rider. A rider in the rain "
        "oils it every 3 days. Too much oil collects dirt.",
        "The chain is oiled every 5 days by a daily rider.",
    ]
    assert encoded(steps) == len(new)
    told = index.built(config)
    assert (told.encoded, told.texts, told.kept) == (2, len(texts_of(config)), True)
    assert str(told).endswith(f"2 of {told.texts:,} texts embedded anew, encoder kept")


def test_edited_and_renamed_articles_answer_at_once(edited: tuple[Config, Steps]) -> None:
    bot = Bot.open(edited[0])
    often = bot.ask([Turn("user", "how often is the chain oiled")])
    assert "every 5 days" in often.answer and "2 weeks" not in often.answer
    assert bot.ask([Turn("user", "tyre pressure")]).citations[0].source_id == "007-wheels"
    assert bot.article("002-tyres") is None


def test_what_is_gone_is_not_kept(edited: tuple[Config, Steps], bicycle: Config) -> None:
    """The known texts of a build are its own, so nothing piles up."""
    for config in (edited[0], bicycle):
        folder, _ = builds.current(config.index)
        assert len(set(load_keys(folder / FOLDER / "texts.npy"))) == len(texts_of(config))


def test_fresh_takes_nothing_over(bicycle: Config, tmp_path: Path) -> None:
    config = linked(bicycle, tmp_path / "index")

    class Enough(Exception):
        pass

    def watch(step: str, done: int, total: int) -> None:
        if step == "make the encoder fast":
            raise Enough

    with pytest.raises(Enough):
        index.build(config, watch, fresh=True)
    assert index.load(config).version == index.load(bicycle).version


@pytest.mark.parametrize("name", ["vectors.faiss", "known/texts.npy", "known/rest.npy", "encoder/model.onnx"])
def test_nothing_is_taken_from_a_damaged_build(bicycle: Config, tmp_path: Path, name: str) -> None:
    config = linked(bicycle, tmp_path / "index")
    expected = index.expectations(config, locate(config.model))
    assert Before.find(config.index, expected)
    path = builds.current(config.index)[0] / name
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1])
    assert Before.find(config.index, expected) is None


@pytest.mark.parametrize("name", ["model", "adaptation", "form", "libraries", "format"])
def test_nothing_is_taken_from_another_encoder(bicycle: Config, name: str) -> None:
    expected = index.expectations(bicycle, locate(bicycle.model))
    assert Before.find(bicycle.index, {**expected, name: "another"}) is None
    assert Before.find(bicycle.index, {**expected, "corpus_sha256": "another", "examples_sha256": "another"})


# ---- an encoder that was fitted to the corpus -----------------------------------------------------------------------


class Refitted(Exception):
    """The encoder is about to be fitted anew."""


def rebuilt(shipped: Config, folder: Path, change: Callable[[Path], None]) -> Embedded:
    """What a rebuild of the changed corpus embeds; the classifiers, which take longer, are left out."""
    corpus = folder / "corpus"
    shutil.copytree(shipped.corpus, corpus)
    change(corpus)
    config = replace(shipped, corpus=corpus)
    source = locate(config.model)
    before = Before.find(shipped.index, index.expectations(config, source))
    assert before

    def say(step: str, done: int, total: int) -> None:
        if step in ("adapt the encoder", "make the encoder fast"):  # the second where there is too little to fit it to
            raise Refitted

    articles = load_corpus(corpus)
    target = folder / "build"
    target.mkdir()
    return Embedding(config, source, target, before, say).run(articles, passages_of(articles, config.chunking))


def test_it_is_kept_while_little_changed(shipped: Config, tmp_path: Path) -> None:
    folder, manifest = builds.current(shipped.index)

    def change(corpus: Path) -> None:
        (corpus / "009-new.md").write_text("## Is there a bell?\n\nThere is a bell at the desk. It is rung twice.\n")

    found = rebuilt(shipped, tmp_path, change)
    work = found.report["work"]
    assert work["encoder"] == "kept" and 0 < work["changed"] <= MOST_CHANGED
    assert 4 <= work["encoded"] <= 6  # the heading, both sentences, and the passage; two wordings said after another
    assert found.report["adaptation_result"] == manifest["adaptation_result"]
    for name in ("model.onnx", "tokenizer.json"):
        assert (tmp_path / "build" / "encoder" / name).samefile(folder / "encoder" / name)
    assert load_keys(tmp_path / "build" / FITTED) == load_keys(folder / FITTED)  # small changes add up


def test_it_is_fitted_anew_where_much_changed(shipped: Config, tmp_path: Path) -> None:
    def change(corpus: Path) -> None:
        for path in corpus.glob("*.md"):
            path.unlink()
        (corpus / "009-new.md").write_text("## Is there a bell?\n\n<!-- questions:\nbell\n-->\n\nThere is a bell.\n")

    with pytest.raises(Refitted):
        rebuilt(shipped, tmp_path, change)


# ---- any sequence of changes ----------------------------------------------------------------------------------------

SECTIONS = {
    "How often is a pot watered?": ("watering interval", "A pot is watered every 3 days.", "In July it is every day."),
    "How deep is a bulb planted?": ("planting depth", "A bulb is planted 10 cm deep.", "A crocus needs only 5 cm."),
    "When are roses cut?": ("pruning time", "Roses are cut in March.", "Climbing roses are cut after flowering."),
    "Does moss harm a lawn?": ("moss", "Moss takes light from the grass.", "Raking removes most of it."),
    "How long do seeds keep?": ("old seeds", "Most seeds keep 3 years.", "Parsnip seeds keep 1 year."),
    "What feeds tomatoes?": ("tomato feed", "Tomatoes are fed with potash.", "Feeding starts at the first flower."),
}
QUESTIONS = ("how often is a pot watered", "planting depth of a bulb", "when are roses cut", "how long do seeds keep")
Page = tuple[tuple[str, int], ...]  # headings, each with how many of its lines stand below it
Pages = dict[str, Page]  # by file

pages = st.lists(st.tuples(st.sampled_from(sorted(SECTIONS)), st.integers(1, 2)), min_size=1, max_size=3).map(tuple)
names = st.sampled_from(["001-pots.md", "002-roses.md", "003-lawn.md", "004-seeds.md"])


@dataclass(frozen=True)
class Change:
    """One thing that an author does; on a file that is not there, or already is, nothing."""

    what: str
    name: str
    other: str
    page: Page

    def __call__(self, corpus: Pages) -> Pages:
        after = dict(corpus)
        if self.what in ("add", "edit") and (self.name in corpus) == (self.what == "edit"):
            after[self.name] = self.page
        elif self.what == "rename" and self.name in corpus and self.other not in corpus:
            after[self.other] = after.pop(self.name)
        elif self.what == "delete" and len(corpus) > 1:
            after.pop(self.name, None)
        return after


changes = st.builds(Change, st.sampled_from(["add", "edit", "rename", "delete"]), names, names, pages)


def write(folder: Path, corpus: Pages) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, page in corpus.items():
        lines = []
        for heading, count in page:
            wording, *said = SECTIONS[heading]
            lines += [f"## {heading}", f"<!-- questions:\n{wording}\n-->", " ".join(said[:count])]
        (folder / name).write_text("\n\n".join(lines) + "\n")
    return folder


@settings(max_examples=3, deadline=None)
@given(first=pages, steps=st.lists(st.lists(changes, min_size=1, max_size=5), min_size=1, max_size=2))
def test_rebuilds_end_where_a_build_from_nothing_does(
    bicycle: Config,
    tmp_path_factory: pytest.TempPathFactory,
    first: Page,
    steps: list[list[Change]],
) -> None:
    """From nothing: from an index that shares no text of the articles with it, or each would embed all examples."""
    folder = tmp_path_factory.mktemp("changes")
    corpus: Pages = {"001-pots.md": first}
    grown = linked(bicycle, folder / "grown")
    for step in steps:
        for change in step:
            corpus = change(corpus)
        grown = replace(grown, corpus=write(folder / "corpus", corpus))
        index.build(grown)
    nothing = replace(linked(bicycle, folder / "nothing"), corpus=grown.corpus)
    index.build(nothing)
    found, wanted = index.load(grown), index.load(nothing)
    assert found.articles == wanted.articles
    assert found.passages == wanted.passages
    np.testing.assert_allclose(every(found), every(wanted), rtol=0, atol=1e-5)
    manifests = [builds.current(config.index)[1] for config in (grown, nothing)]
    assert manifests[0]["files"] == manifests[1]["files"]  # so every answer is the same, too
    assert found.version == wanted.version
    cited_as_it_stands(Bot.open(grown), corpus)


def every(found: index.Index) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return found.dense.vectors(np.arange(len(found.dense)))


def cited_as_it_stands(bot: Bot, corpus: Pages) -> None:
    """Every quote is in an article of that name as it now is; what is gone is not cited."""
    for question in QUESTIONS:
        for citation in bot.ask([Turn("user", question)]).citations:
            page = corpus[f"{citation.source_id}.md"]
            assert any(citation.quote in " ".join(SECTIONS[heading][1 : 1 + count]) for heading, count in page)
