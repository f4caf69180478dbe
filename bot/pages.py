"""Whole pages without the chat: an article, a question without JavaScript, a calm message, the API (pure).

They are complete without JavaScript and share the chat page's style sheet.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.clinic import Clinic
from bot.contact import ask_clinic_html
from bot.interface import ENGLISH, Words
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

_MARK_ID = ' id="quote"'


def page(title: str, body: str, styles: str, words: Words = ENGLISH, script: str = "") -> str:
    """A whole HTML page. ``styles`` and ``script`` are the addresses of its files."""
    runs = f'<script type="module" src="{esc(script)}"></script>' if script else ""
    return (
        f'<!doctype html><html {words.html_attributes()}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex">{runs}<title>{esc(title)}</title>'
        f'<link rel="icon" href="/favicon.ico"><link rel="stylesheet" href="{esc(styles)}"></head>'
        f'<body class="plain"><main>{body}</main></body></html>'
    )


def clinic_name(clinic: Clinic, words: Words = ENGLISH) -> str:
    """The clinic's name as a title."""
    return clinic.name[:1].upper() + clinic.name[1:] or words["no_name"]


def header_html(clinic: Clinic, words: Words = ENGLISH) -> str:
    """The top of the chat page and the plain page: whose it is and what it is."""
    name = esc(clinic_name(clinic, words))
    return f'<header class="top"><h1>{name}</h1><p class="purpose">{words["purpose"]}</p></header>'


def no_script_html(words: Words = ENGLISH) -> str:
    """What the chat page says where scripts are off."""
    link = f'<a href="/ask{words.query()}">{words["ask_without"]}</a>'
    return f'<noscript><p class="note">{words["needs_script"]} {link}.</p></noscript>'


def message_page(title: str, text: str, styles: str, words: Words = ENGLISH) -> str:
    """One calm sentence, such as that there is nothing here."""
    return page(title, f"<h1>{esc(title)}</h1><p>{esc(text)}</p>{_to_chat(words)}", styles, words)


def starting_page(styles: str, script: str, words: Words = ENGLISH) -> str:
    """That the chat is starting. The script opens the page as soon as there is one; without scripts a person does."""
    again = f'<noscript><p><a href="">{words["again"]}</a></p></noscript>'
    text = f'<h1>{words["moment"]}</h1><p role="status">{words["starting"]}</p>{again}'
    return page(words["moment"], text, styles, words, script)


def _to_chat(words: Words) -> str:
    return f'<p><a href="/chat/{words.query()}">{words["to_chat"]}</a></p>'


# --- an article ------------------------------------------------------------------------------


def source_page(article: Article, quote: Quote | None, styles: str, asked: bool = False, words: Words = ENGLISH) -> str:
    """An article's own page with the quote marked. ``asked``: the link named a quote."""
    meta = [esc(publisher_text(article.publisher, words)), esc(date_text(article.published, words))]
    if article.reviewed_by:
        meta.append(esc(words.say("reviewed_by", name=article.reviewed_by)))
    body = [
        f'{_to_chat(words)}<article lang="{esc(article.language)}" dir="auto">',
        f'<h1>{esc(article.title)}</h1><div lang="{words.code}"><p class="meta">{" · ".join(meta)}</p>',
        f"{_digest_note(article, words)}{_quote_note(quote, asked, words)}</div>",
        _blocks_html(article, quote),
        "</article>",
    ]
    return page(article.title, "".join(body), styles, words)


def _digest_note(article: Article, words: Words) -> str:
    if article.kind != "digest":
        return ""
    link = f'<a href="{esc(article.url)}" rel="noopener noreferrer">{words["original"]}</a>.' if article.url else ""
    return f'<p class="note">{words["digest"]}. {link}</p>'


def _quote_note(quote: Quote | None, asked: bool, words: Words) -> str:
    if quote is None:
        return f'<p class="note">{words["changed_gone"]}</p>' if asked else ""
    return f'<p class="note">{words["changed_still"]}</p>' if quote.moved else ""


def _blocks_html(article: Article, quote: Quote | None) -> str:
    out: list[str] = []
    in_list = False
    fresh_mark = True
    page_before = 0
    for block in article.blocks:
        if (block.kind == "item") != in_list:
            in_list = not in_list
            out.append("<ul>" if in_list else "</ul>")
        block_html = _block_html(article, block, quote, fresh_mark, block.page != page_before)
        page_before = block.page
        fresh_mark = fresh_mark and "<mark" not in block_html
        out.append(block_html)
    return "".join(out) + ("</ul>" if in_list else "")


def _block_html(article: Article, block: Block, quote: Quote | None, first: bool, new_page: bool) -> str:
    """A block; the first of a PDF's page can be linked to as ``#page-N``."""
    tag = {"paragraph": "p", "item": "li", "heading": f"h{min(max(block.level, 2), 6)}"}[block.kind]
    inner = "".join(
        f"<mark{_MARK_ID if first else ''}>{html.escape(text)}</mark>" if marked else html.escape(text)
        for text, marked in pieces(article, block, quote)
    )
    anchor = f' id="page-{block.page}"' if block.page and new_page else ""
    return f"<{tag}{anchor}>{inner}</{tag}>"


# --- a question without JavaScript ----------------------------------------------------------


def ask_page(
    clinic: Clinic,
    purpose: str,
    styles: str,
    question: str = "",
    earlier: Sequence[str] = (),
    reply: Reply | None = None,
    examples: Sequence[str] = (),
    words: Words = ENGLISH,
) -> str:
    """The form and, where something was asked, the reply; earlier questions travel in hidden fields."""
    links = contact_links(clinic)
    hidden = "".join(f'<input type="hidden" name="earlier" value="{esc(q)}">' for q in (*earlier, question) if q)
    talk = hello_html(purpose, links, words)
    if reply:
        more = ask_clinic_html(reply, question, clinic, words)
        talk = question_html(question, words) + reply_html(reply, links, words, more)
    body = [
        f'{header_html(clinic, words)}{talk}<form class="ask" method="post" action="/ask{words.query()}">{hidden}',
        _choices_html(reply.suggestions if reply else examples, words[_group(reply)]),
        f'<label for="q">{words["question"]}</label>',
        '<textarea id="q" name="q" rows="3" autocomplete="off" dir="auto"></textarea>',
        f'<button class="send">{words["send"]}</button></form>',
        f'<p class="again"><a href="/ask{words.query()}">{words["start_again"]}</a></p>' if reply else "",
    ]
    return page(clinic_name(clinic, words), "".join(body), styles, words)


def hello_html(purpose: str, links: Mapping[str, str], words: Words, head: str = "") -> str:
    """What stands where nothing has been asked yet: what this is, and in which language to ask."""
    note = f'<p class="in-english">{words["in_english"]}</p>'  # the style sheet hides it on an English page
    return f'<div class="hello">{head}{note}<div lang="en">{linked(purpose, links)}</div></div>'


def _group(reply: Reply | None) -> str:
    """The name of what is offered to ask."""
    if reply is None:
        return "examples"
    return "choices" if reply.status == "clarify" else "next"


def _choices_html(offers: Sequence[str], name: str) -> str:
    buttons = "".join(f'<button name="choice" value="{esc(o)}">{esc(o)}</button>' for o in offers)
    return f'<div class="choices" role="group" aria-label="{name}" lang="en">{buttons}</div>' if buttons else ""


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
