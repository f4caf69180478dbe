"""Files to Articles: blocks stand where they say, page furniture is gone, a bad file is named."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.corpus import (
    MAX_BYTES,
    SMALL,
    corpus_files,
    corpus_hash,
    libraries,
    load_article,
    load_corpus,
    read_corpus,
)
from bot.errors import CorpusError
from bot.readers.builder import BULLET
from bot.schema import Article
from tests.bicycle import BRAKES, write_corpus

PAGE = """﻿top of page
Workshop tips
Mending a Flat Tyre by the Road
12 March 2021
Photo: Nadia on the towpath
Photo credit: the cycling club
A flat can be mended anywhere. It takes patience.
What do I carry?
In the saddle bag belong:
• a spare tube
- two tyre levers
* a pump
1. Find the hole
Share the post
Follow us on every network
How do you want to be contacted?
First name *
Your e-mail
Phone
Message
Submit
The pump comes last: pump until the tyre is hard.
Leave a comment
Thanks, this saved my ride!
"""


def article(folder: Path, text: str | bytes, name: str = "001-test.md") -> Article:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_article(path)


def blocks(loaded: Article) -> list[tuple[str, str]]:
    return [(b.kind, loaded.text[b.start : b.end]) for b in loaded.blocks]


def test_markdown_becomes_clean_blocks_with_spans(tmp_path: Path) -> None:
    loaded = article(
        tmp_path,
        "# Wheels\n\nSpokes *hold* the [rim](https://x.example)\nin **shape** &amp; true.\n\n"
        "![a wheel](wheel.png)\n\n## Tools\n\n- a key\n- a [stand](s)\n  with feet\n\n1. turn\n\n> a quoted line\n\n"
        "```\nturn 90\n```\n",
    )
    assert blocks(loaded) == [
        ("heading", "Wheels"),
        ("paragraph", "Spokes hold the rim in shape & true."),
        ("heading", "Tools"),
        ("item", "a key"),
        ("item", "a stand with feet"),
        ("item", "turn"),
        ("paragraph", "a quoted line"),
        ("paragraph", "turn 90"),
    ]
    assert [b.level for b in loaded.blocks] == [1, 0, 2, 0, 0, 0, 0, 0]
    assert loaded.text.startswith("Wheels\n\nSpokes")
    assert f"{BULLET}a key\n{BULLET}a stand with feet\n{BULLET}turn\n\na quoted" in loaded.text
    assert loaded.title == "Wheels"
    assert loaded.source_id == "001-test"


def test_items_of_nested_lists_are_items(tmp_path: Path) -> None:
    loaded = article(tmp_path, "- wheel\n  - spoke\n    - nipple\n- saddle\n\nEnd.\n")
    assert blocks(loaded) == [
        ("item", "wheel"), ("item", "spoke"), ("item", "nipple"), ("item", "saddle"), ("paragraph", "End."),
    ]  # fmt: skip


def test_questions_belong_to_the_heading_above(tmp_path: Path) -> None:
    loaded = article(
        tmp_path,
        "## Oil?\n\n<!-- questions:\n  oiling \n\nlube\n-->\n\nYes.\n<!-- questions: one more -->\n\n"
        "<!-- just a remark -->\n\n## Wax?\n\nNo.\n",
    )
    assert [(loaded.text[b.start : b.end], b.questions) for b in loaded.blocks if b.kind == "heading"] == [
        ("Oil?", ("oiling", "lube", "one more")),
        ("Wax?", ()),
    ]
    assert "questions" not in loaded.text
    assert "remark" not in loaded.text


def test_front_matter_is_read(tmp_path: Path) -> None:
    loaded = article(
        tmp_path,
        "---\ntitle: 'Gears: a guide'\npublisher: Club\npublished: 2024-01-19\nreviewed_by: a mechanic\n"
        "url: https://bikes.example/gears\nkind: digest\nlanguage: en\n---\nShift early.\n",
    )
    found = (loaded.title, loaded.publisher, loaded.published, loaded.reviewed_by, loaded.url, loaded.kind)
    assert found == (
        "Gears: a guide", "Club", "2024-01-19", "a mechanic", "https://bikes.example/gears", "digest",
    )  # fmt: skip
    assert loaded.text == "Shift early."


@pytest.mark.parametrize(
    ("meta", "title"),
    [
        ("title: null\npublished: null\nurl: null", "Saddles"),
        ("publisher: x", "Saddles"),
        ("title: Mine", "Mine"),
        ("title: 2024", "2024"),
        ("", "Saddles"),
    ],
    ids=["all null", "no title", "a title", "a number", "empty front matter"],
)
def test_title_falls_back_to_the_first_heading(tmp_path: Path, meta: str, title: str) -> None:
    assert article(tmp_path, f"---\n{meta}\n---\n# Saddles\n\nSit level.\n").title == title


def test_title_falls_back_to_the_file_name(tmp_path: Path) -> None:
    assert article(tmp_path, "Sit level.\n", "004-saddle.md").title == "004-saddle"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xef\xbb\xbfSit level.\r\n\r\nPedal.\r", "Sit level.\n\nPedal."),
        (b"Sit\x00 level.", "Sit level."),
        ("Träger für 5 °C – naïve “quotes”".encode(), "Träger für 5 °C – naïve “quotes”"),
        (b"Sit \t  level,\nalways.", "Sit level, always."),
    ],
    ids=["byte order mark and CRLF", "NUL", "beyond ASCII", "spaces and soft breaks"],
)
def test_bytes_are_read_as_clean_text(tmp_path: Path, raw: bytes, text: str) -> None:
    assert article(tmp_path, raw).text == text


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.md", b"# T\n\nfine\n\xff\xfe\n", ["a.md:4", "not UTF-8", "save the file"]),
        ("a.txt", b"\x80", ["a.txt:1", "not UTF-8"]),
        ("a.md", b"", ["a.md", "no text", "write some"]),
        ("a.md", b"---\ntitle: x\n---\n\n", ["a.md", "no text", "write some"]),
        ("a.md", b"# Only\n\n## Headings\n", ["a.md", "no text under its headings"]),
        ("a.txt", b"top of page\nLeave a comment\n", ["a.txt", "no text"]),
        ("a.md", b"---\ntitle: x\nBody without an end\n", ["a.md:1", "no closing line '---'"]),
        ("a.md", b"---\ntitle: x\nkind: [digest\n---\nBody\n", ["a.md:", "not YAML", "mend the line"]),
        ("a.md", b"---\ntitle: x\npublisher: a: b\n---\nBody\n", ["a.md:3", "not YAML"]),
        ("a.md", b"---\n- a\n- b\n---\nBody\n", ["a.md:2", "'name: value'"]),
        ("a.md", b"---\nautor: me\n---\nBody\n", ["a.md", "autor", "use ", "publisher"]),
        ("a.md", b"---\n1: one\nautor: me\n---\nBody\n", ["a.md:2", "1: unknown", "use "]),
        ("a.md", b"---\npublished: last May\n---\nBody\n", ["a.md", "published", "YYYY-MM-DD"]),
        ("a.md", b"---\npublished: 2024-02-30\n---\nBody\n", ["a.md", "published", "YYYY-MM-DD"]),
        ("a.md", b"---\nkind: copy\n---\nBody\n", ["a.md", "kind", "'digest' or 'original'"]),
        ("a.md", b"---\nurl: bikes.example\n---\nBody\n", ["a.md", "url", "http"]),
        ("a.md", b"---\nurl: javascript:alert(1)\n---\nBody\n", ["a.md", "url", "http"]),
        ("a.md", b"---\ntitle: [a, b]\n---\nBody\n", ["a.md", "title", "one line"]),
    ],
    ids=[
        "not UTF-8", "not UTF-8 in txt", "empty", "empty body", "headings alone", "furniture alone", "unclosed",
        "broken YAML", "second colon", "a list", "unknown name", "unknown number", "no date", "impossible date",
        "unknown kind", "no address", "script address", "list for text",
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_the_remedy(tmp_path: Path, name: str, raw: bytes, said: list[str]) -> None:
    with pytest.raises(CorpusError) as caught:
        article(tmp_path, raw, name)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("line", "number"),
    [("autor: me", 3), ("published: soon", 3), ("published: 2024-02-30", 3), ("kind: copy", 3), ("url: nowhere", 3)],
)
def test_a_bad_front_matter_line_is_named_by_number(tmp_path: Path, line: str, number: int) -> None:
    with pytest.raises(CorpusError, match=rf"001-test\.md:{number}: "):
        article(tmp_path, f"---\ntitle: x\n{line}\n---\nBody\n")


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="larger than 5 MB: split it"):
        article(tmp_path, b"a" * (MAX_BYTES + 1))


def test_a_pasted_page_loses_its_furniture(tmp_path: Path) -> None:
    loaded = article(tmp_path, PAGE, "page.txt")
    assert blocks(loaded) == [
        ("heading", "Mending a Flat Tyre by the Road"),
        ("paragraph", "A flat can be mended anywhere. It takes patience."),
        ("heading", "What do I carry?"),
        ("paragraph", "In the saddle bag belong:"),
        ("item", "a spare tube"),
        ("item", "two tyre levers"),
        ("item", "a pump"),
        ("paragraph", "1. Find the hole"),
        ("paragraph", "The pump comes last: pump until the tyre is hard."),
    ]
    assert loaded.title == "Mending a Flat Tyre by the Road"
    assert loaded.published == "2021-03-12"


@pytest.mark.parametrize(
    "line",
    [
        "top of page", "Bottom of Page", "Leave a reply", "Comments off", "Share this article", "PHOTO: me",
        "Image: a wheel", "Related posts", "Next post", "E-mail*", "Your name", "submit", "Skip to content",
        "Cookie settings", "All rights reserved", "© 2021 the club", "Read more", "Subscribe to the letter",
        "Book a consultation right here",
    ],
)  # fmt: skip
def test_a_furniture_line_is_dropped(tmp_path: Path, line: str) -> None:
    loaded = article(tmp_path, f"Oiling a Chain\n\nOil sparingly.\n\n{line}\n\nWipe it dry.\n", "page.txt")
    assert line not in loaded.text
    assert "Oil sparingly." in loaded.text


@pytest.mark.parametrize(
    "line",
    [
        "The top of the page of the manual shows the torque.",
        "Many riders share the post box for spare keys.",
        "Photos of worn chains look alike.",
        "Your name belongs on the frame, says the police.",
        "The message of the brake lamp is clear: stop.",
    ],
)
def test_a_sentence_that_resembles_furniture_stays(tmp_path: Path, line: str) -> None:
    loaded = article(tmp_path, f"Oiling a Chain\n\nOil sparingly.\n\n{line}\n\nWipe it dry.\n", "page.txt")
    assert line in loaded.text


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Why do brakes squeal?", "heading"),
        ("Cleaning the Rim", "heading"),
        ("Brake pads", "heading"),
        ("Brake pads wear down.", "paragraph"),
        ("You need:", "paragraph"),
        ("the pads wear", "paragraph"),
        ("Here is a line of twelve plain words that ends without any stop", "paragraph"),
        ("• a rag", "item"),
        ("– a rag", "item"),
        ("+ a rag", "item"),
        ("-15 degrees is too cold", "paragraph"),
    ],
)
def test_lines_of_a_text_file_are_told_apart(tmp_path: Path, line: str, kind: str) -> None:
    loaded = article(tmp_path, f"A Title\nA first sentence stands here.\n{line}\nThe last sentence.\n", "page.txt")
    found = {text: k for k, text in blocks(loaded)}
    assert found[line.lstrip("•–+ ")] == kind


@pytest.mark.parametrize(
    ("line", "published"),
    [
        ("12 March 2021", "2021-03-12"),
        ("2021-03-12", "2021-03-12"),
        ("Written by the club on March 12, 2021", "2021-03-12"),
        ("31 February 2021", None),
        ("We met on a Sunday", None),
    ],
)
def test_a_date_line_is_read(tmp_path: Path, line: str, published: str | None) -> None:
    loaded = article(tmp_path, f"A Title\n{line}\nThe first sentence.\n", "page.txt")
    assert loaded.published == published


def test_a_folder_is_read_in_order_of_name_without_what_is_no_article(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "README.md").write_text("not an article")
    (tmp_path / "000-first.MD").write_text("Ride on the right.")
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "sub.md").mkdir()
    loaded = load_corpus(tmp_path)
    assert [a.source_id for a in loaded] == ["000-first", "001-chain", "002-tyres", "003-brakes"]


def test_a_text_file_without_furniture_keeps_every_sentence(tmp_path: Path) -> None:
    loaded = article(tmp_path, BRAKES, "brakes.txt")
    for sentence in ("A clean rim is silent in most cases.", "The pads sit 1.5 mm from the rim.", "beginners"):
        assert sentence in loaded.text
    for gone in ("top of page", "Photo", "Share", "First name", "E-mail", "comment", "helpful"):
        assert gone not in loaded.text


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, "make it and put your articles"),
        ([], "holds no articles"),
        (["README.md", "clinic.toml"], "holds no articles"),
        (["a.md", "a.txt"], "two files are called 'a'"),
    ],
    ids=["no folder", "empty", "nothing to read", "one name twice"],
)
def test_a_folder_that_cannot_be_read_says_what_to_do(tmp_path: Path, files: list[str] | None, said: str) -> None:
    folder = tmp_path / "corpus"
    if files is not None:
        folder.mkdir()
        for name in files:
            (folder / name).write_text("Ride on.")
    with pytest.raises(CorpusError, match=said):
        corpus_files(folder)


def test_what_cannot_be_read_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "004-latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "005-scan.pdf").write_bytes(b"%PDF")
    (tmp_path / "006-old.doc").write_bytes(b"old")
    (tmp_path / "007-empty.docx").write_bytes(b"")
    (tmp_path / "picture.png").write_bytes(b"not an article")
    seen: list[tuple[str, int, int]] = []
    found = read_corpus(tmp_path, lambda *step: seen.append(step))
    assert [a.source_id for a in found.articles] == ["001-chain", "002-tyres", "003-brakes"]
    told = sorted(problem.removeprefix(f"{tmp_path}/") for problem in found.problems)
    for problem, (name, said) in zip(
        told,
        [("004-latin.txt:1", "not UTF-8"), ("005-scan.pdf", "no PDF"), ("006-old.doc", "save it as .docx"),
         ("007-empty.docx", "is damaged")],
        strict=True,
    ):  # fmt: skip
        assert problem.startswith(f"{name}: ") and said in problem
    assert seen[-1] == ("read articles", 6, 6)


def test_a_folder_of_nothing_readable_is_an_error_that_names_the_files(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / f"{n}.md").write_text("")
    with pytest.raises(CorpusError, match=r"0\.md.*1\.md.*2\.md.*and 2 more"):
        load_corpus(tmp_path)


def test_files_that_share_a_name_are_both_named(tmp_path: Path) -> None:
    for name in ("faq.md", "faq.csv"):
        (tmp_path / name).write_text("question,answer\nHow?,So.\n")
    with pytest.raises(CorpusError, match=r"faq\.md: two files are called 'faq', the other is .*faq\.csv"):
        corpus_files(tmp_path)


def test_a_link_is_read_inside_the_folder_and_refused_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "inside.md").write_text("Ride on the right.")
    (tmp_path / "outside.md").write_text("Ride on the left.")
    (folder / "a.md").symlink_to("data/inside.md")
    (folder / "b.md").symlink_to("../outside.md")
    found = read_corpus(folder)
    assert [a.text for a in found.articles] == ["Ride on the right."]
    assert found.problems[0].startswith(f"{folder}/b.md: is a link to a file outside")


def test_a_large_text_is_read_apart_and_reads_the_same(tmp_path: Path) -> None:
    text = "## How often?\n\nEvery week.\n\n" * 9000
    (tmp_path / "a.md").write_text(text)
    assert len(text) > SMALL
    assert load_corpus(tmp_path) == (load_article(tmp_path / "a.md"),)


def test_the_libraries_of_a_corpus_are_those_its_files_need(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    assert libraries(tmp_path) == ()
    (tmp_path / "a.docx").write_bytes(b"")
    (tmp_path / "b.html").write_bytes(b"")
    assert libraries(tmp_path) == ("lxml", "python-docx", "trafilatura")


def test_the_hash_changes_with_articles_only(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    seen = [corpus_hash(tmp_path)]
    (tmp_path / "clinic.toml").write_text('name = "Another"')
    (tmp_path / "README.md").write_text("hints")
    assert corpus_hash(tmp_path) == seen[0]
    (tmp_path / "001-chain.md").write_bytes((tmp_path / "001-chain.md").read_bytes() + b" ")
    seen.append(corpus_hash(tmp_path))
    (tmp_path / "002-tyres.md").rename(tmp_path / "002-tires.md")
    seen.append(corpus_hash(tmp_path))
    (tmp_path / "003-brakes.txt").unlink()
    seen.append(corpus_hash(tmp_path))
    (tmp_path / "sources.csv").write_text("file,title\n001-chain.md,Chains\n")
    seen.append(corpus_hash(tmp_path))
    assert len(set(seen)) == 5


LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(["# A", "## B?", "- item", "1. one", "> q", "```", "<!-- questions:", "-->", "---", "• x", ""]),
    ),
    max_size=12,
)


@given(lines=LINES, suffix=st.sampled_from([".md", ".txt"]))
def test_any_text_gives_ordered_spans_or_a_named_error(lines: list[str], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"any{suffix}"
        path.write_text("\n".join(lines), encoding="utf-8", errors="ignore")
        try:
            loaded = load_article(path)
        except CorpusError as error:
            assert str(path) in str(error)
            return
    end = 0
    for block in loaded.blocks:
        text = loaded.text[block.start : block.end]
        assert end <= block.start < block.end <= len(loaded.text)
        assert text == text.strip()
        assert "\n" not in text
        end = block.end
