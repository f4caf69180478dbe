"""Article to passages and sentences: every span is the text it claims, and nothing is cut in the wrong place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chunker import chunk, passages_of
from bot.config import Chunking, Config
from bot.corpus import load_article, load_corpus
from bot.errors import CorpusError
from bot.schema import Article, Passage
from tests.bicycle import write_corpus
from tests.fake_encoder import article_of

SETTINGS = Chunking()


def sentences(article: Article, settings: Chunking = SETTINGS) -> list[str]:
    return [s.text for p in chunk(article, settings) for s in p.sentences]


def assert_spans(article: Article, passages: tuple[Passage, ...]) -> None:
    """Each span equals its text, lies in its passage, and ids are unique."""
    for passage in passages:
        assert article.text[passage.start : passage.end] == passage.text
        assert passage.sentences
        for sentence in passage.sentences:
            assert article.text[sentence.start : sentence.end] == sentence.text
            assert passage.start <= sentence.start < sentence.end <= passage.end
            if sentence.lead:
                assert article.text[sentence.lead[0] : sentence.lead[1]].endswith((":", ";"))
                assert sentence.lead[1] <= sentence.start
        starts = [s.start for s in passage.sentences]
        assert starts == sorted(set(starts))
    assert len({p.id for p in passages}) == len(passages)


@pytest.mark.parametrize("folder", [Config().corpus, None], ids=["the shipped corpus", "the bicycle corpus"])
def test_every_span_of_a_corpus_is_its_text(folder: Path | None, tmp_path: Path) -> None:
    articles = load_corpus(folder or write_corpus(tmp_path))
    for article in articles:
        passages = chunk(article, SETTINGS)
        assert_spans(article, passages)
        covered = {i for p in passages for s in p.sentences for i in range(s.start, s.end)}
        for block in article.blocks:
            if block.kind != "heading":
                missed = [article.text[i] for i in range(block.start, block.end) if i not in covered]
                assert "".join(missed).strip() == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Links stretch by 0.5-3 mm over a summer. Measure them.",
            ["Links stretch by 0.5-3 mm over a summer.", "Measure them."],
        ),
        (
            "Rolling et al. (2019) measured forty chains in the rain. Most rusted.",
            ["Rolling et al. (2019) measured forty chains in the rain.", "Most rusted."],
        ),
        ("Ask Dr. Rimmer about rims. He knows.", ["Ask Dr. Rimmer about rims.", "He knows."]),
        (
            "The club shows 'before and after' images of rims. Ask for them.",
            ["The club shows 'before and after' images of rims.", "Ask for them."],
        ),
        (
            "Look at the before and after' images first. Then choose a colour.",
            ["Look at the before and after' images first.", "Then choose a colour."],
        ),
        ("Leave out lotions.(up to 7 days after treatment)", ["Leave out lotions.(up to 7 days after treatment)"]),
        (
            "Keep it dry (up to 7 days after painting). Then polish it.",
            ["Keep it dry (up to 7 days after painting).", "Then polish it."],
        ),
        ("A key costs approx. $30. Prices vary.", ["A key costs approx. $30.", "Prices vary."]),
        ("Is it loose? Tighten it! Ride on.", ["Is it loose?", "Tighten it!", "Ride on."]),
        ("The U.S. size differs, e.g. in inches. Ask.", ["The U.S. size differs, e.g. in inches.", "Ask."]),
        ("The last words have no stop", ["The last words have no stop"]),
    ],
    ids=["range", "et al.", "Dr.", "quoted", "stray quote", "no space", "bracket", "approx.", "marks", "U.S.", "open"],
)
def test_sentences_end_where_they_end(text: str, expected: list[str]) -> None:
    article = article_of("a", ("paragraph", text))
    assert sentences(article) == expected


def test_a_run_in_heading_stays_with_what_follows() -> None:
    article = article_of("a", ("paragraph", "Healing time. A frame rests for a day. Then it is ridden."))
    assert sentences(article) == ["Healing time. A frame rests for a day.", "Then it is ridden."]


def test_short_items_are_one_sentence_with_their_lead_in() -> None:
    article = article_of(
        "a",
        ("paragraph", "Read this list first. You need:"),
        ("item", "a rag"),
        ("item", "mild soap"),
        ("paragraph", "Rub on."),
    )
    assert sentences(article) == ["Read this list first.", "You need:\n\na rag\n\nmild soap", "Rub on."]


def test_short_items_without_a_lead_in_are_one_sentence() -> None:
    article = article_of("a", ("paragraph", "Read this."), ("item", "a rag"), ("item", "mild soap"))
    assert sentences(article) == ["Read this.", "a rag\n\nmild soap"]


def test_long_items_are_sentences_that_know_their_lead_in() -> None:
    first = "The chain is wiped with a dry rag until no more grease comes off it."
    second = "The brush takes the sand out of the gaps. It is rinsed often in warm water."
    article = article_of("a", ("paragraph", "Do it so:"), ("item", first), ("item", second))
    (passage,) = chunk(article, SETTINGS)
    assert [(s.text, s.lead) for s in passage.sentences] == [
        ("Do it so:", None),
        (first, (0, 9)),
        ("The brush takes the sand out of the gaps.", (0, 9)),
        ("It is rinsed often in warm water.", (0, 9)),
    ]
    assert_spans(article, (passage,))


def test_a_list_too_long_to_quote_whole_is_cut_into_items() -> None:
    items = [("item", f"part {i} of the rear wheel hub") for i in range(30)]
    article = article_of("a", ("paragraph", "The parts:"), *items)  # type: ignore[arg-type]
    found = sentences(article, Chunking(max_words=1000))
    assert found[0] == "The parts:"
    assert found[1:] == [text for _, text in items]


def test_a_wording_of_several_messages_is_a_conversation(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Bicycle\n\n## Wheels\n\n<!-- questions:\nwheel care\nis it round || for long\n-->\n\nRound.\n")
    (passage,) = chunk(load_article(path), SETTINGS)
    assert (passage.questions, passage.conversations) == (("wheel care",), ("is it round || for long",))


def test_passages_keep_the_path_of_headings_and_the_questions(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        "# Bicycle\n\nIntro.\n\n## Wheels\n\n<!-- questions:\nwheel care\n-->\n\nRound.\n\n### Rims\n\nThin.\n\n"
        "## Empty\n\n### Hubs?\n\nIn the middle.\n\n# Other\n\nThe end.\n"
    )
    assert [(p.heading_path, p.heading, p.questions, p.text) for p in chunk(load_article(path), SETTINGS)] == [
        ((), "", (), "Intro."),  # the first heading is the title, which every passage has anyway
        (("Wheels",), "Wheels", ("wheel care",), "Round."),
        (("Wheels", "Rims"), "Rims", (), "Thin."),
        (("Empty", "Hubs?"), "Hubs?", (), "In the middle."),
        (("Other",), "Other", (), "The end."),
    ]


def test_a_long_section_is_cut_between_sentences() -> None:
    lines = [f"Rule {i} of the long ride says to drink and to eat." for i in range(30)]
    article = article_of("a", ("heading", "Rules"), ("paragraph", " ".join(lines)))
    passages = chunk(article, Chunking(max_words=40, min_words=8))
    assert len(passages) > 5
    assert all(len(p.text.split()) <= 40 for p in passages)
    assert {p.heading for p in passages} == {"Rules"}
    assert [s.text for p in passages for s in p.sentences] == lines
    assert_spans(article, passages)


def test_a_short_tail_joins_the_passage_before_it() -> None:
    lines = [f"Rule {i} of the long ride says to drink and to eat." for i in range(4)]
    article = article_of("a", ("paragraph", " ".join([*lines, "Ride on."])))
    passages = chunk(article, Chunking(max_words=48, min_words=8))
    assert [p.sentences[-1].text for p in passages] == ["Ride on."]


def test_a_leaning_sentence_is_not_parted_from_the_one_before() -> None:
    first = "Rule one of the long ride says to drink and to eat often."
    leaning = "It also says to rest after every hill and before each descent."
    article = article_of("a", ("paragraph", f"{first} {leaning} {first}"))
    passages = chunk(article, Chunking(max_words=13, min_words=2))
    assert [[s.text for s in p.sentences] for p in passages] == [[first, leaning], [first]]
    assert [s.leans for p in passages for s in p.sentences] == [False, True, False]


def test_an_article_without_text_below_its_headings_has_no_passages() -> None:
    assert chunk(article_of("a", ("heading", "Wheels"), ("heading", "Rims")), SETTINGS) == ()


WORDS = st.text(alphabet=st.sampled_from("abc ABC.?!:;'\"()0159-–“”é• \t"), min_size=1, max_size=60)
KINDS = st.sampled_from(["# ", "## ", "### ", "", "- ", "1. "])


@given(lines=st.lists(st.tuples(KINDS, WORDS), min_size=1, max_size=14), most=st.integers(3, 60))
def test_spans_of_any_article_equal_their_text(lines: list[tuple[str, str]], most: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.md"
        path.write_text("\n\n".join(mark + line for mark, line in lines), encoding="utf-8")
        try:
            article = load_article(path)
        except CorpusError:
            return
    passages = chunk(article, Chunking(max_words=most, min_words=2))
    assert_spans(article, passages)
    said = "".join(s.text for p in passages for s in p.sentences)
    for block in article.blocks:
        if block.kind != "heading":
            assert "".join(article.text[block.start : block.end].split()) in "".join(said.split())


def test_a_passage_that_repeats_another_word_for_word_is_left_out(tmp_path: Path) -> None:
    section = "## How often?\n\n<!-- questions:\n{}\n-->\n\nThe chain is oiled every week.\n\n"
    other = "## How often?\n\nThe chain is oiled every two weeks.\n"
    (tmp_path / "a.md").write_text(section.format("when"))
    (tmp_path / "b.md").write_text(section.format("how frequently") + other)
    found = passages_of(load_corpus(tmp_path), SETTINGS)
    assert [(p.id, p.questions) for p in found] == [("a#0", ("when", "how frequently")), ("b#1", ())]
