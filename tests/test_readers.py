"""Each kind of file becomes a clean article: headings, lists, tables, places; what is no content stays out."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from pathlib import Path

import docx
import openpyxl
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from bot.chunker import chunk
from bot.config import Chunking
from bot.errors import CorpusError
from bot.pages import source_page
from bot.readers import SUFFIXES, reader
from bot.schema import Article
from tests.documents import INTRO, SECTIONS, TITLE, WRITERS

TABLES = ("csv", "xlsx", "jsonl")


def read(path: Path, content: str | bytes | None = None) -> Article:
    """The article of a file, written first where its content is given."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return reader(path.suffix.lower())(path)


def blocks(article: Article) -> list[tuple[str, str]]:
    """Kind and text of each block; the spans are checked on the way."""
    end = 0
    for block in article.blocks:
        assert end <= block.start < block.end <= len(article.text)
        end = block.end
    return [(b.kind, article.text[b.start : b.end]) for b in article.blocks]


def refused(path: Path, content: str | bytes | None = None) -> str:
    with pytest.raises(CorpusError) as caught:
        read(path, content)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_every_suffix_has_a_reader_and_a_document() -> None:
    assert {s.removeprefix(".") for s in SUFFIXES} - {"htm", "xhtml"} == set(WRITERS)
    assert all(callable(reader(suffix)) for suffix in SUFFIXES)


@pytest.mark.parametrize("suffix", WRITERS)
def test_one_document_reads_the_same_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"laser.{suffix}"
    WRITERS[suffix](path)
    article = read(path)
    expected = [
        kind_text
        for s in SECTIONS
        for kind_text in (("heading", s.heading), ("paragraph", s.paragraph), *(("item", i) for i in s.items))
    ]
    if suffix not in TABLES:
        expected = [("heading", TITLE), ("paragraph", INTRO), *expected]
        assert article.title == TITLE
    assert blocks(article) == expected
    assert article.source_id == "laser"
    assert all(b.page if suffix == "pdf" else b.line for b in article.blocks)
    said = {p.heading: [s.text for s in p.sentences] for p in chunk(article, Chunking())}
    assert said["When does the hair fall out?"][0] == "The treated hair falls out within 3 weeks."


# --- saved web pages --------------------------------------------------------------------------

PAGE = """<!doctype html><html lang="en"><head>{head}<title>Needles and tyres | Spoke Street</title></head><body>
<header><nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Shop all parts</a></li></ul></nav></header>
<div class="cookie-banner">We use cookies.</div><main>
<h1>Mending a flat</h1>
<p>A flat can be mended by the road in about twenty minutes,<br>if a pump is at hand.</p>
<h2>What is needed?</h2>
<p>In the bag belong:</p>
<ul><li>two levers</li><li>a spare tube</li></ul>
<details><summary>Is glue needed?</summary><p>Patches of today need no glue.</p></details>
<dl><dt>How long does a patch last?</dt><dd>A patch lasts as long as the tube does.</dd></dl>
<table><tr><th>Tyre</th><th>Pressure</th><th>Width</th></tr>
<tr><td>Touring</td><td>4 bar</td><td>37 mm</td></tr></table>
</main><aside>Related posts <a href="/x">Chains</a></aside><footer>© Spoke Street. All rights reserved</footer>
</body></html>"""


def test_a_web_page_keeps_its_content_and_loses_its_frame(tmp_path: Path) -> None:
    head = (
        '<link rel="canonical" href="https://bikes.example/flat"><meta property="og:site_name" content="Spoke Street">'
        '<meta property="article:published_time" content="2024-05-06T10:00:00Z">'
    )
    article = read(tmp_path / "flat.html", PAGE.format(head=head))
    assert blocks(article) == [
        ("heading", "Mending a flat"),
        ("paragraph", "A flat can be mended by the road in about twenty minutes, if a pump is at hand."),
        ("heading", "What is needed?"),
        ("paragraph", "In the bag belong:"),
        ("item", "two levers"),
        ("item", "a spare tube"),
        ("heading", "Is glue needed?"),
        ("paragraph", "Patches of today need no glue."),
        ("heading", "How long does a patch last?"),
        ("paragraph", "A patch lasts as long as the tube does."),
        ("item", "Touring: pressure 4 bar, width 37 mm"),
    ]
    found = (article.title, article.publisher, article.published, article.url)
    assert found == ("Mending a flat", "Spoke Street", "2024-05-06", "https://bikes.example/flat")
    lines = PAGE.split("\n")
    assert "two levers" in lines[article.blocks[4].line - 1]


def test_a_date_that_a_page_does_not_state_is_not_guessed(tmp_path: Path) -> None:
    html = PAGE.format(head="").replace("Patches of today", "On 3 March 2019 we learned that patches")
    article = read(tmp_path / "flat.html", html)
    assert (article.published, article.url, article.publisher) == (None, None, None)


def test_a_saved_page_names_where_it_was_saved_from(tmp_path: Path) -> None:
    html = PAGE.format(head="").replace("<html", "<!-- saved from url=(0026)https://bikes.example/flat -->\n<html", 1)
    assert read(tmp_path / "flat.htm", html).url == "https://bikes.example/flat"


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", ""), ("utf-8-sig", ""), ("cp1252", "iso-8859-1"), ("utf-16", ""), ("iso-8859-2", "iso-8859-2")],
)
def test_a_page_is_decoded_as_it_declares(tmp_path: Path, encoding: str, declared: str) -> None:
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={declared}">' if declared else ""
    html = PAGE.format(head=head).replace("a spare tube", "a Schläuchlein").replace("©", "by")
    assert "a Schläuchlein" in read(tmp_path / "page.html", html.encode(encoding)).text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<p>caf\xe9</p>", "not UTF-8: save the file"),
        (b'<meta charset="klingon"><p>x</p>', "unknown encoding"),
        (b"", "no main content"),
        (b"<html><body><nav><a href='/'>Home</a></nav></body></html>", "no main content"),
    ],
    ids=["not UTF-8", "unknown encoding", "empty", "menu alone"],
)
def test_a_page_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(tmp_path / "page.html", content)


# --- PDF --------------------------------------------------------------------------------------


def pdf(path: Path, lines: Sequence[tuple[float, float, str]], **options: str) -> Path:
    """A page with lines at (left, top)."""
    canvas = Canvas(str(path), pagesize=A4, **options)
    for left, top, text in lines:
        canvas.drawString(left, top, text)
    canvas.save()
    return path


def test_words_cut_at_the_end_of_a_line_become_whole(tmp_path: Path) -> None:
    texts = ["The chain is cleaned and lubri-", "cated with a well-", "known oil on pages 4-", "6 of the man-", "ual."]
    article = read(pdf(tmp_path / "a.pdf", [(72, 700 - 14 * n, text) for n, text in enumerate(texts)]))
    assert article.text == "The chain is cleaned and lubricated with a well-known oil on pages 4-6 of the manual."


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [(72, 700 - 14 * n, text) for n, text in enumerate(["A tyre is pumped", "before every ride", "because the"])]
    right = [(320, 700 - 14 * n, text) for n, text in enumerate(["air goes out.", "It takes a", "minute."])]
    article = read(pdf(tmp_path / "a.pdf", left + right))
    assert article.text == "A tyre is pumped before every ride because the air goes out. It takes a minute."


def test_page_heads_and_numbers_are_dropped_and_blocks_know_their_page(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    for page, text in enumerate(["Oil the chain.", "Pump the tyre.", "Check the brakes."], 1):
        canvas.drawString(72, 800, "Spoke Street manual")
        canvas.drawString(72, 600, text)
        canvas.drawString(280, 30, f"{page} / 3")
        canvas.showPage()
    canvas.save()
    article = read(tmp_path / "a.pdf")
    assert article.text == "Oil the chain.\n\nPump the tyre.\n\nCheck the brakes."
    assert [b.page for b in article.blocks] == [1, 2, 3]


def test_the_source_page_has_an_anchor_for_each_page(tmp_path: Path) -> None:
    WRITERS["pdf"](tmp_path / "a.pdf")
    article = read(tmp_path / "a.pdf")
    shown = source_page(article, None, "/s.css")
    last = max(block.page for block in article.blocks)
    assert last > 1
    assert [shown.count(f'id="page-{n}"') for n in range(1, last + 1)] == [1] * last


@pytest.mark.parametrize(("title", "shown"), [("The manual", "The manual"), ("Microsoft Word - x.docx", "a")])
def test_a_pdf_has_its_own_title_unless_a_program_made_it_up(tmp_path: Path, title: str, shown: str) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.setTitle(title)
    canvas.drawString(72, 600, "Oil the chain.")
    canvas.save()
    assert read(tmp_path / "a.pdf").title == shown


def scan(path: Path) -> None:
    Image.new("RGB", (300, 400), "white").save(path.with_suffix(".png"))
    canvas = Canvas(str(path))
    canvas.drawImage(str(path.with_suffix(".png")), 72, 72)
    canvas.save()


def locked(path: Path) -> None:
    pdf(path, [(72, 600, "Oil the chain.")], encrypt="secret")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (scan, "pictures and no text (a scan?): recognise its text (OCR)"),
        (locked, "locked with a password: save it without one"),
        (lambda path: path.write_bytes(b""), "damaged or no PDF"),
        (lambda path: path.write_bytes(b"%PDF-1.7\n%%EOF"), "damaged or no PDF"),
    ],
    ids=["a scan", "a password", "empty", "no pages"],
)
def test_a_pdf_that_cannot_be_read_is_named(tmp_path: Path, write: Callable[[Path], object], said: str) -> None:
    write(tmp_path / "a.pdf")
    assert said in refused(tmp_path / "a.pdf")


# --- Word -------------------------------------------------------------------------------------


def test_a_word_document_by_its_styles(tmp_path: Path) -> None:
    document = docx.Document()
    document.core_properties.title = "The manual"
    document.sections[0].header.paragraphs[0].text = "Spoke Street"
    document.add_heading("Chains", 1)
    document.add_heading("How often is oil needed?", 2)
    document.add_paragraph("Oil is needed every two weeks.\nLess in summer.")
    document.add_paragraph("a rag", style="List Bullet")
    document.add_paragraph("a brush", style="List Number")
    table = document.add_table(rows=2, cols=3)
    for cell, text in zip(
        (c for row in table.rows for c in row.cells), ["Oil", "Price", "Weight", "Wax", "9", "10"], strict=True
    ):
        cell.text = text
    pairs = document.add_table(rows=1, cols=2)
    pairs.rows[0].cells[0].text, pairs.rows[0].cells[1].text = "Length", "114 links"
    document.save(str(tmp_path / "a.docx"))
    article = read(tmp_path / "a.docx")
    assert article.title == "The manual"
    assert blocks(article) == [
        ("heading", "Chains"),
        ("heading", "How often is oil needed?"),
        ("paragraph", "Oil is needed every two weeks."),
        ("paragraph", "Less in summer."),
        ("item", "a rag"),
        ("item", "a brush"),
        ("item", "Wax: price 9, weight 10"),
        ("item", "Length: 114 links"),
    ]
    assert [b.level for b in article.blocks][:2] == [1, 2]
    assert article.published is None  # a file's own dates say when it was saved, not when it was published


def test_suggested_changes_read_as_if_accepted(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Oil the ")
    paragraph._p.append(parse_xml(f"<w:del {nsdecls('w')}><w:r><w:delText>old</w:delText></w:r></w:del>"))
    paragraph._p.append(parse_xml(f"<w:ins {nsdecls('w')}><w:r><w:t>new chain.</w:t></w:r></w:ins>"))
    document.save(str(tmp_path / "a.docx"))
    assert read(tmp_path / "a.docx").text == "Oil the new chain."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "locked with a password, or an old Office file"),
        (b"PK\x03\x04 cut", "is damaged"),
        (b"", "is damaged"),
    ],
    ids=["locked", "cut off", "empty"],
)
@pytest.mark.parametrize("suffix", ["docx", "xlsx"])
def test_an_office_file_that_cannot_be_read_is_named(tmp_path: Path, suffix: str, content: bytes, said: str) -> None:
    assert said in refused(tmp_path / f"a.{suffix}", content)


# --- tables of questions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "question,answer,alternates\nHow often?,Weekly.,when|how frequently\n",
        'Answer;Question;Other wordings\nWeekly.;How often?;"when; how frequently"\n',
        "\n\nQ\tA\tvariants\nHow often?\tWeekly.\twhen|how frequently\n",
    ],
    ids=["commas", "semicolons", "tabs and empty lines"],
)
def test_a_csv_is_read_by_its_header(tmp_path: Path, content: str) -> None:
    article = read(tmp_path / "faq.csv", content)
    assert blocks(article) == [("heading", "How often?"), ("paragraph", "Weekly.")]
    assert article.blocks[0].questions == ("when", "how frequently")


def test_a_csv_that_excel_calls_unicode_is_read(tmp_path: Path) -> None:
    content = codecs.BOM_UTF16_LE + "question\tanswer\nWie oft?\tFür immer.\n".encode("utf-16-le")
    assert read(tmp_path / "faq.csv", content).text == "Wie oft?\n\nFür immer."


def test_rows_know_their_line_and_answers_keep_their_lists(tmp_path: Path) -> None:
    article = read(tmp_path / "faq.csv", 'question,answer\nWhat?,"These:\n- a rag\n- a brush"\nWhy?,Dirt.\n')
    assert [(b.kind, b.line) for b in article.blocks] == [
        ("heading", 2), ("paragraph", 2), ("item", 2), ("item", 2), ("heading", 5), ("paragraph", 5),
    ]  # fmt: skip


def test_every_sheet_with_a_header_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Notes to ourselves"])
    for name in ("Chains", "Tyres"):
        sheet = book.create_sheet(name)
        sheet.append(["Question", "Answer", "Alternates"])
        sheet.append([f"{name}?", 12, None])
    book.save(tmp_path / "faq.xlsx")
    assert read(tmp_path / "faq.xlsx").text == "Chains?\n\n12\n\nTyres?\n\n12"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "name,price\nOil,9\n", "a.csv:1: has no columns question and answer"),
        ("a.csv", "question,answer\n,Weekly.\n", "a.csv:2: has an answer and no question"),
        ("a.csv", "question,answer\n", "holds no questions"),
        ("a.csv", "question,answer\nWhat?,\n", "no text under its headings"),
        ("a.csv", b"question,answer\nWhat?,caf\xe9\n", "a.csv:2: not UTF-8"),
        ("a.csv", "", "holds no questions"),
        ("a.jsonl", '{"question": "a", "answer": "b"}\n{"question": \n', "a.jsonl:2: is not JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: is no JSON object"),
        ("a.jsonl", '{"ask": "a"}\n', "holds no questions"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    assert said in refused(tmp_path / name, content)
