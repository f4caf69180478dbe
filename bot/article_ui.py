"""The routes of the articles, for editors: upload, what was understood, build and compare, publish or discard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException as AnyHTTPException

from bot import index
from bot.article_pages import PATH, Served, Shown, articles_page, working
from bot.comparison import typed
from bot.corpus import corpus_files, source_id
from bot.edition_work import Works
from bot.editions import Editions
from bot.errors import BotError, Changed, EditionError, StateError
from bot.guard import STAFF, from_our_page
from bot.render import contact_links
from bot.sign_in import AroundIt, Sitting, editing, own_form, see_form
from bot.staff_pages import Around
from bot.staff_words import say
from bot.stage import OurStage, Stage
from bot.uploads import MAX_BODY_BYTES, MAX_BYTES, MAX_FIELD_BYTES, MAX_FILES, Upload

_SAID = ("published_said", "discarded_said")
_UNREAD_BODY = 10 * MAX_BODY_BYTES  # what is declared larger than MAX_BODY_BYTES is refused in words, and not read

editors = APIRouter(prefix=STAFF, include_in_schema=False, dependencies=[Depends(editing)])
edits = APIRouter(prefix=STAFF, include_in_schema=False, dependencies=[Depends(own_form), Depends(editing)])


@dataclass(frozen=True, slots=True)
class Shelf:
    """The site's edition and the work on it."""

    editions: Editions
    works: Works


def shelf_of(request: Request) -> Shelf:
    """The shelf of the app that a request came to."""
    found: Shelf = request.app.state.shelf
    return found


OurShelf = Annotated[Shelf, Depends(shelf_of)]
Seen = Annotated[str, Form(alias="edition")]


@editors.get("/articles")
def articles(frame: AroundIt, stage: OurStage, shelf: OurShelf, said: str = "") -> Response:
    return _page(frame, stage, shelf, well=say(said) if said in _SAID else "")


@editors.get("/articles/progress")
def progress(stage: OurStage, shelf: OurShelf) -> dict[str, Any]:
    """Asked by the page's script while something is being done."""
    if shelf.works.busy:
        return {"busy": True, "text": _working(shelf)}
    newer = _newer(stage, shelf.editions)
    return {"busy": bool(newer), "text": say("loading", version=newer)}


@editors.post("/articles", max_body_size=_UNREAD_BODY)
async def upload(request: Request, frame: AroundIt, seat: Sitting, stage: OurStage, shelf: OurShelf) -> Response:
    """Files. The form is read here, and so by nobody who may not send it."""
    if not from_our_page(request):
        raise HTTPException(403, "form")
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return await run_in_threadpool(_page, frame, stage, shelf, _too_much(), 413)
    try:
        sent = await request.form(max_files=MAX_FILES, max_fields=10, max_part_size=MAX_FIELD_BYTES)
    except AnyHTTPException as error:
        if error.status_code != 400:
            raise
        told = _too_much() if "many files" in str(error.detail) else say("malformed")
        return await run_in_threadpool(_page, frame, stage, shelf, told, 400)
    try:
        see_form(request, str(sent.get("form", "")), seat.token)
        files = [one for one in sent.getlist("files") if isinstance(one, UploadFile) and one.filename]
        uploads = [Upload(one.filename or "", one.size or 0, one.file) for one in files]
        seen, who = str(sent.get("edition", "")), seat.account.name

        def added() -> None:
            shelf.editions.add(uploads, seen, who)
            shelf.works.start()

        return await run_in_threadpool(_done, added, frame, stage, shelf)
    finally:
        await sent.close()


@edits.post("/articles/change")
def change(
    frame: AroundIt,
    seat: Sitting,
    stage: OurStage,
    shelf: OurShelf,
    seen: Seen = "",
    file: Annotated[str, Form()] = "",
    deed: Annotated[str, Form()] = "",
) -> Response:
    deeds = {"remove": shelf.editions.remove, "back": shelf.editions.take_back}
    if deed not in deeds:
        raise HTTPException(400)
    return _done(lambda: deeds[deed](file, seen, seat.account.name), frame, stage, shelf)


@edits.post("/articles/build")
def build(frame: AroundIt, stage: OurStage, shelf: OurShelf, seen: Seen = "") -> Response:
    def begun() -> None:
        if shelf.editions.expect(seen) is None:
            raise EditionError(say("nothing_begun"))
        shelf.works.start(build=True)

    _ = stage.bot  # while there is none, the page says so
    return _done(begun, frame, stage, shelf)


@edits.post("/articles/ask")
def ask_both(
    frame: AroundIt, stage: OurStage, shelf: OurShelf, seen: Seen = "", questions: Annotated[str, Form()] = ""
) -> Response:
    tried = shelf.works.tried(shelf.editions.current())
    if tried is None or tried.mark != seen:
        return _page(frame, stage, shelf, say("moved_on"), 409)
    if not (wanted := typed(questions)):
        return _page(frame, stage, shelf, say("nothing_asked"), 400)
    shown = replace(_shown(stage, shelf), asked=shelf.works.compare(tried.bot, wanted), typed=questions)
    return HTMLResponse(articles_page(frame, shown))


@edits.post("/articles/publish")
def publish(frame: AroundIt, seat: Sitting, stage: OurStage, shelf: OurShelf, seen: Seen = "") -> Response:
    def published() -> None:
        shelf.editions.publish(seen, seat.account.name)
        shelf.works.stop()

    return _done(published, frame, stage, shelf, "published_said")


@edits.post("/articles/discard")
def discard(frame: AroundIt, seat: Sitting, stage: OurStage, shelf: OurShelf, seen: Seen = "") -> Response:
    def discarded() -> None:
        shelf.editions.expect(seen)
        shelf.works.stop()
        shelf.editions.discard(seen, seat.account.name)

    return _done(discarded, frame, stage, shelf, "discarded_said")


def _done(deed: Callable[[], object], frame: Around, stage: Stage, shelf: Shelf, said: str = "") -> Response:
    """Do it and lead back to the page; what went wrong is told there."""
    try:
        deed()
    except Changed as error:
        return _page(frame, stage, shelf, str(error), 409)
    except StateError:
        raise
    except BotError as error:
        return _page(frame, stage, shelf, shelf.editions.told(error), 400)
    return RedirectResponse(f"{PATH}?said={said}" if said else PATH, 303)


def _too_much() -> str:
    return say("too_much", files=MAX_FILES, megabytes=MAX_BYTES // 1_000_000)


def _page(frame: Around, stage: Stage, shelf: Shelf, told: str = "", code: int = 200, well: str = "") -> Response:
    return HTMLResponse(articles_page(frame, _shown(stage, shelf), told, well), code)


def _newer(stage: Stage, editions: Editions) -> str:
    """The version of the index that is built where another one is served still, else nothing."""
    try:
        built = index.built(editions.live).version if editions.live else ""
    except BotError:
        return ""
    return built if built != stage.bot.index_version else ""


def _working(shelf: Shelf) -> str:
    step = shelf.works.step
    return working(step.name, step.done, step.total) if step else working("start", 0, 0)


def _shown(stage: Stage, shelf: Shelf) -> Shown:
    bot, editions, works = stage.bot, shelf.editions, shelf.works
    files, unread = _files(editions)
    counts: dict[str, int] = {}
    for passage in bot.passages():
        counts[passage.source_id] = counts.get(passage.source_id, 0) + 1
    served = [Served(a.title, files.get(a.source_id, ""), counts.get(a.source_id, 0)) for a in bot.articles()]
    closed = editions.closed()
    shown = Shown(served, bot.index_version, unread, closed, contact_links(bot.clinic))
    if closed:
        return shown
    edition, tried = editions.current(), None
    tried = works.tried(edition)
    return replace(
        shown,
        edition=edition,
        understood=editions.understood() if edition else {},
        work=_working(shelf) if works.busy else "",
        failure=works.failure,
        newer=_newer(stage, editions),
        overtaken=bool(edition and editions.overtaken(edition)),
        comparison=tried.comparison if tried else None,
    )


def _files(editions: Editions) -> tuple[dict[str, str], tuple[str, ...]]:
    """The files of the served articles by id, and what the last build could not read."""
    live = editions.live
    if live is None:
        return {}, ()
    try:
        places = [path.relative_to(live.corpus) for path in corpus_files(live.corpus)]
        unread = tuple(p.removeprefix(f"{live.corpus}/") for p in index.built(live).unread)
    except (BotError, OSError) as error:
        return {}, (editions.told(error),)
    return {source_id(place): place.as_posix() for place in places}, unread
