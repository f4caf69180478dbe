"""The door of the front desk: who may pass (dependencies of its routes), signing in and out, one's password.

A session is a random token in a cookie that no script and no other site can use; the store knows its hash. Each form
carries a second token made from it, and browsers must say that our own page sent it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from bot import staff_pages
from bot.accounts import Account, Accounts, Lasting, SignInRefused, form_token, new_token
from bot.errors import AccountError
from bot.guard import STAFF, from_our_page
from bot.staff_pages import Around
from bot.staff_words import say

SESSION, BROWSER, VISIT = "staff_session", "staff_browser", "staff_visit"
_YEAR_HALF = 180 * 86_400
LOGIN = f"{STAFF}/login"


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody signed in, and the token that their forms carry."""

    account: Account
    token: str

    @property
    def form(self) -> str:
        return form_token(self.token)


def accounts_of(request: Request) -> Accounts:
    """The app's accounts."""
    found: Accounts = request.app.state.accounts
    return found


def seated(request: Request, accounts: Annotated[Accounts, Depends(accounts_of)]) -> Seat:
    """Who is signed in; anybody else is led to the door."""
    token = request.cookies.get(SESSION, "")
    account = accounts.of(token) if token else None
    if account is None:
        raise HTTPException(303, headers={"location": LOGIN}) if request.method == "GET" else HTTPException(401)
    return Seat(account, token)


Sitting = Annotated[Seat, Depends(seated)]
TheAccounts = Annotated[Accounts, Depends(accounts_of)]
FormToken = Annotated[str, Form(alias="form")]


def own_form(request: Request, seat: Sitting, form: FormToken = "") -> Seat:
    """A form that our own page sent for who is signed in."""
    see_form(request, form, seat.token)
    return seat


def editing(seat: Sitting) -> Seat:
    """An editor."""
    if not seat.account.editor:
        raise HTTPException(403, "role")
    return seat


def see_form(request: Request, form: str, token: str) -> None:
    """See that our own page sent a form for the session of ``token``; else a 403."""
    if not token or not from_our_page(request) or not hmac.compare_digest(form.encode(), form_token(token).encode()):
        raise HTTPException(403, "form")


def around(request: Request, seat: Sitting) -> Around:
    """What every page of who is signed in has around it."""
    return Around(request.app.state.staff_frame(), seat.account.name, seat.account.editor, seat.form)


AroundIt = Annotated[Around, Depends(around)]
door = APIRouter(prefix=STAFF, include_in_schema=False)
own = APIRouter(prefix=STAFF, include_in_schema=False, dependencies=[Depends(seated)])


@door.get("/login")
def login_page(request: Request, accounts: TheAccounts) -> Response:
    if accounts.of(request.cookies.get(SESSION, "")):
        return RedirectResponse(STAFF, 303)
    return _login(request, request.cookies.get(VISIT) or new_token())


@door.post("/login")
def login(
    request: Request,
    accounts: TheAccounts,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    form: FormToken = "",
) -> Response:
    visit = request.cookies.get(VISIT, "")
    see_form(request, form, visit)
    try:
        signed_in = accounts.sign_in(name, password, address_of(request), request.cookies.get(BROWSER, ""))
    except SignInRefused as refused:
        return _login(request, visit, name, refused)
    accounts.sign_out(request.cookies.get(SESSION, ""))
    answer = RedirectResponse(STAFF, 303)
    lasting: Lasting = accounts.lasting
    _give(request, answer, SESSION, signed_in.token, int(lasting.whole))
    _give(request, answer, BROWSER, signed_in.browser, _YEAR_HALF)
    answer.delete_cookie(VISIT, path=STAFF)
    return answer


def _login(request: Request, visit: str, name: str = "", refused: SignInRefused | None = None) -> Response:
    told = say("refused") if refused else ""
    code, headers = 401 if refused else 200, {}
    if refused and refused.wait:
        seconds = int(refused.wait) + 1
        told = say("too_many_tries", wait=staff_pages.duration(seconds))
        code, headers = 429, {"retry-after": str(seconds)}
    # On this machine itself nothing travels over a wire.
    open_wire = request.url.scheme != "https" and request.url.hostname not in ("127.0.0.1", "localhost", "::1")
    page = staff_pages.login_page(request.app.state.staff_frame(), form_token(visit), name, told, open_wire)
    answer = HTMLResponse(page, code, headers)
    _give(request, answer, VISIT, visit, 86_400)
    return answer


def _give(request: Request, answer: Response, name: str, token: str, seconds: int) -> None:
    answer.set_cookie(
        name, token, max_age=seconds, path=STAFF, secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )


def address_of(request: Request) -> str:
    """Where the request comes from; behind a trusted proxy what that says."""
    return request.client.host if request.client else ""


@own.post("/logout", dependencies=[Depends(own_form)])
def logout(seat: Sitting, accounts: TheAccounts) -> Response:
    accounts.sign_out(seat.token)
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(SESSION, path=STAFF)
    return answer


@own.get("/account")
def account_page(frame: AroundIt, seat: Sitting) -> Response:
    return HTMLResponse(staff_pages.account_page(frame, seat.account))


@own.post("/account", dependencies=[Depends(own_form)])
def change_password(
    request: Request,
    frame: AroundIt,
    seat: Sitting,
    accounts: TheAccounts,
    current: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    try:
        accounts.confirm(seat.account, current, address_of(request))
        if new != again:
            raise AccountError(say("not_the_same"))
        accounts.set_password(seat.account.name, new, seat.token, seat.account.name)
    except SignInRefused as refused:
        wait = staff_pages.duration(int(refused.wait) + 1)
        told = say("too_many_tries", wait=wait) if refused.wait else say("wrong_current")
        return HTMLResponse(staff_pages.account_page(frame, seat.account, told), 403)
    except AccountError as error:
        return HTMLResponse(staff_pages.account_page(frame, seat.account, str(error)), 400)
    return HTMLResponse(staff_pages.account_page(frame, seat.account, well=say("password_changed")))
