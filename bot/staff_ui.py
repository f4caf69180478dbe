"""The pages under ``/staff``: the enquiry desk, the queue, teaching, what visitors ask and the articles.

Everything here is closed to who is not signed in (``sign_in``), by the routers the routes stand in and not one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException

from bot import article_ui, desk_pages, draft, insights_pages, pages, queue_pages, staff_pages, teach_ui
from bot.accounts import Accounts, Lasting
from bot.config import Config
from bot.draft import CHANNELS
from bot.edition_work import Works
from bot.editions import Editions
from bot.enquiry import MAX_CHARS, Found, answered
from bot.errors import Changed, MessageError, Missing
from bot.figures import Figures, figures
from bot.guard import STAFF, packed
from bot.interface import ENGLISH
from bot.queue import STATES, Entry
from bot.render import contact_links
from bot.schema import Turn
from bot.sign_in import AroundIt, Sitting, door, own, own_form, seated
from bot.staff_words import say
from bot.stage import Assets, OurStage, Stage, ask

if TYPE_CHECKING:
    from bot.pipeline import Bot

ours = APIRouter(prefix=STAFF, include_in_schema=False, dependencies=[Depends(seated)])


@ours.get("")
def desk(frame: AroundIt, stage: OurStage) -> Response:
    _ = stage.bot  # while there is none, the page says so
    return HTMLResponse(desk_pages.desk_page(frame))


@ours.post("", dependencies=[Depends(own_form)])
def enquire(
    request: Request,
    frame: AroundIt,
    stage: OurStage,
    text: Annotated[str, Form()] = "",
    channel: Annotated[str, Form()] = "",
) -> Response:
    chosen = next((c for c in CHANNELS if c == channel), None)
    if len(text) > MAX_CHARS:
        return HTMLResponse(desk_pages.desk_page(frame, text, chosen, told=desk_pages.too_long()), 413)
    serving = stage.serving
    serving.teacher.refresh()  # what a colleague has just taught
    # Not counted: visitors' questions are.
    found = answered(text, lambda messages: ask(serving.bot, [Turn("user", m) for m in messages], explain=True))
    if not found:
        return HTMLResponse(desk_pages.desk_page(frame, text, chosen, told=say("nothing_found")))
    result = _result(serving.bot, found, str(request.base_url).rstrip("/"))
    return HTMLResponse(desk_pages.desk_page(frame, text, chosen, result))


def _result(bot: Bot, found: Sequence[Found], site: str) -> desk_pages.Result:
    own = draft.Own(pages.clinic_name(bot.clinic), bot.texts, site)
    return desk_pages.Result(
        found,
        [{c: draft.single(one, found, c, own) for c in CHANNELS} for one in found],
        {c: draft.draft(found, c, own) for c in CHANNELS},
        {a.source_id: a.title for a in bot.articles()},
        contact_links(bot.clinic),
    )


@ours.get("/queue")
def queue(frame: AroundIt, stage: OurStage, tab: str = "open") -> Response:
    return _queue_page(frame, stage, tab)


@ours.post("/queue/{number}", dependencies=[Depends(own_form)])
def change_state(
    number: int,
    frame: AroundIt,
    seat: Sitting,
    stage: OurStage,
    version: Annotated[int, Form()] = 0,
    state: Annotated[str, Form()] = "",
    tab: Annotated[str, Form()] = "open",
) -> Response:
    wanted = next((s for s in STATES if s == state), None)
    if wanted is None:
        raise HTTPException(400)
    try:
        stage.queue.change(number, version, wanted, seat.account.name)
    except Changed as error:
        now = error.current
        told = queue_pages.conflict(now, wanted) if isinstance(now, Entry) else str(error)
        return _queue_page(frame, stage, tab, told, 409)
    except Missing:
        raise HTTPException(404) from None
    return RedirectResponse(f"{STAFF}/queue?tab={tab if tab in queue_pages.TABS else 'open'}", 303)


def _queue_page(frame: staff_pages.Around, stage: Stage, tab: str, told: str = "", code: int = 200) -> Response:
    tab = tab if tab in queue_pages.TABS else "open"
    entries = stage.queue.entries(queue_pages.TABS[tab])
    return HTMLResponse(queue_pages.queue_page(frame, entries, tab, stage.words_kept, told), code)


@ours.get("/insights")
def insights(frame: AroundIt, stage: OurStage, days: int = 30) -> Response:
    titles = {a.source_id: a.title for a in stage.bot.articles()}
    span = days if days in insights_pages.SPANS else 30
    return HTMLResponse(insights_pages.insights_page(frame, _figures(stage, span), span, titles))


@ours.get("/insights.csv")
def insights_csv(stage: OurStage, table: str = "", days: int = 30) -> Response:
    try:
        found = _figures(stage, days if days in insights_pages.SPANS else 30).table(table)
    except MessageError:
        raise HTTPException(404) from None
    headers = {"content-disposition": f'attachment; filename="{table}.csv"'}
    return Response("\ufeff" + found.csv(), media_type="text/csv", headers=headers)  # the mark tells Excel it is UTF-8


def _figures(stage: Stage, span: int) -> Figures:
    last = stage.store.today()
    return figures(stage.store, (last - timedelta(days=span - 1)).isoformat(), last.isoformat())


@ours.get("/static/{name}")
def static(name: str, request: Request) -> Response:
    found = request.app.state.staff_assets.find(name)
    if found is None:
        raise HTTPException(404)
    body, headers = packed(found[0], request)
    # Kept by this browser alone: a cache between would serve it to others.
    return Response(body, media_type=found[1], headers={**headers, "cache-control": "private, max-age=31536000"})


@ours.api_route("/{path:path}", methods=["GET", "POST"])
def nothing(path: str) -> Response:
    if not path:
        return RedirectResponse(STAFF, 303)
    raise HTTPException(404)


def refused(request: Request, error: AnyHTTPException) -> Response:
    """A refusal on a page of the staff's."""
    if error.status_code == 303:
        return RedirectResponse(error.headers["location"] if error.headers else STAFF, 303)
    page = staff_pages.refused_page(request.app.state.staff_frame(), error.status_code, str(error.detail))
    return HTMLResponse(page, error.status_code, error.headers)


def open_desk(app: FastAPI, stage: Stage, lasting: Lasting | None = None, live: Config | None = None) -> None:
    """Put the staff's routes into the app. ``live``: whose articles and index editors may change, if any's."""
    assets = Assets("static/staff", f"{STAFF}/static")

    def frame() -> staff_pages.Frame:
        clinic = pages.clinic_name(stage.bot.clinic) if stage.ready else ENGLISH["no_name"]
        files = (assets.address("staff.css"), assets.address("staff.js"))
        return staff_pages.Frame(clinic, stage.assets.address("site.css"), *files)

    app.state.accounts = Accounts(stage.store, lasting)
    app.state.staff_assets = assets
    app.state.staff_frame = frame
    editions = Editions(live, stage.store)
    works = Works(editions, stage)
    stage.ending.append(works.close)
    app.state.shelf = article_ui.Shelf(editions, works)
    for router in (
        door,
        own,
        teach_ui.reading,
        teach_ui.editors,
        teach_ui.edits,
        article_ui.editors,
        article_ui.edits,
        ours,
    ):
        app.include_router(router)
