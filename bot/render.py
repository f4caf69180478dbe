"""Reply to safe HTML and to plain text, and an article to marked blocks (pure).

Everything that a visitor, an article or a setting wrote is escaped here, once. A reply's HTML is one
``<div>`` on one line: the chat page reads messages as Markdown, and a blank line inside would switch
Markdown on again. What a page's sanitiser would take away (``data-*``, ``aria-*``) is not used.
"""

from __future__ import annotations

import datetime
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from bot.clinic import Clinic
from bot.interface import ENGLISH, Words
from bot.schema import Article, Block, Citation, Differ, Reply

SHOWN_CHARS = 1500  # of a visitor's own message in the conversation; the rest is elided
# Control characters do nothing good on a page; bidi overrides could make a text read as another one.
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_DIALLED = re.compile(r"\+?\d[\d ()./-]*\Z")
# Where a sentence may begin; a quote always starts at one.
_OPENING = re.compile(r"\A|(?<=[.!?:)\"'\u2026\u201d\u2019])\s+")
_LIST_LINE = re.compile(r"[\u2022*-]\s+")


def clean(text: str) -> str:
    """Without control characters, direction overrides and lone surrogates; newlines stay."""
    return _UNSAFE.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def esc(text: str | None) -> str:
    """Safe in HTML text and quoted attributes, and free of newlines."""
    return html.escape(clean(text or "").replace("\n", " "))


def date_text(published: str | None, words: Words = ENGLISH) -> str:
    """``2024-01-19`` as ``19 January 2024``; nothing as ``undated``."""
    try:
        day = datetime.date.fromisoformat(published or "")
    except ValueError:
        return published or words["undated"]
    return words.date(day.day, day.month, day.year)


def publisher_text(publisher: str | None, words: Words = ENGLISH) -> str:
    """The publisher, or that none is stated."""
    return publisher or words["no_publisher"]


def fingerprint(text: str) -> str:
    """A short checksum of a quote, so that an old link notices when the article has changed."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def source_href(cited: Citation, words: Words = ENGLISH) -> str:
    """The permalink of a citation: the article's own page with the quote marked."""
    query = urlencode({"start": cited.start, "end": cited.end, "h": fingerprint(cited.quote)})
    return f"/source/{quote(cited.source_id, safe='')}?{query}{words.query('&')}#quote"


def tel_href(number: str) -> str | None:
    """``tel:`` address of a text that is a telephone number, None of one that is not."""
    return "tel:" + re.sub(r"[^\d+]", "", number) if _DIALLED.match(number) else None


def contact_links(clinic: Clinic) -> dict[str, str]:
    """The clinic's own numbers and addresses as they stand in replies, each with where it leads."""
    numbers = (clinic.emergency_number, clinic.urgent_advice_line, clinic.crisis_line, clinic.poison_line, clinic.phone)
    links = {number: href for number in numbers if (href := tel_href(number))}
    if clinic.email:
        links[clinic.email] = "mailto:" + quote(clinic.email, safe="@+.-_")
    return links | {
        url: url for url in (clinic.booking_url, clinic.privacy_url) if url.startswith(("http://", "https://"))
    }


# --- a reply ---------------------------------------------------------------------------------


def question_html(text: str, words: Words = ENGLISH) -> str:
    """A visitor's message as they typed it, for the conversation."""
    text = clean(text).strip()
    shown = text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + " …"
    lines = [html.escape(line) for line in shown.split("\n") if line.strip()]
    return f'<div class="asked" dir="auto">{"<br>".join(lines) or words["empty_message"]}</div>'


def thinking_html(words: Words = ENGLISH) -> str:
    """What stands where the reply will be."""
    return f'<div class="thinking" lang="{words.code}">{words["thinking"]}</div>'


def reply_html(reply: Reply, links: Mapping[str, str], words: Words = ENGLISH, more: str = "") -> str:
    """A reply as one safe ``<div>`` on one line. ``links``: what ``contact_links`` gave; ``more``: safe HTML below."""
    role = ' role="alert"' if reply.status == "urgent" else ""
    parts = [
        f'<div class="says"{role}>{_lines_html(reply.answer, links, reply.citations, words)}</div>',
        "".join(_differ_html(d, reply, words) for d in reply.differ),
        _notes_html(reply.disclaimers, links),
        _citations_html(reply.citations, words),
        more,
    ]
    # What the bot says is English whatever the language of the page; only the page's own words are in that.
    version = f' data-index="{esc(reply.index_version)}"' if reply.index_version else ""
    return f'<div class="reply {esc(reply.status)}" lang="en" dir="auto"{version}>{"".join(parts)}</div>'


def _notes_html(disclaimers: Sequence[str], links: Mapping[str, str]) -> str:
    lines = "".join(_lines_html(text, links) for text in disclaimers)
    return f'<div class="notes">{lines}</div>' if lines else ""


def linked(text: str, links: Mapping[str, str]) -> str:
    """A text of the clinic's as safe HTML, its numbers and addresses as links."""
    return _lines_html(text, links)


def _lines_html(text: str, links: Mapping[str, str], citations: Sequence[Citation] = (), words: Words = ENGLISH) -> str:
    cites = {f"[{c.n}]": _cite(c, words) for c in citations}
    owns = {k: f'<a class="own" href="{esc(href)}">{html.escape(k)}</a>' for k, href in links.items()}
    known = sorted((*cites, *owns), key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<![\w+]){re.escape(k)}(?!\w)" if k in owns else re.escape(k) for k in known))
    out = []
    for line in filter(None, (line.strip() for line in clean(text).split("\n"))):
        lead = _LIST_LINE.match(line)
        shown = _linked(line[lead.end() :] if lead else line, pattern if known else None, owns | cites)
        out.append(f'<span class="{"item" if lead else "line"}">{shown}</span>')
    return "".join(out)


def _linked(text: str, pattern: re.Pattern[str] | None, anchors: Mapping[str, str]) -> str:
    out, at = [], 0
    for match in pattern.finditer(text) if pattern else ():
        out.append(html.escape(text[at : match.start()]) + anchors[match.group()])
        at = match.end()
    return "".join(out) + html.escape(text[at:])


def _cite(cited: Citation, words: Words) -> str:
    title = esc(words.say("source_n", n=cited.n, title=cited.title))
    return f'<a class="cite" href="{esc(source_href(cited, words))}" title="{title}">[{cited.n}]</a>'


def _differ_html(differ: Differ, reply: Reply, words: Words) -> str:
    cited = {c.n: c for c in reply.citations}
    rows = []
    for value in differ.values:
        sides = [cited[n] for n in value.n if n in cited]
        who = ", ".join(f"{esc(side.publisher or side.title)} {_cite(side, words)}" for side in sides)
        rows.append(f"<tr><th>{esc(value.value)}</th><td>{who}</td></tr>")
    caption = esc(words.say("differ", topic=differ.topic))
    body = f"<tbody>{''.join(rows)}</tbody>"
    return f'<table class="differ"><caption lang="{words.code}">{caption}</caption>{body}</table>'


def _citations_html(citations: Sequence[Citation], words: Words) -> str:
    items = []
    for c in citations:
        section = f'<span class="where">{esc(c.section)}</span> ' if c.section and c.section != c.title else ""
        meta = f"{esc(publisher_text(c.publisher, words))}, {esc(date_text(c.published, words))}"
        link = f'<a class="cite title" href="{esc(source_href(c, words))}">{esc(c.title)}</a>'
        what = f'<span>{link} {section}<span class="meta" lang="{words.code}">{meta}</span></span>'
        items.append(f'<li><span class="n">{c.n}</span>{what}</li>')
    head = f'<span class="head" lang="{words.code}">{words["sources"]}</span>'
    return f'<div class="sources">{head}<ol>{"".join(items)}</ol></div>' if items else ""


def reply_text(reply: Reply) -> str:
    """A reply as plain text: for the terminal, and to paste into a message."""
    parts = [clean(reply.answer)]
    cited = {c.n: c.publisher or c.title for c in reply.citations}
    for differ in reply.differ:
        values = [f"- {v.value}: " + ", ".join(f"{cited.get(n, '')} [{n}]" for n in v.n) for v in differ.values]
        parts.append("\n".join([f"What the articles say: {differ.topic}", *values]))
    parts.extend(reply.disclaimers)
    sources = [f"[{c.n}] {c.title} ({publisher_text(c.publisher)}, {date_text(c.published)})" for c in reply.citations]
    parts.append("\n".join(sources))
    return "\n\n".join(filter(None, parts))


# --- an article with a quote marked ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote's place in an article; ``moved`` when the text under it is no longer the one cited."""

    start: int
    end: int
    moved: bool = False


def locate(article: Article, start: int, end: int, checksum: str = "") -> Quote | None:
    """Find the quote a link points to: where it says, else where the same text stands now, else nowhere."""
    length = end - start
    if start < 0 or not 0 < length <= len(article.text):
        return None
    if not checksum:
        return Quote(start, end) if end <= len(article.text) else None
    if fingerprint(article.text[start:end]) == checksum:
        return Quote(start, end)
    openings = (at.end() for b in article.blocks for at in _OPENING.finditer(article.text, b.start, b.end))
    found = next((at for at in openings if fingerprint(article.text[at : at + length]) == checksum), None)
    return None if found is None else Quote(found, found + length, moved=True)


def section_blocks(article: Article, quote: Quote | None) -> tuple[Block, ...]:
    """The blocks from the heading above the quote to the next heading; all of them without a quote."""
    if quote is None:
        return article.blocks
    heads = [i for i, b in enumerate(article.blocks) if b.kind == "heading"]
    first = max((i for i in heads if article.blocks[i].start <= quote.start), default=0)
    last = min((i for i in heads if i > first and article.blocks[i].start >= quote.end), default=None)
    return article.blocks[first:last]


def pieces(article: Article, block: Block, quote: Quote | None) -> Iterator[tuple[str, bool]]:
    """A block's text cut at the quote's edges: (text, is it marked)."""
    low = min(max(quote.start, block.start), block.end) if quote else block.end
    high = min(max(quote.end, block.start), block.end) if quote else block.end
    for start, end, marked in ((block.start, low, False), (low, high, True), (high, block.end, False)):
        if end > start:
            yield clean(article.text[start:end]), marked


def passage_dict(article: Article, quote: Quote | None, words: Words = ENGLISH) -> dict[str, Any]:
    """What the source panel shows, as JSON: the section around a quote, in blocks cut at its edges."""
    return {
        "source_id": article.source_id,
        "title": clean(article.title),
        "publisher": publisher_text(article.publisher, words),
        "published": date_text(article.published, words),
        "language": article.language,
        "reviewed_by": article.reviewed_by,
        "digest": article.kind == "digest",
        "url": article.url,
        "found": quote is not None,
        "blocks": [
            {"kind": b.kind, "parts": [{"text": text, "mark": mark} for text, mark in pieces(article, b, quote)]}
            for b in section_blocks(article, quote)
        ],
    }
