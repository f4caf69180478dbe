"""Hostile files end in a named error or a sane article, within the limits of the process that reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.corpus import Corpus, read_corpus
from bot.readers import Limits
from tests.hostile import SECRET, write_hostile

LIMITS = Limits(seconds=2, megabytes=600)
PASSED_OVER = {
    "...md",
    "....md",
    "folder.md",
    "pipe.csv",
    "round.md",
    "zero.txt",
    "nothing.pdf",
    ".hidden.md",
    "~$lock.docx",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("hostile") / "corpus"
    made = write_hostile(folder)
    (folder / "good.md").write_text("# Tyres\n\nA tyre needs 4 bar.\n")
    return folder, made


@pytest.fixture(scope="module")
def read(names: tuple[Path, list[str]]) -> Corpus:
    return read_corpus(names[0], limits=LIMITS)


def test_there_are_two_hundred_of_them(names: tuple[Path, list[str]]) -> None:
    assert len(names[1]) == len(set(names[1])) >= 200


def test_each_file_is_an_article_or_a_named_problem(
    names: tuple[Path, list[str]], read: Corpus, record_property: Callable[[str, object], None]
) -> None:
    told = len(read.articles) + len(read.problems)
    assert told == len(names[1]) + 1 - len(PASSED_OVER)
    assert "good" in [a.source_id for a in read.articles]
    record_property("figure", f"{len(names[1])} files: {len(read.articles)} articles, {len(read.problems)} named")
    for problem in read.problems:
        file, _, remedy = problem.partition(": ")
        assert file.startswith(str(names[0])) and len(remedy) > 20
        assert problem.isprintable() and len(problem) < 600, problem


def test_what_is_read_is_sane(read: Corpus) -> None:
    for article in read.articles:
        end = 0
        for block in article.blocks:
            assert end <= block.start < block.end <= len(article.text)
            end = block.end
        assert article.source_id.isprintable() and "\n" not in article.title


def test_nothing_outside_the_folder_is_read(read: Corpus) -> None:
    assert not [a.source_id for a in read.articles if SECRET in a.text or SECRET in a.title]
    assert any("out.md: is a link to a file outside" in problem for problem in read.problems)


def test_nothing_is_written(names: tuple[Path, list[str]], read: Corpus) -> None:
    assert read.articles
    assert not list(names[0].parent.rglob("climbed*")) and not Path("/tmp/climbed.md").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("docx-bomb.docx", "unpacks to more than 300 MB"),
        ("xlsx-parts.xlsx", "or 10,000 parts"),
        ("docm-macro.docm", "macros: save it as .docx"),
        ("docx-macro-inside.docx", "without macros"),
        ("doc-old.doc", "old Word file"),
        ("md-brackets.md", "nested too deeply"),
        ("md-flow.md", "front matter is longer"),
        ("jsonl-arrays.jsonl", "is not JSON"),
        ("pdf-many-pages.pdf", "more than 1500 pages"),
        ("html-charset-klingon.html", "unknown encoding"),
        ("docx-cut-0.docx", "is damaged"),
    ],
)
def test_the_reason_is_the_right_one(read: Corpus, name: str, said: str) -> None:
    assert any(f"/{name}: " in problem or f"/{name}:" in problem for problem in read.problems if said in problem)
