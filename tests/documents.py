"""One document in every format, written by the libraries that write such files, furniture and all."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docx
import openpyxl
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import ListFlowable, ListItem, Paragraph, SimpleDocTemplate, Spacer

TITLE = "Laser hair removal in brief"
INTRO = "What follows is the same in every format."


@dataclass(frozen=True)
class Section:
    """A question, what answers it, and a list beneath, which may be empty."""

    heading: str
    paragraph: str
    items: tuple[str, ...] = ()


SECTIONS = (
    Section(
        "Does laser hair removal hurt?",
        "Each pulse feels like the snap of a rubber band. A cold gel or a stream of cold air makes the pulses "
        "easier to bear, and most people need no numbing cream at all.",
    ),
    Section(
        "How many laser sessions are needed?",
        "A course has 6 to 8 sessions, because only hair that is growing takes up the light. The sessions are 6 weeks "
        "apart on the body and 4 weeks apart on the face.",
    ),
    Section(
        "How do I prepare for the laser?",
        "Before every session, the well-known rules are:",
        ("shave the area the day before", "use no self-tanner for 2 weeks", "pull out no hairs for 4 weeks"),
    ),
    Section(
        "Who should not have laser hair removal?",
        "Tanned skin should not be treated, because its pigment takes up the light and can blister. Grey and white "
        "hair does not respond.",
    ),
    Section(
        "When does the hair fall out?",
        "The treated hair falls out within 3 weeks. Until then it looks as if it were still growing, which is nothing "
        "unusual.",
    ),
)


def write_md(path: Path) -> None:
    out = [f"# {TITLE}", INTRO]
    for s in SECTIONS:
        out += [f"## {s.heading}", s.paragraph, "\n".join(f"- {item}" for item in s.items)]
    path.write_text("\n\n".join(filter(None, out)) + "\n", encoding="utf-8")


def write_txt(path: Path) -> None:
    out = ["top of page", TITLE, INTRO]
    for s in SECTIONS:
        out += [s.heading, s.paragraph, *(f"• {item}" for item in s.items)]
    path.write_text("\n".join([*out, "Leave a comment", "Nice page!"]), encoding="utf-8")


def write_html(path: Path) -> None:
    body = []
    for s in SECTIONS:
        body += [f"<h2>{html.escape(s.heading)}</h2>", f"<p>{html.escape(s.paragraph)}</p>"]
        body += ["<ul>", *(f"<li>{item}</li>" for item in s.items), "</ul>"] if s.items else []
    menu = "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("Home", "Prices", "Team", "Contact"))
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title></head><body>'
        f"<header><nav><ul>{menu}</ul></nav></header><main><h1>{TITLE}</h1>\n<p>{INTRO}</p>\n"
        + "\n".join(body)
        + '</main><aside><h3>Related posts</h3><a href="/x">Summer</a></aside><footer>All rights reserved</footer>'
        "</body></html>",
        encoding="utf-8",
    )


def write_docx(path: Path) -> None:
    document = docx.Document()
    document.core_properties.title = ""
    document.sections[0].header.paragraphs[0].text = "Harbour Skin Room leaflet"
    document.add_heading(TITLE, 0)
    document.add_paragraph(INTRO)
    for s in SECTIONS:
        document.add_heading(s.heading, 2)
        document.add_paragraph(s.paragraph)
        for item in s.items:
            document.add_paragraph(item, style="List Bullet")
    document.save(str(path))


def write_pdf(path: Path) -> None:
    """Small pages, so that the text runs over three of them; a head and a number on each."""
    styles = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=styles["BodyText"], fontSize=12, leading=17)
    parts = [Paragraph(TITLE, styles["Title"]), Paragraph(INTRO, body)]
    for s in SECTIONS:
        parts += [Paragraph(s.heading, styles["Heading2"]), Paragraph(s.paragraph, body), Spacer(0, 60)]
        if s.items:
            rows = [ListItem(Paragraph(item, body)) for item in s.items]
            parts[-1:] = [ListFlowable(rows, bulletType="bullet", start="•"), Spacer(0, 60)]

    def furniture(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(40, A5[1] - 25, "Harbour Skin Room leaflet")
        canvas.drawString(200, 20, f"Page {document.page}")

    SimpleDocTemplate(str(path), pagesize=A5).build(parts, onFirstPage=furniture, onLaterPages=furniture)


def rows() -> list[tuple[str, str, str]]:
    """The document as a table of questions: question, answer, other wordings."""
    return [(s.heading, "\n".join([s.paragraph, *(f"- {i}" for i in s.items)]), "") for s in SECTIONS]


def write_csv(path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([("Question", "Answer", "Alternates"), *rows()])


def write_xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [("Question", "Answer", "Alternates"), *rows()]:
        sheet.append(row)
    book.save(path)


def write_jsonl(path: Path) -> None:
    lines = [json.dumps({"question": q, "answer": a, "alternates": []}) for q, a, _ in rows()]
    path.write_text("\n".join(lines), encoding="utf-8")


WRITERS: dict[str, Callable[[Path], None]] = {
    "md": write_md,
    "txt": write_txt,
    "html": write_html,
    "pdf": write_pdf,
    "docx": write_docx,
    "csv": write_csv,
    "xlsx": write_xlsx,
    "jsonl": write_jsonl,
}


def write_all(folder: Path) -> Path:
    """The document in every format, called ``laser-SUFFIX``; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, write in WRITERS.items():
        write(folder / f"laser-{suffix}.{suffix}")
    return folder
