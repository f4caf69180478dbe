"""Two hundred files that want to break whoever reads them. Each is made in well under a second."""

from __future__ import annotations

import io
import json
import os
import random
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import docx
import openpyxl

from tests.documents import write_pdf

SECRET = "the-secret-outside-the-corpus"
LAUGHS = '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
SMALL = b"A tyre is round.\n"
SHEET = "xl/worksheets/sheet1.xml"
TYPES = "[Content_Types].xml"
File = tuple[str, bytes]


def write_hostile(folder: Path) -> list[str]:
    """Write them all; returns their names. What they point at outside the folder holds ``SECRET``."""
    folder.mkdir(parents=True)
    outside = folder.parent / "outside.md"
    outside.write_text(f"# Outside\n\nThis is {SECRET}.\n")
    names = []
    for name, content in _contents(folder, outside):
        (folder / name).write_bytes(content)
        names.append(name)
    return names + _links(folder, outside)


def _contents(folder: Path, outside: Path) -> Iterator[File]:
    for name, content in [*_encodings(), *_nested(), *_tables(), *_office(outside), *_pdfs(folder)]:
        yield f"{Path(name).suffix[1:]}-{name}", content  # no two with one stem
    yield from _names()


def _encodings() -> Iterator[File]:
    """Bytes that are no UTF-8, or that say they are something else."""
    noise = random.Random(1).randbytes(4000)
    kinds = {
        "latin": "Ça pique, très fort. ".encode("latin-1") * 20,
        "utf16": "question,answer\nHurts?,No.\n".encode("utf-16-le"),
        "utf32": "A sentence about tyres.".encode("utf-32"),
        "noise": noise,
        "nul": b"\x00" * 5000,
        "overlong": b"A tyre\xc0\xaf\xe0\x80\xaf is round.",
        "surrogate": b"A tyre \xed\xa0\x80 is round.",
        "cut": "A tyre is round …".encode()[:-1],
    }
    for kind, content in kinds.items():
        for suffix in ("md", "txt", "html", "csv", "jsonl"):
            yield f"encoding-{kind}-{suffix}.{suffix}", content
    for charset in ("utf-7", "klingon", "unicode_escape", "idna", "punycode", "rot13", "zip", "undefined"):
        yield f"charset-{charset}.html", f'<meta charset="{charset}"><p>A tyre +ADw-is round.</p>'.encode()


def _nested() -> Iterator[File]:
    """Things in things in things."""
    deep = 5_000
    for tag in ("div", "table><tr><td", "ul><li", "b", "details", "blockquote", "svg", "select", "template", "span"):
        opening = f"<{tag}>"
        yield f"nested-{tag.split('>')[0]}.html", ("<html><body>" + opening * deep + "<p>A tyre is round.").encode()
    yield "attributes.html", ("<p " + " ".join(f'a{n}="x"' for n in range(deep)) + ">A tyre is round.</p>").encode()
    yield "open-comment.html", b"<p>A tyre is round.<!--" + b"-" * 500_000
    yield "open-tags.html", b"<a " * 100_000
    yield "entities.html", f"<!DOCTYPE html [{LAUGHS}]><p>&l9; A tyre is round.</p>".encode()
    yield "one-tag.html", b"<" * 500_000
    yield "script.html", b"<script>" + b"while(1){}" * 50_000 + b"</script><p>A tyre is round.</p>"
    yield "arrays.jsonl", b"[" * 200_000
    yield "objects.jsonl", b'{"question":' * 100_000
    yield "digits.jsonl", b'{"question": "How?", "answer": ' + b"9" * 100_000 + b"}"
    yield "keys.jsonl", json.dumps({f"k{n}": n for n in range(50_000)}).encode()
    yield "brackets.md", b"---\ntitle: " + b"[" * 2_000 + b"\n---\nA tyre is round.\n"
    yield "flow.md", b"---\ntitle: " + b"[" * 5_000 + b"\n---\nA tyre is round.\n"
    yield "maps.md", b"---\n" + b"".join(b" " * n + b"a:\n" for n in range(80)) + b"---\nA tyre is round.\n"
    aliases = "\n".join(f"l{n}: &l{n} [{', '.join(f'*l{n - 1}' for _ in range(9)) if n else 'x'}]" for n in range(10))
    yield "aliases.md", f"---\n{aliases}\n---\nA tyre is round.\n".encode()
    yield "python-tag.md", b"---\ntitle: !!python/object/apply:os.system ['false']\n---\nA tyre is round.\n"
    for name, marks in {
        "quotes": ">" * 5000,
        "lists": "\n".join(" " * n + "- x" for n in range(400)),
        "links": "[" * 50_000,
        "images": "![" * 10_000,
        "stars": "*a_ " * 10_000,
        "ticks": "`a``" * 10_000,
        "html": "<a " * 10_000,
        "questions": "## A?\n<!-- questions:\n" * 3000,
    }.items():
        yield f"deep-{name}.md", f"{marks}\n\nA tyre is round.\n".encode()


def _tables() -> Iterator[File]:
    """Tables that are wide, long, or lie about it."""
    yield "wide.csv", b"question,answer" + b",x" * 500_000 + b"\nHow?,So.\n"
    yield "long.csv", b"question,answer\n" + b"How?,So.\n" * 20_000
    yield "cell.csv", b"question,answer\nHow?," + b"so " * 1_000_000
    yield "open-quote.csv", b'question,answer\nHow?,"' + b"so\n" * 20_000
    yield "separators.csv", b"," * 1_000_000
    yield "formula.csv", b"question,answer\n=cmd|' /C calc'!A0,@SUM(1)\n"
    yield (
        "spans.html",
        b'<table><tr><td rowspan="99999999" colspan="99999999">A tyre</td><td>is round</td></tr></table>',
    )
    yield "cells.html", b"<table><tr>" + b"<td>tyre</td>" * 20_000 + b"</tr></table>"
    for name, sheet in {
        "claims": '<dimension ref="A1:XFD1048576"/><sheetData><row r="1048576">'
        '<c r="XFD1048576"><v>1</v></c></row></sheetData>',
        "rows": "<sheetData>" + "<row><c><v>1</v></c></row>" * 20_000 + "</sheetData>",
        "far": '<sheetData><row r="1"><c r="ZZZZ1"><v>1</v></c></row></sheetData>',
        "bad-number": '<sheetData><row r="x"><c r="A1"><v>1</v></c></row></sheetData>',
        "string": '<sheetData><row r="1"><c r="A1" t="s"><v>99999999</v></c></row></sheetData>',
    }.items():
        space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
        yield (
            f"sheet-{name}.xlsx",
            changed(workbook(), {SHEET: f"<worksheet {space}>{sheet}</worksheet>"}),
        )


def workbook() -> bytes:
    """A small good workbook."""
    book = openpyxl.Workbook()
    for row in (["question", "answer"], ["How?", "So."]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def document() -> bytes:
    """A small good Word document."""
    out = io.BytesIO()
    made = docx.Document()
    made.add_paragraph("A tyre is round.")
    made.save(out)
    return out.getvalue()


def changed(archive: bytes, parts: dict[str, str | bytes]) -> bytes:
    """The archive with some parts replaced or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, content in parts.items():
            new.writestr(name, content)
    return out.getvalue()


def part(archive: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(name).decode()


def with_entities(archive: bytes, name: str, definitions: str, used: str) -> bytes:
    """The archive whose part ``name`` defines entities and uses one."""
    old = part(archive, name)
    head, _, rest = old.partition("?>")
    body = rest.replace("A tyre is round.", used) if "A tyre" in rest else rest.replace("</", f"{used}</", 1)
    return changed(archive, {name: f"{head}?><!DOCTYPE x [{definitions}]>{body}"})


def _office(outside: Path) -> Iterator[File]:
    """Archives that grow, XML that unfolds or reaches out, macros."""
    good, book = document(), workbook()
    word = [TYPES, "_rels/.rels", "word/document.xml", "word/styles.xml", "docProps/core.xml"]
    sheet = [TYPES, "_rels/.rels", "xl/workbook.xml", "xl/worksheets/sheet1.xml", "docProps/core.xml"]
    reach = f'<!ENTITY e SYSTEM "{outside.as_uri()}">'
    kinds = {
        "laughs": (LAUGHS, "&l9;"),
        "outside": (reach, "&e;"),
        "parameter": (f'<!ENTITY % p SYSTEM "{outside.as_uri()}">%p;', "x"),
        "blowup": (f'<!ENTITY a "{"a" * 50_000}">', "&a;" * 2000),
    }
    for suffix, archive, names in (("docx", good, word), ("xlsx", book, sheet)):
        for kind, (definitions, used) in kinds.items():
            for number, name in enumerate(names):
                yield f"xml-{kind}-{number}.{suffix}", with_entities(archive, name, definitions, used)
        yield f"bomb.{suffix}", changed(archive, {"word/media/a.xml": b"\0" * 310_000_000})
        yield f"parts.{suffix}", changed(archive, {f"x/{n}.xml": b"" for n in range(10_001)})
        yield f"climbs.{suffix}", changed(archive, {"../../climbed.md": b"# Climbed", "/tmp/climbed.md": b"# Climbed"})
        yield f"no-types.{suffix}", changed(archive, {TYPES: b""})
        yield f"vba.{suffix}", changed(archive, {"word/vbaProject.bin": b"\xd0\xcf\x11\xe0" * 100})
        for number in range(6):
            cut = len(archive) * (number + 1) // 7
            yield f"cut-{number}.{suffix}", archive[:cut]
            yield f"flipped-{number}.{suffix}", _flipped(archive, number)
    body = part(good, "word/document.xml")
    start, end = body.index("<w:p>") if "<w:p>" in body else body.index("<w:p "), body.index("<w:sectPr")
    for name, inner in {
        "nested-tables": "<w:tbl><w:tr><w:tc>" * 3000 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 3000,
        "grid": '<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="999999999"/></w:tcPr><w:p/></w:tc></w:tr></w:tbl>',
        "grid-before": '<w:tbl><w:tr><w:trPr><w:gridBefore w:val="999999999"/></w:trPr><w:tc><w:p/></w:tc></w:tr>'
        "</w:tbl>",
        "paragraphs": "<w:p/>" * 20_000,
        "merged": "<w:tbl><w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc></w:tr></w:tbl>",
        "style-loop": '<w:p><w:pPr><w:pStyle w:val="Nobody"/></w:pPr><w:r><w:t>A tyre is round.</w:t></w:r></w:p>',
        "large": f"<w:p><w:r><w:t>{'x' * 60_000_000}</w:t></w:r></w:p>",
    }.items():
        yield f"word-{name}.docx", changed(good, {"word/document.xml": body[:start] + inner + body[end:]})
    usual = "openxmlformats-officedocument.wordprocessingml.document.main"
    macro = part(good, TYPES).replace(usual, "ms-word.document.macroEnabled.main")
    yield "macro-inside.docx", changed(good, {TYPES: macro})
    yield "macro.docm", good
    yield "macro.xlsm", book
    yield "old.doc", b"\xd0\xcf\x11\xe0" + bytes(600)
    yield "is-a-sheet.docx", book
    yield "is-a-document.xlsx", good


def _flipped(content: bytes, seed: int) -> bytes:
    """Twenty bytes changed."""
    chance = random.Random(seed)
    out = bytearray(content)
    for _ in range(20):
        out[chance.randrange(len(out))] = chance.randrange(256)
    return bytes(out)


def _pdfs(folder: Path) -> Iterator[File]:
    """PDFs that end early, go round in circles, or unfold."""
    path = folder / "good.pdf"
    write_pdf(path)
    good = path.read_bytes()
    path.unlink()
    for number in range(10):
        yield f"cut-{number}.pdf", good[: len(good) * (number + 1) // 11]
        yield f"flipped-{number}.pdf", _flipped(good, number)
    zeros = zlib.compress(b" " * 200_000_000, 1)
    text = zlib.compress(b"BT /F1 9 Tf 72 72 Td " + b"(A tyre is round.) Tj 0 9 Td " * 100_000 + b"ET")
    page = (
        "/Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 "
    )
    page += "/BaseFont /Helvetica >> >> /XObject << /X 4 0 R >> >> /Contents 4 0 R"
    catalog, pages = "/Type /Catalog /Pages 2 0 R ", "/Type /Pages /Kids [3 0 R] /Count 1"
    kinds: dict[str, list[str | bytes]] = {
        "loop": [catalog, "/Type /Pages /Kids [2 0 R] /Count 1"],
        "count": [catalog, "/Type /Pages /Kids [3 0 R] /Count 999999999", page, b"q Q"],
        "self": [catalog, pages, page, b"/X Do"],
        "zeros": [catalog, pages, page, zeros],
        "text": [catalog, pages, page, text],
        "deep": [catalog + "/X " + "[" * 100_000, pages, page, b"q Q"],
        "box": [catalog, pages, page.replace("600 800", "1e38 -1e38"), b"BT /F1 9 Tf (A tyre.) Tj ET"],
        "gq": [catalog, pages, page, b"q " * 300_000],
        "script": [
            "/Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (while(1){}) >>",
            pages,
            page,
            b"BT /F1 9 Tf 72 72 Td (A tyre is round.) Tj ET",
        ],
    }
    for kind, objects in kinds.items():
        yield f"{kind}.pdf", pdf_of(objects)
    yield (
        "many-pages.pdf",
        pdf_of([catalog, f"/Type /Pages /Kids [{'3 0 R ' * 3000}] /Count 3000", page]),
    )
    yield "xref-loop.pdf", good.replace(b"/Size", b"/Prev 0 /Size")
    yield "head-only.pdf", b"%PDF-1.7\n" + b"%" * 1_000_000
    yield "zip.pdf", document()


def pdf_of(objects: list[str | bytes]) -> bytes:
    """A PDF of numbered objects: text is a dictionary's content, bytes are a stream (compressed ones say so)."""
    out = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        if isinstance(content, str):
            body = f"<< {content} >>".encode()
        else:
            packed = b"/Filter /FlateDecode " if content[:1] == b"\x78" else b""
            head = b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] " + packed + f"/Length {len(content)} >>".encode()
            body = head + b"\nstream\n" + content + b"\nendstream"
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size, start = len(objects) + 1, len(out)
    top = f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    return out + f"{top}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF".encode()


def _names() -> Iterator[File]:
    """Names that are long, unseen, or look like something else."""
    odd = [
        "line\nbreak",
        "tab\tstop",
        "bell\a",
        "right\u202eleft",
        "zero\u200bwidth",
        "..",
        "...",
        "-rf",
        "CON",
        "café",
    ]
    odd += [
        "ＡＢＣ",
        "😀",
        "a b  c",
        "%2e%2e%2f",
        "back\\slash",
        "$(id)",
        "'quote'",
        "<b>",
        "nul%00",
        "a" * 190,
        "a" * 240,
    ]
    for name in [*odd, os.fsdecode(b"bytes\xff\xfe")]:
        yield f"{name}.md", SMALL
    yield ".hidden.md", SMALL
    yield "~$lock.docx", SMALL


def _links(folder: Path, outside: Path) -> list[str]:
    """What is no file of its own: links out, round and to nothing, folders, pipes."""
    targets = {
        "out.md": outside,
        "page.html": Path("/etc/hostname"),
        "round.md": Path("round.md"),
        "zero.txt": Path("/dev/zero"),
        "nothing.pdf": Path("nowhere"),
        "up.txt": Path("../outside.md"),
    }
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    (folder / "folder.md").mkdir()
    os.mkfifo(folder / "pipe.csv")
    return [*targets, "folder.md", "pipe.csv"]
