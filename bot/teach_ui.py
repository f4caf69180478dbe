"""The routes of teaching. Reading what was taught is for everybody signed in, all else for editors."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from bot import teach_pages
from bot.errors import Changed, Missing, TeachError
from bot.guard import STAFF
from bot.queue import Entry
from bot.queue_pages import conflict
from bot.render import contact_links
from bot.schema import Passage
from bot.sign_in import AroundIt, Seat, Sitting, editing, own_form, seated
from bot.staff_pages import Around
from bot.staff_words import say
from bot.stage import OurStage, Stage
from bot.teach_pages import KINDS, Shown
from bot.teacher import Preview, Teacher
from bot.teaching import Cite, Lesson

NEAR = 6  # passages offered; those chosen already come on top of them
MAX_SENTENCES = 60  # ticked at once
_REVIEW_AFTER = datetime.timedelta(days=365)  # proposed; an editor chooses
_SAID = ("taught_said", "undone_done")

reading = APIRouter(prefix=STAFF, include_in_schema=False, dependencies=[Depends(seated)])
editors = APIRouter(prefix=STAFF, include_in_schema=False, dependencies=[Depends(editing)])
edits = APIRouter(prefix=STAFF, include_in_schema=False, dependencies=[Depends(own_form), Depends(editing)])


def _teacher(stage: OurStage) -> Teacher:
    teacher = stage.serving.teacher  # while there is none, the page says so
    teacher.refresh()
    return teacher


async def _filled(request: Request) -> teach_pages.Form:
    """The form as it was sent; what can't be read counts as not filled in."""
    sent = await request.form()

    def text(name: str) -> str:
        return str(sent.get(name, ""))

    def number(name: str) -> int | None:
        return int(value) if (value := text(name)).isascii() and value.isdigit() and len(value) < 12 else None

    ticked = [str(value).rpartition("|") for value in sent.getlist("sentence")][:MAX_SENTENCES]
    return teach_pages.Form(
        text("question"), next((k for k in KINDS if k == text("kind")), "answer"), text("text"), text("review_by"),
        text("passage"), tuple((p, int(n)) for p, _, n in ticked if n.isascii() and n.isdigit() and len(n) < 6),
        text("look"), number("entry"), number("seen"), number("lesson") or 0, number("version") or 1,
    )  # fmt: skip


TheTeacher = Annotated[Teacher, Depends(_teacher)]
Filled = Annotated[teach_pages.Form, Depends(_filled)]


@editors.get("/teach")
def teach_blank(frame: AroundIt, stage: OurStage, teacher: TheTeacher) -> Response:
    return HTMLResponse(teach_pages.teach_page(frame, _with_day(teach_pages.Form()), _shown(stage, [])))


@edits.post("/teach")
def teach(
    frame: AroundIt,
    seat: Sitting,
    stage: OurStage,
    teacher: TheTeacher,
    form: Filled,
    step: Annotated[str, Form()] = "",
) -> Response:
    if form.lesson and not step:
        form = _reviewed(teacher.lessons.lesson(form.lesson))
    form = _with_day(form)
    told, code, theirs = "", 200, None
    preview: Preview | None = None
    try:
        if step == "preview":
            preview = teacher.preview(_draft(teacher, form, seat))
        elif step == "keep":
            return _kept(teacher, _draft(teacher, form, seat), form, seat)
    except TeachError as error:
        told, code = str(error), 400
    except Changed as error:
        code = 409
        form, told, theirs = _overtaken(form, error)
    passages = _offered(stage, form)
    return HTMLResponse(teach_pages.teach_page(frame, form, _shown(stage, passages), told, preview, theirs), code)


def _kept(teacher: Teacher, draft: Lesson, form: teach_pages.Form, seat: Seat) -> Response:
    if form.lesson:
        kept = teacher.review(draft, seat.account.name)
    else:
        kept = teacher.teach(draft, form.seen if form.entry is not None else None)
    return RedirectResponse(f"{STAFF}/taught?said=taught_said#lesson-{kept.id}", 303)


def _overtaken(form: teach_pages.Form, error: Changed) -> tuple[teach_pages.Form, str, Lesson | None]:
    """What somebody else did in the meantime; the form may be sent again in the knowledge of it."""
    now = error.current
    if isinstance(now, Lesson):
        told = say("lesson_conflict", who=now.undone_by or now.author)
        return replace(form, version=now.version), told, now
    if isinstance(now, Entry):
        return replace(form, seen=now.version), conflict(now, "solved"), None
    return form, str(error), None


def _draft(teacher: Teacher, form: teach_pages.Form, seat: Seat) -> Lesson:
    """The lesson that a form describes.

    Raises:
        TeachError: it names a passage or a sentence that there is none of.
    """
    cites: Sequence[Cite] = ()
    if form.kind == "wording":
        cites = [teacher.cite(form.passage)] if form.passage else []
    elif form.kind == "answer":
        chosen = dict.fromkeys(passage for passage, _ in form.sentences)
        cites = [teacher.cite(p, *(n for other, n in form.sentences if other == p)) for p in chosen]
    said, until = (form.text, form.review_by) if form.kind == "answer" else ("", None)
    return Lesson(
        form.lesson,
        form.kind,
        form.wordings,
        said,
        tuple(cites),
        seat.account.name,
        "",
        until,
        form.entry,
        form.version,
    )


def _reviewed(lesson: Lesson) -> teach_pages.Form:
    """A lesson as a form, to be approved again."""
    ticked = tuple((cite.passage, n) for cite in lesson.cites for n in cite.sentences)
    passage = lesson.cites[0].passage if lesson.kind == "wording" and lesson.cites else ""
    return teach_pages.Form(
        "\n".join(lesson.wordings), lesson.kind, lesson.text, "", passage, ticked, lesson=lesson.id,
        version=lesson.version,
    )  # fmt: skip


def _with_day(form: teach_pages.Form) -> teach_pages.Form:
    proposed = (datetime.date.today() + _REVIEW_AFTER).isoformat()
    return form if form.review_by else replace(form, review_by=proposed)


def _offered(stage: Stage, form: teach_pages.Form) -> list[Passage]:
    """The chosen passages, and those nearest to what is looked for."""
    wanted = form.look or (form.wordings[0] if form.wordings else "")
    bot = stage.bot
    hits = [hit for _, found in bot.search(wanted[:300]) for hit in found[:NEAR]] if wanted.strip() else []
    hits.sort(key=lambda hit: -hit.score)
    every = {passage.id: passage for passage in bot.passages()}
    chosen = [every[p] for p in dict.fromkeys([form.passage, *(p for p, _ in form.sentences)]) if p in every]
    return list({passage.id: passage for passage in (*chosen, *(hit.passage for hit in hits[:NEAR]))}.values())


def _shown(stage: Stage, passages: Sequence[Passage]) -> Shown:
    bot = stage.bot
    return Shown(passages, {a.source_id: a.title for a in bot.articles()}, contact_links(bot.clinic))


# --- what was taught -----------------------------------------------------------------------------


@reading.get("/taught")
def taught(frame: AroundIt, stage: OurStage, teacher: TheTeacher, said: str = "") -> Response:
    well = say(said) if said in _SAID else ""
    return HTMLResponse(teach_pages.taught_page(frame, teacher.flags(), _shown(stage, []), well))


@reading.get("/taught/{number}")
def lesson(number: int, frame: AroundIt, stage: OurStage, teacher: TheTeacher) -> Response:
    return _lesson_page(number, frame, stage, teacher)


@edits.post("/taught/{number}/undo")
def undo(
    number: int,
    frame: AroundIt,
    seat: Sitting,
    stage: OurStage,
    teacher: TheTeacher,
    version: Annotated[int, Form()] = 0,
) -> Response:
    try:
        teacher.undo(number, version, seat.account.name)
    except Changed as error:
        return _lesson_page(number, frame, stage, teacher, _overtaken(teach_pages.Form(), error)[1], 409)
    except Missing:
        raise HTTPException(404) from None
    return RedirectResponse(f"{STAFF}/taught?said=undone_done", 303)


def _lesson_page(
    number: int, frame: Around, stage: Stage, teacher: Teacher, told: str = "", code: int = 200
) -> Response:
    try:
        found = teacher.lessons.lesson(number)
        undo = teacher.preview_undo(number) if frame.editor and not found.undone_at else None
    except Missing:
        raise HTTPException(404) from None
    flag = stage.bot.overlay.flag(found, datetime.date.today())
    page = teach_pages.lesson_page(frame, found, flag, _shown(stage, stage.bot.passages()), undo, told)
    return HTMLResponse(page, code)
