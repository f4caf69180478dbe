"""Another clinic's folder as it is: another treatment, in several formats, and no setting of the bot changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import index
from bot.config import Config
from bot.errors import CorpusError
from bot.pipeline import Bot
from bot.schema import Reply, Turn
from tests.conftest import Command, built_beside
from tests.documents import WRITERS, write_all
from tests.hosted import Served

PEEL = Path(__file__).resolve().parent / "corpora" / "peel"


@pytest.fixture(scope="module")
def peel(bicycle: Config, served: Served, tmp_path_factory: pytest.TempPathFactory) -> Bot:
    return served.bot(built_beside(bicycle, PEEL, tmp_path_factory.mktemp("peel") / "index"))


def ask(bot: Bot, question: str) -> Reply:
    reply = bot.ask([Turn("user", question)])
    for citation in reply.citations:
        article = bot.article(citation.source_id)
        assert article and article.text[citation.start : citation.end] == citation.quote
        assert citation.quote in reply.answer
    return reply


@pytest.mark.parametrize(
    ("question", "source", "fact"),
    [
        ("does it hurt", "001", "tingling|stings"),
        ("how long does it take", "001", "30 minutes"),
        ("who shouldnt have one", "001", "cold sores"),
        ("what is glycolic acid made from", "001", "sugar cane"),
        ("when can i wear makeup", "002", "24 hours"),
        ("sunscreen afterwards", "002", "factor 50"),
        ("how do i wash my face", "002", "lukewarm"),
        ("what to stop before", "003", "retinol"),
        ("is it ok in summer", "003", "October to March"),
        ("when do i see results", "003", "7 days|3 to 4 sessions"),
        ("can darker skin be peeled", "003", "Mandelic"),
    ],
)
def test_a_question_is_answered_from_the_file_that_says_it(peel: Bot, question: str, source: str, fact: str) -> None:
    reply = ask(peel, question)
    assert reply.status == "answered"
    assert reply.citations[0].source_id.startswith(source)
    assert re.search(fact, reply.answer)


@pytest.mark.parametrize("question", ["what is bitcoin", "who won the football last night", "can you fix my boiler"])
def test_what_the_files_do_not_say_is_declined(peel: Bot, question: str) -> None:
    assert ask(peel, question).status == "abstained"


def test_where_files_of_two_formats_differ_both_are_shown(peel: Bot) -> None:
    (differ,) = ask(peel, "how often is a peel done").differ
    assert differ.topic == "interval between sessions"
    assert {v.value for v in differ.values} == {"4 weeks", "2 weeks"}


def test_pregnancy_is_still_a_caution_and_prices_the_clinics(peel: Bot) -> None:
    assert ask(peel, "im pregnant can i have a peel").status == "caution"
    price = ask(peel, "how much is it")
    assert price.status == "handoff" and "555-0177" in price.answer


def test_a_citation_tells_what_the_list_told(peel: Bot) -> None:
    first = ask(peel, "is it ok in summer").citations[0]
    assert (first.title, first.publisher, first.url) == (
        "Questions our clients ask", "Harbour Skin Room", "https://harbour.example/questions",
    )  # fmt: skip


@pytest.fixture(scope="module")
def every_format(bicycle: Config, served: Served, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Bot]:
    folder = tmp_path_factory.mktemp("formats")
    write_all(folder / "corpus")
    (folder / "corpus" / "scan.pdf").write_bytes(b"%PDF-1.7 cut off")
    config = built_beside(bicycle, folder / "corpus", folder / "index")
    return config, served.bot(config)


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("does the laser hurt", "rubber band"),
        ("how many sessions", "6 to 8 sessions"),
        ("how do i prepare", "self-tanner"),
        ("can tanned skin be treated", "Tanned skin should not be treated"),
    ],
)
def test_every_format_answers_with_the_same_words(every_format: tuple[Config, Bot], question: str, fact: str) -> None:
    bot = every_format[1]
    reply = ask(bot, question)
    assert reply.status == "answered" and fact in reply.answer
    assert not reply.differ  # the same words in eight files are one statement
    for article in bot.articles():
        assert reply.citations[0].quote in article.text, article.source_id


def test_a_build_tells_what_it_could_not_read(every_format: tuple[Config, Bot], command: Command) -> None:
    config, bot = every_format
    assert len(bot.articles()) == len(WRITERS)
    (problem,) = index.built(config).unread
    assert problem.startswith(f"{config.corpus}/scan.pdf: is damaged or no PDF")
    with pytest.raises(CorpusError, match=re.escape(problem)):
        index.build(config, strict=True)
    assert index.load(config).version == bot.index_version


def test_the_command_warns(every_format: tuple[Config, Bot], command: Command) -> None:
    config, bot = every_format
    done = command("build", "--corpus", config.corpus, "--index", config.index)
    assert (done.returncode, done.stdout) == (0, f"{bot.index_version}\n")
    assert "warning: not read: " in done.stderr and "scan.pdf" in done.stderr
