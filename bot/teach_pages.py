"""Teaching as pages: the form with passages to cite, before and after, what was taught, undo (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.guard import STAFF
from bot.lessons import MAX_WORDS
from bot.queue_pages import moment
from bot.render import date_text, esc, reply_html
from bot.schema import Passage, Reply
from bot.staff_pages import Around, alert, done, hidden, lines, listing, page, t, unseen
from bot.staff_words import say
from bot.teacher import Preview
from bot.teaching import Flag, Kind, Lesson

KINDS: tuple[Kind, ...] = ("wording", "answer", "never")


@dataclass(frozen=True, slots=True)
class Form:
    """What an editor filled in so far. ``sentences`` are (passage id, number); ``passage`` is that of a wording."""

    question: str = ""  # the wordings, one a line
    kind: Kind = "answer"
    text: str = ""
    review_by: str = ""
    passage: str = ""
    sentences: tuple[tuple[str, int], ...] = ()
    look: str = ""
    entry: int | None = None
    seen: int | None = None  # version of the entry as the editor saw it
    lesson: int = 0  # that is reviewed, 0 for a new one
    version: int = 1

    @property
    def wordings(self) -> tuple[str, ...]:
        """The questions, the first one is taught."""
        return tuple(line.strip() for line in self.question.splitlines() if line.strip())


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page knows beside the form."""

    passages: Sequence[Passage]  # to choose from, the nearest first
    titles: Mapping[str, str]  # of the articles
    links: Mapping[str, str]


def teach_page(
    around: Around,
    form: Form,
    shown: Shown,
    told: str = "",
    preview: Preview | None = None,
    theirs: Lesson | None = None,
) -> str:
    """The form. ``preview``: what it would change; ``theirs``: how the lesson is now, where somebody was quicker."""
    both = (
        f'<section class="card"><p class="meta">{t("theirs")}</p>{_lesson_html(theirs, shown)}</section>'
        if theirs
        else ""
    )
    compared = _preview_html(preview, shown) if preview else ""
    keep = "keep_review" if form.lesson else "keep"
    actions = f'<button name="step" value="preview"{"" if preview else " class=send"}>{t("preview")}</button>'
    if preview:
        actions = f'<button name="step" value="keep" class="send">{t(keep)}</button>{actions}'
    fields = hidden(entry=form.entry, seen=form.seen, lesson=form.lesson, version=form.version)
    body = (
        f'<div class="narrow"><h1>{t("teach_title")}</h1><p class="hint">{t("teach_hint")}</p>{alert(told)}{both}'
        f'<form class="teach" method="post" action="{STAFF}/teach">{around.hidden()}{fields}'
        f"{_questions_html(form)}{_kinds_html(form)}{_own_words_html(form)}{_passages_html(form, shown)}"
        f'{compared}<p class="copying">{actions}</p></form></div>'
    )
    return page(around, say("teach_title"), body, "/taught")


def _questions_html(form: Form) -> str:
    locked = " readonly" if form.lesson else ""
    return (
        f'<label for="question">{t("questions")}</label><p class="hint" id="question-hint">{t("questions_hint")}</p>'
        f'<textarea id="question" name="question" rows="{min(8, 2 + len(form.wordings))}" dir="auto" required{locked}'
        f' aria-describedby="question-hint">\n{lines(form.question)}</textarea>'
    )


def _kinds_html(form: Form) -> str:
    if form.lesson:
        return f'<input type="hidden" name="kind" value="{form.kind}">'
    radios = "".join(
        f'<div class="pickable"><input type="radio" id="kind-{kind}" name="kind" value="{kind}"'
        f'{" checked" if kind == form.kind else ""} aria-describedby="kind-{kind}-hint">'
        f'<div><label for="kind-{kind}">{t(f"kind_{kind}")}</label>'
        f'<p class="hint" id="kind-{kind}-hint">{t(f"kind_{kind}_hint")}</p></div></div>'
        for kind in KINDS
    )
    return f'<fieldset class="choices-list"><legend>{t("how")}</legend>{radios}</fieldset>'


def _own_words_html(form: Form) -> str:
    return (
        f'<div class="for-answer{" only" if form.lesson else ""}"><label for="text">{t("own_words")}</label>'
        f'<p class="hint" id="text-hint">{t("own_words_hint", most=MAX_WORDS)}</p>'
        f'<textarea id="text" name="text" rows="4" dir="auto" aria-describedby="text-hint">\n'
        f"{lines(form.text)}</textarea>"
        f'<label for="review_by">{t("review_by")}</label><p class="hint" id="review-hint">{t("review_by_hint")}</p>'
        f'<input class="short" id="review_by" name="review_by" type="date" value="{esc(form.review_by)}"'
        f' aria-describedby="review-hint"></div>'
    )


def _passages_html(form: Form, shown: Shown) -> str:
    cards = "".join(_passage_html(form, passage, shown) for passage in shown.passages)
    return (
        f'<div class="for-passages"><h2>{t("passages_near")}</h2><p class="hint">{t("passages_hint")}</p>'
        f'<p class="look"><label for="look">{t("look_for")}</label>'
        f'<input id="look" name="look" type="search" value="{esc(form.look)}">'
        f'<button name="step" value="look">{t("look")}</button></p>{cards}</div>'
    )


def _passage_html(form: Form, passage: Passage, shown: Shown) -> str:
    name = passage.heading or shown.titles.get(passage.source_id, passage.source_id)
    article = esc(shown.titles.get(passage.source_id, passage.source_id))
    key = esc(passage.id)
    chosen = set(form.sentences)
    boxes = "".join(
        f'<div class="pickable"><input type="checkbox" id="s-{key}-{i}" name="sentence" value="{key}|{i}"'
        f'{" checked" if (passage.id, i) in chosen else ""}><label for="s-{key}-{i}">{esc(sentence.text)}</label></div>'
        for i, sentence in enumerate(passage.sentences)
    )
    opened = " open" if any(p == passage.id for p, _ in chosen) or passage is shown.passages[0] else ""
    radio = (
        f'<div class="pickable for-wording"><input type="radio" id="p-{key}" name="passage" value="{key}"'
        f'{" checked" if passage.id == form.passage else ""}><label for="p-{key}">'
        f"{t('choose_passage', heading=name)}</label></div>"
    )
    sentences = (
        f'<fieldset class="choices-list for-sentences"><legend class="unseen">{t("sentence_of")}: {esc(name)}</legend>'
        f"{boxes}</fieldset>"
    )
    return (
        f'<details class="card passage"{opened}><summary>{esc(name)}<span class="meta"> · {article}</span></summary>'
        f'{radio}<p class="for-wording">{esc(passage.text)}</p>{sentences}</details>'
    )


def _preview_html(preview: Preview, shown: Shown, undo: bool = False) -> str:
    decided = "" if preview.decided or undo else f'<p class="note wrong">{t("preview_undecided")}</p>'
    sides = "".join(
        f'<section class="card" aria-labelledby="side-{key}"><h3 id="side-{key}">{t(key)}</h3>'
        f"{_reply(reply, shown)}</section>"
        for key, reply in (("before", preview.before), ("after", preview.after))
    )
    return (
        f'<section id="preview"><h2{"" if undo else " tabindex=-1 autofocus"}>{t("preview")}</h2>'
        f'<p class="hint">{t("preview_hint")}</p>'
        f'{decided}<div class="compare">{sides}</div></section>'
    )


def _reply(reply: Reply, shown: Shown) -> str:
    chip = f'<p class="chips"><span class="chip {reply.status}">{t(f"status_{reply.status}")}</span></p>'
    return chip + reply_html(reply, shown.links)


# --- what was taught -----------------------------------------------------------------------------


def taught_page(around: Around, lessons: Sequence[tuple[Lesson, Flag]], shown: Shown, well: str = "") -> str:
    """Every lesson with how it stands."""
    rows = "".join(
        f'<li class="card row" id="lesson-{lesson.id}"><div><h2 dir="auto">{esc(lesson.question)}</h2>'
        f"{_chips(lesson, flag)}{_said_html(lesson)}</div>"
        f'<div class="deeds"><a href="{STAFF}/taught/{lesson.id}">{t("show")}'
        f"{unseen(lesson.question)}</a></div></li>"
        for lesson, flag in lessons
    )
    new = f'<p><a href="{STAFF}/teach">{t("teach_title")}</a></p>' if around.editor else ""
    body = (
        f'<div class="head"><div><h1>{t("taught_title")}</h1><p class="hint">{t("taught_hint")}</p></div>{new}</div>'
        f"{done(well)}{listing(rows, 'taught_empty')}"
    )
    return page(around, say("taught_title"), body, "/taught")


def lesson_page(around: Around, lesson: Lesson, flag: Flag, shown: Shown, undo: Preview | None, told: str = "") -> str:
    """One lesson, with what undoing it would change. ``undo`` is None for one that is undone."""
    name = say("lesson_title", n=lesson.id)
    deeds = ""
    if undo and around.editor:
        review = (
            f'<form method="post" action="{STAFF}/teach">{around.hidden()}<button name="lesson" value="{lesson.id}">'
            f"{t('review')}</button></form>"
            if lesson.kind == "answer"
            else ""
        )
        deeds = (
            f'<h2>{t("undo")}</h2><p class="hint">{t("undo_hint")}</p>{_preview_html(undo, shown, undo=True)}'
            f'<div class="copying"><form method="post" action="{STAFF}/taught/{lesson.id}/undo">{around.hidden()}'
            f"{hidden(version=lesson.version)}"
            f'<button class="send">{t("undo_now")}</button></form>{review}</div>'
        )
    gone = (
        done(say("undone_said", who=lesson.undone_by or "?", at=moment(lesson.undone_at))) if lesson.undone_at else ""
    )
    body = (
        f'<div class="narrow"><p><a href="{STAFF}/taught">{t("taught_title")}</a></p><h1>{esc(name)}</h1>{alert(told)}'
        f'{gone}{_chips(lesson, flag)}<section class="card">{_lesson_html(lesson, shown)}</section>{deeds}</div>'
    )
    return page(around, name, body, "/taught")


def _chips(lesson: Lesson, flag: Flag) -> str:
    look = {"active": "answered", "undone": ""}.get(flag, "stale")
    until = f" · {t('taught_until', day=date_text(lesson.review_by))}" if lesson.review_by else ""
    return (
        f'<p class="chips"><span class="chip {look}">{t(f"flag_{flag}")}</span>'
        f'<span class="chip">{t(f"kept_{lesson.kind}")}</span></p>'
        f'<p class="meta">{t("taught_by", who=lesson.author, at=moment(lesson.at))}{until}</p>'
    )


def _said_html(lesson: Lesson) -> str:
    return f'<p dir="auto">{esc(lesson.text)}</p>' if lesson.text else ""


def _lesson_html(lesson: Lesson, shown: Shown) -> str:
    by_id = {passage.id: passage for passage in shown.passages}
    cited = []
    for cite in lesson.cites:
        passage = by_id.get(cite.passage)
        where = f'<span class="meta">{esc(shown.titles.get(cite.source_id, cite.source_id))}</span>'
        numbers = [i for i in cite.sentences if passage and i < len(passage.sentences)]
        quotes = " ".join(passage.sentences[i].text for i in numbers) if passage else say("gone")
        cited.append(f"<li>{esc(quotes or (passage.heading if passage else ''))} {where}</li>")
    rests = f"<h2>{t('rests_on')}</h2><ul class=wordings>{''.join(cited)}</ul>" if cited else ""
    wordings = "".join(f'<li dir="auto">{esc(w)}</li>' for w in lesson.wordings)
    return f"<h2>{t('asked_like')}</h2><ul class=wordings>{wordings}</ul>{_said_html(lesson)}{rests}"
