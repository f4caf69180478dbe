"""The enquiry desk as a page: what was found, on what it rests, and the reply to send (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.draft import CHANNELS, Channel, Draft
from bot.enquiry import MAX_CHARS, Found
from bot.guard import STAFF
from bot.language import read_toml
from bot.render import esc, reply_html
from bot.schema import Reply
from bot.staff_pages import Around, alert, lines, page, t
from bot.staff_words import say

_SHOWN_HITS = 6  # passages of a question that are listed
_SAFETY = frozenset({"caution", "urgent"})
LONG_WORDS = 40  # an enquiry longer than this was written, not spoken


@dataclass(frozen=True, slots=True)
class Result:
    """What the desk shows of an enquiry: each thing found with its own drafts, and the whole reply by channel."""

    found: Sequence[Found]
    singles: Sequence[Mapping[Channel, Draft]]
    drafts: Mapping[Channel, Draft]
    titles: Mapping[str, str]  # of the articles by source_id
    links: Mapping[str, str]  # the clinic's contacts, as render.contact_links gives them


def desk_page(
    around: Around, text: str = "", channel: Channel | None = None, result: Result | None = None, told: str = ""
) -> str:
    """The desk. ``told``: why nothing was looked up."""
    chosen: Channel = channel or ("email" if len(text.split()) > LONG_WORDS else "phone")
    form = (
        f'<h1>{t("desk_title")}</h1>{alert(told)}<form id="enquiry" method="post" action="{STAFF}">{around.hidden()}'
        f'<label for="text">{t("enquiry")}</label>'
        f'<p class="hint" id="text-hint">{t("enquiry_hint")} <span class="keys">{t("keys_hint")}</span></p>'
        f'<textarea id="text" name="text" rows="{4 if result else 8}" aria-describedby="text-hint" dir="auto"'
        f' maxlength="{2 * MAX_CHARS}"{"" if result else " autofocus"}>\n{lines(text)}</textarea>'
        f'<button class="send">{t("find")}</button></form>'
    )
    if result is None:
        return page(
            around, say("desk_title"), f'<div class="narrow">{form}<p class="meta">{t("desk_empty")}</p></div>', ""
        )
    return page(around, say("desk_title"), f"{form}{_result_html(around, result, chosen)}", "")


def _result_html(around: Around, result: Result, chosen: Channel) -> str:
    """What is urgent over everything else, then the reply, and beside it what else was found."""
    items = [_item_html(around, i, one, result) for i, one in enumerate(result.found, 1)]
    first = sum(one.reply.status == "urgent" for one in result.found)  # they stand first
    rest = "".join(items[first:])
    found = (
        f'<section aria-labelledby="found-head"><h2 id="found-head">{t("found")}</h2>'
        f'<p class="hint keys">{t("found_keys")}</p><div class="found">{rest}</div></section>'
    )
    teach = f'<form id="teach" method="post" action="{STAFF}/teach">{around.hidden()}</form>'
    above = f'<div class="found">{"".join(items[:first])}</div>' if first else ""
    return f'{above}<div class="two">{_reply_html(result, chosen)}{found if rest else ""}</div>{teach}'


def _reply_html(result: Result, chosen: Channel) -> str:
    radios = "".join(
        f'<label><input type="radio" name="channel" value="{c}" form="enquiry"{" checked" if c == chosen else ""}>'
        f"<span>{t(f'channel_{c}')}</span></label>"
        for c in CHANNELS
    )
    drafts = "".join(
        f'<div class="draft" data-channel="{c}"><label class="unseen" for="draft-{c}">{t(f"reply_{c}")}</label>'
        f'<textarea id="draft-{c}" rows="16" dir="auto">\n{lines(result.drafts[c].text)}</textarea></div>'
        for c in CHANNELS
    )
    sources = result.drafts["email"].sources
    notes = (
        f'<details class="footnotes" open><summary>{t("footnotes")}</summary>{_footnotes_html(sources)}</details>'
        if sources
        else ""
    )
    first = not any(one.reply.status == "urgent" for one in result.found)
    return (
        f'<section class="answer pick" tabindex="0" aria-labelledby="reply-head"{" autofocus" if first else ""}'
        f' data-sources="{lines(sources)}"><h2 id="reply-head">{t("reply")}</h2>'
        f'<fieldset class="channels"><legend class="unseen">{t("sent_by")}</legend>{radios}</fieldset>{drafts}{notes}'
        f'<p class="copying"><button type="button" class="send copy">{t("copy")}</button>'
        f'<button type="button" class="copy-with">{t("copy_sources")}</button></p>'
        f'<p class="unseen" id="spoken" role="status" data-copied="{t("copied")}"'
        f' data-with="{t("copied_sources")}" data-not="{t("not_copied")}"></p></section>'
    )


def _footnotes_html(sources: str) -> str:
    """The lines of the sources, each address as a link."""
    out = []
    for line in sources.split("\n")[1:]:
        name, _, address = line.rpartition(" ")
        out.append(f'<li><a href="{esc(address)}">{esc(name)}</a></li>')
    return f"<ul>{''.join(out)}</ul>"


# --- one thing that was found -------------------------------------------------------------------


def _item_html(around: Around, number: int, one: Found, result: Result) -> str:
    reply, drafts = one.reply, result.singles[number - 1]
    texts = "".join(f' data-{c}="{lines(drafts[c].text)}"' for c in CHANNELS)
    urgent = " autofocus" if number == 1 and reply.status == "urgent" else ""
    level = 2 if reply.status == "urgent" else 3
    kind = f'<span class="chip">{t("kind_told")}</span>' if one.kind == "told" else ""
    sure = f" · {t('sure', share=f'{reply.confidence:.0%}')}" if reply.status == "answered" else ""
    return (
        f'<article class="item pick {esc(reply.status)}" tabindex="0" aria-labelledby="found-{number}"{urgent}'
        f'{texts} data-sources="{lines(drafts["email"].sources)}">'
        f'<h{level} id="found-{number}" dir="auto">{esc(one.text)}</h{level}>'
        f'<p class="chips"><span class="chip {esc(reply.status)}">{t(f"status_{reply.status}")}{sure}</span>{kind}</p>'
        f"{_lone_html(one, result.titles)}{reply_html(reply, result.links)}"
        f"{_passages_html(reply, result.titles)}{_rules_html(reply)}"
        f'<p class="copying"><button type="button" class="copy">{t("copy_this")}</button>{_teach_html(around, one)}</p>'
        "</article>"
    )


def _teach_html(around: Around, one: Found) -> str:
    if not around.editor:
        return ""
    # The question travels in a form, not in an address, which browsers and proxies would keep.
    return (
        f'<button form="teach" name="question" value="{lines(one.text)}">{t("teach_this")}</button>'
        if one.kind == "asked"
        else ""
    )


def lone(one: Found) -> str | None:
    """The article that all of a safety answer rests on, if it is one only; None elsewhere."""
    sources = {c.source_id for c in one.reply.citations}
    return sources.pop() if len(sources) == 1 and about_safety(one.reply) else None


def about_safety(reply: Reply) -> bool:
    """Whether a reply is of what could do harm: a caution, or a kind of question that is about safety."""
    facets = set(read_toml("enquiry.toml")["safety"]["facets"])
    asked = {f for part in (reply.why or {}).get("parts", ()) for f in part["query"]["facets"]}
    return reply.status in _SAFETY or bool(facets & asked)


def _lone_html(one: Found, titles: Mapping[str, str]) -> str:
    source = lone(one)
    return f'<p class="mark-lone">{t("lone", title=titles.get(source, source))}</p>' if source else ""


def _passages_html(reply: Reply, titles: Mapping[str, str]) -> str:
    parts = [part for part in (reply.why or {}).get("parts", ()) if part["hits"]]
    if not parts:
        return ""
    tables = "".join(_hits_html(part, titles) for part in parts)
    return f"<details><summary>{t('passages')}</summary>{tables}</details>"


def _hits_html(part: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    used = {chosen["passage"] for chosen in part["chosen"]}
    rows = []
    for hit in part["hits"][:_SHOWN_HITS]:
        source = hit["passage"].rpartition("#")[0]
        name = f'<a href="/source/{quote(source, safe="")}">{esc(titles.get(source, source))}</a>'
        mark = f' <span class="chip answered">{t("quoted")}</span>' if hit["passage"] in used else ""
        heading = esc(hit["heading"]) or "–"
        rows.append(f"<tr><td>{heading}{mark}</td><td>{name}</td><td class=number>{hit['score']:.2f}</td></tr>")
    head = "".join(f'<th scope="col">{t(key)}</th>' for key in ("passage", "article", "score"))
    told = f"{t('searched', query=part['query']['text'])} · {t('decided', reason=part['decision']['reason'])}"
    return f"<table><caption>{told}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _rules_html(reply: Reply) -> str:
    labels = (reply.why or {}).get("safety", {}).get("labels", ())
    rows = "".join(
        f"<li>{t('rule', **{k: x[k] for k in ('situation', 'concept', 'polarity')})}"
        f" <q>{esc(x['words'])}</q> <code>{esc(x['rule'])}</code></li>"
        for x in labels
    )
    return f"<details><summary>{t('rules')}</summary><ul class=rules>{rows}</ul></details>" if rows else ""


def too_long() -> str:
    """That the enquiry is more than can be read at once."""
    return say("too_long", most=f"{MAX_CHARS:,}")
