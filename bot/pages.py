"""Whole pages without the chat: an article, a question without JavaScript, a calm message, the API (pure).

They are complete without JavaScript and share the chat page's style sheet.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

from bot.clinic import Clinic
from bot.render import (
    Quote,
    contact_links,
    date_text,
    esc,
    linked,
    pieces,
    publisher_text,
    question_html,
    reply_html,
)
from bot.schema import Article, Block, Reply

NO_NAME = "Ask our articles"  # the page's title where the clinic has not set its name
PURPOSE = "Automated answers from published articles. Not for emergencies."
NO_SCRIPT = '<noscript><p class="note">The chat needs JavaScript. <a href="/ask">Ask without it</a>.</p></noscript>'
_MARK_ID = ' id="quote"'


def page(title: str, body: str, styles: str, refresh: int = 0) -> str:
    """A whole HTML page. ``styles`` is the address of the style sheet; ``refresh`` reloads after so many seconds."""
    reload = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex">{reload}<title>{esc(title)}</title>'
        f'<link rel="icon" href="/favicon.ico"><link rel="stylesheet" href="{esc(styles)}"></head>'
        f'<body class="plain"><main>{body}</main></body></html>'
    )


def clinic_name(clinic: Clinic) -> str:
    """The clinic's name as a title."""
    return clinic.name[:1].upper() + clinic.name[1:] or NO_NAME


def header_html(clinic: Clinic) -> str:
    """The top of the chat page and the plain page: whose it is and what it is."""
    return f'<header class="top"><h1>{esc(clinic_name(clinic))}</h1><p class="purpose">{PURPOSE}</p></header>'


def message_page(title: str, text: str, styles: str, refresh: int = 0) -> str:
    """One calm sentence: starting, not found."""
    back = '<p><a href="/chat/">To the chat</a></p>' if not refresh else ""
    return page(title, f"<h1>{esc(title)}</h1><p>{esc(text)}</p>{back}", styles, refresh)


# --- an article ------------------------------------------------------------------------------


def source_page(article: Article, quote: Quote | None, styles: str, asked: bool = False) -> str:
    """An article's own page with the quote marked. ``asked``: the link named a quote."""
    meta = [esc(publisher_text(article.publisher)), esc(date_text(article.published))]
    if article.reviewed_by:
        meta.append(f"reviewed by {esc(article.reviewed_by)}")
    body = [
        '<p><a href="/chat/">To the chat</a></p><article dir="auto">',
        f'<h1>{esc(article.title)}</h1><p class="meta">{" · ".join(meta)}</p>',
        _digest_note(article),
        _quote_note(quote, asked),
        _blocks_html(article, quote),
        "</article>",
    ]
    return page(article.title, "".join(body), styles)


def _digest_note(article: Article) -> str:
    if article.kind != "digest":
        return ""
    where = f' <a href="{esc(article.url)}" rel="noopener noreferrer">Read the original</a>.' if article.url else ""
    return f'<p class="note">This is a digest of the published article, in our own words.{where}</p>'


def _quote_note(quote: Quote | None, asked: bool) -> str:
    changed = '<p class="note">The article has changed since this link was made; the quoted text is {} in it.</p>'
    if quote is None:
        return changed.format("no longer") if asked else ""
    return changed.format("still") if quote.moved else ""


def _blocks_html(article: Article, quote: Quote | None) -> str:
    out: list[str] = []
    in_list = False
    fresh_mark = True
    for block in article.blocks:
        if (block.kind == "item") != in_list:
            in_list = not in_list
            out.append("<ul>" if in_list else "</ul>")
        block_html = _block_html(article, block, quote, fresh_mark)
        fresh_mark = fresh_mark and "<mark" not in block_html
        out.append(block_html)
    return "".join(out) + ("</ul>" if in_list else "")


def _block_html(article: Article, block: Block, quote: Quote | None, first: bool) -> str:
    tag = {"paragraph": "p", "item": "li", "heading": f"h{min(max(block.level, 2), 6)}"}[block.kind]
    inner = "".join(
        f"<mark{_MARK_ID if first else ''}>{html.escape(text)}</mark>" if marked else html.escape(text)
        for text, marked in pieces(article, block, quote)
    )
    return f"<{tag}>{inner}</{tag}>"


# --- a question without JavaScript ----------------------------------------------------------


def ask_page(
    clinic: Clinic,
    purpose: str,
    styles: str,
    question: str = "",
    earlier: Sequence[str] = (),
    reply: Reply | None = None,
    examples: Sequence[str] = (),
) -> str:
    """The form and, where something was asked, the reply; earlier questions travel in hidden fields."""
    links = contact_links(clinic)
    hidden = "".join(f'<input type="hidden" name="earlier" value="{esc(q)}">' for q in (*earlier, question) if q)
    offers = reply.suggestions if reply else tuple(examples)
    choices = "".join(f'<button name="choice" value="{esc(o)}">{esc(o)}</button>' for o in offers)
    talk = question_html(question) + reply_html(reply, links) if reply else ""
    hello = "" if reply else f'<div class="hello">{linked(purpose, links)}</div>'
    body = [
        f'{header_html(clinic)}{talk}{hello}<form class="ask" method="post" action="/ask">{hidden}',
        f'<p class="choices">{choices}</p>' if choices else "",
        '<label for="q">Your question</label>',
        '<textarea id="q" name="q" rows="3" autocomplete="off"></textarea>',
        '<button class="send">Send</button></form>',
        '<p class="again"><a href="/ask">Start again</a></p>' if reply else "",
    ]
    return page(clinic_name(clinic), "".join(body), styles)


# --- the API ---------------------------------------------------------------------------------


def docs_page(openapi: dict[str, Any], styles: str) -> str:
    """Our own routes from their OpenAPI description, readable without any script."""
    info = openapi["info"]
    body = [
        f"<h1>{esc(info['title'])}</h1><p>{esc(info.get('description'))}</p>",
        '<p>As JSON: <a href="/api/openapi.json">/api/openapi.json</a></p>',
    ]
    for path, methods in openapi["paths"].items():
        for method, what in methods.items():
            body.append(_operation_html(f"{method.upper()} {path}", what, openapi))
    return page(info["title"], "".join(body), styles)


def _operation_html(name: str, what: dict[str, Any], openapi: dict[str, Any]) -> str:
    fields = [f"<li><code>{esc(p['name'])}</code> in {esc(p['in'])}</li>" for p in what.get("parameters", ())]
    content = what.get("requestBody", {}).get("content", {})
    sent = ""
    for media, spec in content.items():
        schema = spec.get("schema", {})
        named = openapi.get("components", {}).get("schemas", {}).get(schema.get("$ref", "").rpartition("/")[2], schema)
        example = json.dumps((named.get("examples") or [{}])[0], indent=2)
        sent = f"<p>Send {esc(media)}:</p><pre><code>{html.escape(example)}</code></pre>"
    responses = ", ".join(f"{code} {r.get('description', '')}" for code, r in what.get("responses", {}).items())
    return (
        f"<h2><code>{esc(name)}</code></h2><p>{esc(what.get('description') or what.get('summary'))}</p>"
        f'{"<ul>" + "".join(fields) + "</ul>" if fields else ""}{sent}<p class="meta">Answers: {esc(responses)}</p>'
    )
