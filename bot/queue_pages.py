"""The queue as a page: what failed visitors, grouped, with what becomes of each group (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from bot.guard import STAFF
from bot.queue import Entry, State
from bot.render import date_text, esc
from bot.staff_pages import Around, alert, done, hidden, listing, page, t, unseen
from bot.staff_words import say, texts

TABS: dict[str, tuple[State, ...]] = {
    "open": ("new", "in_progress"),
    "solved": ("solved",),
    "dismissed": ("dismissed",),
}
# What can become of an entry in each state, the likeliest first.
_NEXT: dict[State, tuple[State, ...]] = {
    "new": ("in_progress", "dismissed"),
    "in_progress": ("solved", "new", "dismissed"),
    "solved": ("new",),
    "dismissed": ("new",),
}
_WORDINGS = 6  # other wordings of an entry that are shown


def queue_page(
    around: Around, entries: Sequence[Entry], tab: str, words_kept: bool, told: str = "", well: str = ""
) -> str:
    """The entries of a tab. ``told``: what went wrong with the last change; ``well``: what went right."""
    tabs = "".join(
        f'<li><a href="{STAFF}/queue?tab={name}"{" aria-current=page" if name == tab else ""}>'
        f"{t(f'queue_{name}')}</a></li>"
        for name in TABS
    )
    rows = "".join(_entry_html(around, entry, tab) for entry in entries)
    body = (
        f'<div class="head"><div><h1>{t("queue_title")}</h1><p class="hint">{t("queue_hint")}</p></div>'
        f'<ul class="tabs">{tabs}</ul></div>{alert(told)}{done(well)}'
        f"{'' if words_kept else done(say('no_words'))}{listing(rows, 'queue_empty')}"
    )
    return page(around, say("queue_title"), body, "/queue")


def moment(at: str | None) -> str:
    """A time of the store as ``21 November 2026, 10:05``, UTC."""
    day, _, time = (at or "").partition("T")
    return f"{date_text(day)}, {time[:5]} UTC" if time else date_text(day)


def title(entry: Entry) -> str:
    """What an entry is about: its first wording, or what is known of it where no words are kept."""
    _, topic, facet = entry.category
    if entry.text:
        return entry.text
    if entry.kind == "feedback":
        key = f"reason_{facet}" if f"reason_{facet}" in texts() else "reason_none"
        return say("thumbs_down_source" if topic else "thumbs_down", source=topic, reason=say(key))
    topic, facet = topic.replace("_", " "), facet.replace("_", " ")
    if topic and facet:
        return say("unworded", topic=topic, facet=facet)
    key = "unworded_topic" if topic else "unworded_facet" if facet else "unworded_any"
    return say(key, topic=topic, facet=facet)


def conflict(now: Entry, wanted: State) -> str:
    """That somebody else was quicker: both versions."""
    return say("queue_conflict", who=now.who or "?", now=say(f"state_{now.state}"), wanted=say(f"state_{wanted}"))


def _entry_html(around: Around, entry: Entry, tab: str) -> str:
    often = say("asked_once") if entry.asked == 1 else say("asked_times", n=entry.asked, failed=entry.failed)
    who = f" · {t('state_by', who=entry.who, at=moment(entry.at))}" if entry.who else ""
    others = [w for w in entry.wordings if w != entry.text][:_WORDINGS]
    listed = "".join(f'<li dir="auto">{esc(w)}</li>' for w in others)
    also = f"<details><summary>{t('also_worded')} ({len(others)})</summary><ul class=wordings>{listed}</ul></details>"
    status = f'<span class="chip">{t(f"status_{entry.category[0]}")}</span>' if entry.kind == "question" else ""
    return (
        f'<li class="card row" id="entry-{entry.id}"><div><h2 dir="auto">{esc(title(entry))}</h2>'
        f'<p class="chips"><span class="chip {entry.state}">{t(f"state_{entry.state}")}{who}</span>{status}</p>'
        f'<p class="meta">{esc(often)} · {t("last_asked", day=date_text(entry.last))}</p>{also if others else ""}</div>'
        f'<div class="deeds">{_teach_html(around, entry)}{_deeds_html(around, entry, tab)}</div></li>'
    )


def _teach_html(around: Around, entry: Entry) -> str:
    if not around.editor or not entry.text or entry.state in ("solved", "dismissed"):
        return ""
    wordings = "\n".join(dict.fromkeys((entry.text, *entry.wordings)))
    return (
        f'<form method="post" action="{STAFF}/teach">{around.hidden()}'
        f"{hidden(entry=entry.id, seen=entry.version, question=wordings)}"
        f'<button class="send">{t("teach_this_one")}{unseen(entry.text)}</button></form>'
    )


def _deeds_html(around: Around, entry: Entry, tab: str) -> str:
    buttons = "".join(
        f'<button name="state" value="{state}">{t(f"do_{state}")}{unseen(title(entry))}</button>'
        for state in _NEXT[entry.state]
    )
    return (
        f'<form class="deeds" method="post" action="{STAFF}/queue/{entry.id}">{around.hidden()}'
        f"{hidden(version=entry.version, tab=tab)}{buttons}</form>"
    )
