"""The articles as a page: what is served, the next edition, what was understood of it and what can be done (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.comparison import MAX_TYPED, Comparison
from bot.comparison_pages import compared_html, counts_html, pairs_html
from bot.edition import Change, Edition
from bot.guard import STAFF
from bot.queue_pages import moment
from bot.readers import SUFFIXES
from bot.render import esc
from bot.staff_pages import Around, alert, done, hidden, lines, page, t, unseen
from bot.staff_words import say, texts
from bot.uploads import MAX_BYTES, MAX_FILES

PATH = f"{STAFF}/articles"
_LOOKS = {"error": "urgent", "warning": "stale", "note": ""}  # of a finding


@dataclass(frozen=True, slots=True)
class Served:
    """An article that is served. ``file`` is empty where its file is not there any more."""

    title: str
    file: str
    passages: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page knows."""

    served: Sequence[Served]
    version: str
    unread: Sequence[str]
    closed: str  # the key of the text that says why nothing can be changed, empty where it can
    links: Mapping[str, str]
    edition: Edition | None = None
    understood: Mapping[str, Any] = field(default_factory=dict)
    work: str = ""  # what is being done
    failure: str = ""
    newer: str = ""  # the version of an index that is built and not served yet
    overtaken: bool = False
    comparison: Comparison | None = None
    asked: Comparison | None = None  # what was typed
    typed: str = ""


def working(name: str, number: int, total: int) -> str:
    """What is being done, as a text."""
    step = say(f"step_{name}") if f"step_{name}" in texts() else f"{say('step_build')} ({name})"
    return say("working_of", step=step, done=number, total=total) if total > 1 else say("working", step=step)


def articles_page(around: Around, shown: Shown, told: str = "", well: str = "") -> str:
    """The whole page. ``told``: what went wrong; ``well``: what was done."""
    failed = alert(say("failed_title", why=shown.failure)) if shown.failure else ""
    body = (
        f'<h1>{t("articles_title")}</h1><p class="hint">{t("articles_hint")}</p>{alert(told)}{done(well)}{failed}'
        f"{alert(say(shown.closed)) if shown.closed else _work_html(shown) + _edition_html(around, shown)}"
        f"{'' if shown.closed or shown.work else _upload_html(around, shown)}{_served_html(around, shown)}"
    )
    return page(around, say("articles_title"), body, "/articles")


def _form(around: Around, shown: Shown, path: str, inner: str, more: str = "") -> str:
    """A form that names the edition as it was seen."""
    seen = hidden(edition=shown.edition.mark if shown.edition else "")
    return f'<form method="post" action="{PATH}{path}"{more}>{around.hidden()}{seen}{inner}</form>'


def _work_html(shown: Shown) -> str:
    told = shown.work or (say("loading", version=shown.newer) if shown.newer else "")
    if not told:
        return ""
    return (
        f'<p class="note" role="status" id="progress" data-progress="{PATH}/progress" data-page="{PATH}">'
        f"{esc(told)}</p>"
        f'<p class="meta"><a href="{PATH}">{t("look_again")}</a></p>'
    )


def _upload_html(around: Around, shown: Shown) -> str:
    megabytes, kinds = MAX_BYTES // 1_000_000, " ".join(SUFFIXES)
    limits = (
        f'data-most-bytes="{MAX_BYTES}" data-most-files="{MAX_FILES}"'
        f' data-bytes-told="{t("upload_too_large", megabytes="{n}", most=megabytes)}"'
        f' data-files-told="{t("upload_too_many", files="{n}", most=MAX_FILES)}"'
    )
    inner = (
        f'<label for="files">{t("upload_label")}</label>'
        f'<p class="hint" id="files-hint">{t("upload_hint", files=MAX_FILES, megabytes=megabytes, kinds=kinds)}</p>'
        f'<input id="files" name="files" type="file" multiple required accept="{",".join(SUFFIXES)}"'
        f' aria-describedby="files-hint" {limits}><button class="send">{t("upload")}</button>'
    )
    heading = t("upload_more" if shown.edition else "upload_title")
    form = _form(around, shown, "", inner, ' enctype="multipart/form-data" class="upload"')
    return f'<section class="card upload-card" aria-labelledby="upload"><h2 id="upload">{heading}</h2>{form}</section>'


def _served_html(around: Around, shown: Shown) -> str:
    rows = "".join(_article_html(around, shown, one) for one in shown.served)
    unread = "".join(f'<li dir="auto">{esc(problem)}</li>' for problem in shown.unread)
    problems = (
        f'<h3>{t("unread_title")}</h3><p class="hint">{t("unread_hint")}</p><ul class="wordings">{unread}</ul>'
        if unread
        else ""
    )
    return (
        f'<section class="part" aria-labelledby="served"><h2 id="served">{t("served_title")}</h2>'
        f'<p class="meta">{t("served_meta", version=shown.version)}</p><ol class="rows">{rows}</ol>{problems}</section>'
    )


def _article_html(around: Around, shown: Shown, one: Served) -> str:
    changes = shown.edition.changes.values() if shown.edition else ()
    change = next((c for c in changes if c.was and c.was == one.file), None)
    deeds = ""
    if change:
        deeds = f'<p class="chips"><span class="chip stale">{t(f"change_{change.kind}")}</span></p>'
    elif one.file and not shown.closed and not shown.work:
        button = f'<button name="deed" value="remove">{t("remove")}{unseen(one.title)}</button>'
        deeds = _form(around, shown, "/change", f"{hidden(file=one.file)}{button}")
    place = f"<code>{esc(one.file)}</code> · " if one.file else ""
    return (
        f'<li class="card row"><div><h3 dir="auto">{esc(one.title)}</h3><p class="meta">{place}'
        f"{_passages(one.passages)}</p></div>"
        f'<div class="deeds">{deeds}</div></li>'
    )


def _passages(number: int) -> str:
    return t("passages_one") if number == 1 else t("passages_n", n=number)


# --- the edition ----------------------------------------------------------------------------------


def _edition_html(around: Around, shown: Shown) -> str:
    edition = shown.edition
    if edition is None:
        return ""
    files = shown.understood.get("files", {})
    changes = "".join(
        _change_html(around, shown, name, change, files.get(name)) for name, change in edition.changes.items()
    )
    rows = f'<ol class="rows">{changes}</ol>' if changes else ""
    if not changes and not edition.waiting:
        rows = f'<p class="note">{t("edition_empty")}</p>'
    return (
        f'<section class="part" aria-labelledby="edition"><h2 id="edition">{t("edition_title")}</h2>'
        f'<p class="meta">{t("edition_meta", who=edition.by, at=moment(edition.at))}</p>'
        f"{alert(say('overtaken')) if shown.overtaken else ''}{_refused_html(edition)}{rows}"
        f"{_deeds_html(around, shown, edition)}</section>{_tried_html(around, shown)}"
    )


def _refused_html(edition: Edition) -> str:
    if not edition.refused:
        return ""
    items = "".join(f'<li dir="auto">{esc(why)}</li>' for why in edition.refused.values())
    return (
        f'<div class="note wrong"><h3>{t("refused_title")}</h3><p class="hint">{t("refused_hint")}</p>'
        f'<ul class="wordings">{items}</ul></div>'
    )


def _change_html(around: Around, shown: Shown, name: str, change: Change, said: Mapping[str, Any] | None) -> str:
    was = f" · {t('replaces', name=change.was)}" if change.kind == "replaced" and change.was != name else ""
    back = ""
    if not shown.work:
        button = f'<button name="deed" value="back">{t("take_back")}{unseen(name)}</button>'
        back = _form(around, shown, "/change", f"{hidden(file=name)}{button}")
    about = "" if change.kind == "removed" else _said_html(said)
    served = next((one.title for one in shown.served if change.was and one.file == change.was), name)
    title = str(said["title"]) if said and "title" in said else served
    look = "stale" if change.kind == "removed" else "answered"
    return (
        f'<li class="card row"><div><h3 dir="auto">{esc(title)}</h3><p class="chips">'
        f'<span class="chip {look}">{t(f"change_{change.kind}")}</span></p>'
        f'<p class="meta"><code>{esc(name)}</code>{was}</p>{about}</div><div class="deeds">{back}</div></li>'
    )


def _said_html(said: Mapping[str, Any] | None) -> str:
    """What was understood of a file."""
    if not said or "title" not in said:
        return f'<p class="meta">{t("understood_not")}</p>'
    listed = "".join(f'<li dir="auto">{esc(heading)}</li>' for heading in said["headings"])
    more = f"<li>{t('headings_more', n=said['more_headings'])}</li>" if said["more_headings"] else ""
    count = len(said["headings"]) + said["more_headings"]
    headings = (
        f'<details><summary>{t("headings", n=count)}</summary><ul class="wordings">{listed}{more}</ul></details>'
        if listed
        else f'<p class="meta">{t("headings_none")}</p>'
    )
    return (
        f'<p class="meta">{_passages(said["passages"])} · {t("words_n", n=said["words"])}</p>'
        f'<p dir="auto"><span class="meta">{t("first_words")}:</span> {esc(said["first"])}</p>'
        f"{headings}{_findings_html(said)}"
    )


def _findings_html(said: Mapping[str, Any]) -> str:
    """What lint found, the worst first; errors and warnings are seen at once."""
    findings, further = said["findings"], said["more_findings"]
    if not findings:
        return f'<p class="meta">{t("findings_none")}</p>'
    items = "".join(_finding_html(one) for one in findings)
    more = f"<li>{t('headings_more', n=further)}</li>" if further else ""
    opened = " open" if any(one["severity"] != "note" for one in findings) else ""
    return (
        f"<details{opened}><summary>{t('findings', n=len(findings) + further)}</summary>"
        f'<ul class="findings">{items}{more}</ul></details>'
    )


def _finding_html(one: Mapping[str, Any]) -> str:
    where = t("on_page", n=one["page"]) if one["page"] else t("on_line", n=one["line"]) if one["line"] else ""
    look, severity = _LOOKS[one["severity"]], t(f"severity_{one['severity']}")
    remedy = f' <span class="meta">{esc(one["remedy"])}</span>' if one["remedy"] else ""
    return (
        f'<li dir="auto"><span class="chip {look}">{severity}</span> {esc(one["message"])}'
        f"{f' ({where})' if where else ''}{remedy}</li>"
    )


def _deeds_html(around: Around, shown: Shown, edition: Edition) -> str:
    """What can be done with the edition now."""
    buttons = ""
    if not shown.work:
        ready = bool(edition.built and not shown.overtaken)
        if edition.changes or edition.waiting:
            key = ("compare_now" if edition.built else "build") if shown.comparison is None else "build_again"
            looks = "" if ready else ' class="send"'
            buttons += _form(around, shown, "/build", f"<button{looks}>{t(key)}</button>")
        if ready and edition.changes:
            buttons += _form(around, shown, "/publish", f'<button class="send">{t("publish")}</button>')
    buttons += _form(around, shown, "/discard", f"<button>{t('discard')}</button>")
    hints = ["compare_hint" if shown.comparison is None else "publish_hint"] if edition.built else ["build_hint"]
    hint = " ".join(say(key) for key in (*hints, "discard_hint"))
    return f'<div class="copying">{buttons}</div><p class="hint">{esc(hint)}</p>'


def _tried_html(around: Around, shown: Shown) -> str:
    comparison = shown.comparison
    if comparison is None or shown.work:
        return ""
    typed = pairs_html(shown.asked.pairs, shown.links) if shown.asked else ""
    questions = (
        f'<label for="questions">{t("try_label")}</label><p class="hint" id="questions-hint">'
        f'{t("try_hint", most=MAX_TYPED)}</p><textarea id="questions" name="questions" rows="3" dir="auto" required'
        f' aria-describedby="questions-hint">\n{lines(shown.typed)}</textarea><button>{t("try_now")}</button>'
    )
    counted, found = f'<p class="note">{t("compared_none")}</p>', ""
    if comparison.pairs:
        changed = t("compared_counts", changed=len(comparison.changed), n=len(comparison.pairs))
        counted = f"<p>{changed}</p>{counts_html(comparison)}"
        found = compared_html(comparison, shown.links)
    focus = " tabindex=-1 autofocus" if shown.asked else ""
    return (
        f'<section class="part" aria-labelledby="compared"><h2 id="compared"{focus}>{t("compared_title")}</h2>'
        f'<p class="hint">{t("compared_hint")}</p>{counted}{_form(around, shown, "/ask", questions, " class=try")}'
        f"{typed}{found}</section>"
    )
