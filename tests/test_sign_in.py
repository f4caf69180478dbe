"""The front desk's door: accounts, passwords, cookies, expiry, lockout, forms; and that it is closed to others."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot import passwords
from bot.accounts import Accounts, Lasting, SignInRefused, form_token
from bot.errors import AccountError
from bot.guard import Limits
from bot.sign_in import BROWSER, SESSION, VISIT
from bot.staff import Store
from bot.staff_words import say, texts
from bot.web import create_app
from tests.conftest import ROOT, States
from tests.fake_bot import FakeBot
from tests.hosted import Served, everything_in
from tests.test_web import GENEROUS, ready

WORD = "four words in a row"
OTHER = "five other words in here"
OURS = {"sec-fetch-site": "same-origin"}


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(states: States, clock: Clock) -> Accounts:
    made = Accounts(states(), Lasting(idle=600, whole=3600), clock, clock)
    made.add("anna", WORD, "editor")
    made.add("ben", WORD)
    return made


@pytest.fixture(scope="module")
def site(served: Served) -> Iterator[TestClient]:
    app = create_app(FakeBot().as_bot, limits=GENEROUS, store=served.records())
    app.state.accounts.add("anna", WORD, "editor")
    app.state.accounts.add("ben", WORD)
    with TestClient(app, follow_redirects=False) as started:
        yield ready(started)


@pytest.fixture
def client(site: TestClient) -> TestClient:
    """The site, with no cookie and from an address that has tried nothing yet."""
    site.cookies.clear()
    site.app.state.accounts._tries._tried.clear()  # type: ignore[attr-defined]
    return site


def form_of(page: str) -> str:
    found = re.search(r'name="form" value="(\w+)"', page)
    assert found
    return found[1]


def sign_in(client: TestClient, name: str = "anna", password: str = WORD, **headers: str) -> Any:
    form = form_of(client.get("/staff/login").text)
    data = {"name": name, "password": password, "form": form}
    return client.post("/staff/login", data=data, headers={**OURS, **headers})


# --- passwords and accounts --------------------------------------------------------------------


@pytest.mark.parametrize(
    "password", ["", "short", "elevenchars", "x" * 257, "aaaaaaaaaaaa", "ababababababab", "anna" * 4, "my name is Anna"]
)
def test_a_password_that_could_be_guessed_is_refused_with_the_remedy(password: str) -> None:
    with pytest.raises(AccountError, match="four words"):
        passwords.check(password, "anna")


@pytest.mark.parametrize("name", ["", " ", "-a", "a b", "<b>", "é", "x" * 41, "../a"])
def test_a_name_that_won_t_do_is_named(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="no name for an account"):
        accounts.add(name, WORD)


def test_an_account_is_made_once_listed_and_removed(accounts: Accounts) -> None:
    with pytest.raises(AccountError, match="already"):
        accounts.add(" Anna", WORD)
    assert [(a.name, a.role) for a in accounts.all()] == [("anna", "editor"), ("ben", "staff")]
    token = accounts.sign_in("ben", WORD, "a").token
    accounts.remove("ben")
    assert accounts.of(token) is None
    with pytest.raises(AccountError, match="no account"):
        accounts.remove("ben")
    accounts.set_password("anna", OTHER, who="anna")
    deeds = [(deed.who, deed.did, deed.what) for deed in accounts._store.audit()]
    assert deeds[:2] == [
        ("anna", "changed the password", "account anna"),
        ("the command line", "removed", "account ben"),
    ]


def test_what_is_stored_opens_no_door(states: States) -> None:
    store = states()
    accounts = Accounts(store)
    accounts.add("anna", WORD)
    signed_in = accounts.sign_in("anna", WORD, "a")
    kept = everything_in(store)
    assert b"anna" in kept
    for secret in (WORD, signed_in.token, signed_in.browser):
        assert secret.encode() not in kept
    with store.read() as cursor:
        (hashed,) = cursor.execute("SELECT hash FROM account").fetchone()
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_letters_with_accents_fit_however_they_are_composed(accounts: Accounts) -> None:
    accounts.set_password("ben", "café crème brûlée".replace("é", "e\u0301"))
    assert accounts.sign_in("ben", "café crème brûlée", "a")


def test_a_hash_of_weaker_parameters_is_made_anew_at_sign_in(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=64).hash(WORD)
    with accounts._store.write() as cursor:
        cursor.execute("UPDATE account SET hash = ? WHERE name = 'ben'", (weak,))
    accounts.sign_in("ben", WORD, "a")
    stored = accounts._row("SELECT hash FROM account WHERE name = 'ben'")
    assert stored and stored[0] != weak
    assert accounts.sign_in("ben", WORD, "a")


# --- expiry -------------------------------------------------------------------------------------


def test_a_session_ends_when_idle_and_after_its_time(accounts: Accounts, clock: Clock) -> None:
    token = accounts.sign_in("anna", WORD, "a").token
    for _ in range(5):
        clock.now += 590
        assert accounts.of(token)
    clock.now += 601
    assert accounts.of(token) is None
    token = accounts.sign_in("anna", WORD, "a").token
    for _ in range(12):
        clock.now += 299
        assert accounts.of(token)
    clock.now += 13
    assert accounts.of(token) is None


def test_a_clock_that_jumps_neither_signs_in_for_ever_nor_locks_out(states: States, clock: Clock) -> None:
    ticks = Clock()
    store = states()
    accounts = Accounts(store, Lasting(idle=600, whole=3600), clock, ticks)
    accounts.add("anna", WORD)
    clock.now += 10 * 365 * 86_400
    future = accounts.sign_in("anna", WORD, "192.0.2.1").token
    assert accounts.of(future)
    for _ in range(6):
        with suppress(SignInRefused):
            accounts.sign_in("anna", "wrong", "192.0.2.1")
    clock.now -= 10 * 365 * 86_400
    assert accounts.of(future) is None
    ticks.now += 86_400
    assert accounts.sign_in("anna", WORD, "192.0.2.1")
    store.close()


def test_another_password_ends_every_other_session(accounts: Accounts) -> None:
    mine, elsewhere = (accounts.sign_in("anna", WORD, "a").token for _ in range(2))
    bens = accounts.sign_in("ben", WORD, "a").token
    accounts.set_password("anna", OTHER, keep=mine)
    assert accounts.of(mine)
    assert accounts.of(elsewhere) is None
    assert accounts.of(bens)
    with pytest.raises(SignInRefused):
        accounts.sign_in("anna", WORD, "a")
    accounts.set_password("anna", WORD)
    assert accounts.of(mine) is None


def test_a_sign_in_that_a_password_change_overtakes_is_refused(accounts: Accounts) -> None:
    row = accounts._row("SELECT hash FROM account WHERE name = 'anna'")
    account = accounts.find("anna")
    assert row and account
    accounts.set_password("anna", OTHER)
    with pytest.raises(SignInRefused):
        accounts._begun(account, row[0], row[0])
    assert accounts.sign_in("anna", OTHER, "a")


# --- lockout ------------------------------------------------------------------------------------


def refused(
    accounts: Accounts, name: str, address: str, password: str = "wrong words in a row", browser: str = ""
) -> float:
    with pytest.raises(SignInRefused) as told:
        accounts.sign_in(name, password, address, browser)
    return told.value.wait


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing: what is counted is the tries."""
    monkeypatch.setattr(passwords, "fits", lambda password, stored: stored is not None and password == WORD)
    monkeypatch.setattr(passwords, "outdated", lambda stored: False)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_waits_double_up_to_a_quarter_of_an_hour_for_any_name(accounts: Accounts, clock: Clock, name: str) -> None:
    assert [refused(accounts, name, "a") for _ in range(4)] == [0.0] * 4
    waits = []
    for _ in range(14):
        waits.append(refused(accounts, name, "a"))
        assert refused(accounts, name, "a") == waits[-1]  # tries in between do not lengthen it
        clock.now += waits[-1]
        assert refused(accounts, name, "a") == 0.0
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 900.0


@pytest.mark.usefixtures("quick")
def test_the_owner_gets_in_whatever_others_try(accounts: Accounts, clock: Clock) -> None:
    known = accounts.sign_in("anna", WORD, "desk").browser
    for address in ("attacker", "desk"):  # somebody else in the waiting room shares the clinic's address
        for _ in range(5):
            refused(accounts, "anna", address)
    assert refused(accounts, "anna", "attacker", WORD) > 0
    assert accounts.sign_in("anna", WORD, "at home")
    assert accounts.sign_in("anna", WORD, "desk", known)
    assert refused(accounts, "anna", "desk", WORD) > 0  # from a browser that was never signed in
    assert refused(accounts, "ben", "desk", browser=known) == 0.0
    clock.now += 900
    assert accounts.sign_in("anna", WORD, "desk")


@pytest.mark.usefixtures("quick")
def test_a_known_browser_has_no_more_tries_than_an_address(accounts: Accounts) -> None:
    known = accounts.sign_in("anna", WORD, "desk").browser
    assert [refused(accounts, "anna", str(i), browser=known) for i in range(4)] == [0.0] * 4
    assert refused(accounts, "anna", "9", browser=known) > 0


@pytest.mark.usefixtures("quick")
def test_one_address_can_t_try_every_name(accounts: Accounts) -> None:
    waits = [refused(accounts, f"name{i}", "2001:db8::" + format(i, "x")) for i in range(60)]
    assert waits[39] == 0.0
    assert waits[40] > 0  # one network of IPv6 is one place


def test_many_tries_at_once_are_no_way_around() -> None:
    throttle = passwords.Throttle(lambda: 0.0)
    assert [throttle.begin("k") > 0 for _ in range(6)] == [False] * 4 + [True] * 2


def test_the_memory_of_tries_is_bounded_and_keeps_the_longest_waits() -> None:
    throttle = passwords.Throttle(lambda: 0.0, keys=10)
    for _ in range(5):
        throttle.begin("attacked")
    for i in range(1000):
        throttle.begin(str(i))
    assert len(throttle._tried) == 10
    assert throttle.begin("attacked") > 0


# --- the door -----------------------------------------------------------------------------------


def test_signing_in_and_out(client: TestClient) -> None:
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff")
    page = client.get("/staff/account").text
    assert "You are anna, with the role editor." in page
    assert client.get("/staff/login").headers["location"] == "/staff"
    token = client.cookies[SESSION]
    out = client.post("/staff/logout", data={"form": form_of(page)}, headers=OURS)
    assert out.headers["location"] == "/staff/login"
    assert SESSION not in client.cookies
    carry(client, token)
    assert client.get("/staff/account").headers["location"] == "/staff/login"


def flags(answer: Any) -> dict[str, str]:
    return {line.split("=", 1)[0]: line for line in answer.headers.get_list("set-cookie")}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookies_are_closed_to_scripts_and_other_sites(client: TestClient, scheme: str) -> None:
    answer = client.get(f"{scheme}://testserver/staff/login")
    form = form_of(answer.text)
    data = {"name": "anna", "password": WORD, "form": form}
    entered = client.post(f"{scheme}://testserver/staff/login", data=data, headers=OURS)
    assert entered.status_code == 303
    given = {**flags(answer), **{k: v for k, v in flags(entered).items() if k != VISIT}}
    assert given.keys() == {VISIT, SESSION, BROWSER}
    for line in given.values():
        assert "HttpOnly" in line and "SameSite=strict" in line and "Path=/staff" in line
        assert re.search(r"Max-Age=\d+", line)
        assert ("Secure" in line) == (scheme == "https")
    assert "Max-Age=43200" in given[SESSION]
    client.cookies.clear()


def carry(client: TestClient, token: str) -> None:
    """Go on with that session and no other cookie."""
    client.cookies.clear()
    client.cookies.set(SESSION, token)


def test_the_token_is_new_at_sign_in(client: TestClient) -> None:
    """Who plants a session on somebody (fixation) has nothing of theirs, and a session is never taken over."""
    carry(client, "planted")
    assert client.get("/staff/account").status_code == 303
    assert client.get("/staff/login").status_code == 200
    entered = sign_in(client)
    given = re.search(rf"{SESSION}=([^;]+)", flags(entered)[SESSION])
    assert given and given[1] != "planted"
    carry(client, "planted")
    assert client.get("/staff/account").status_code == 303
    carry(client, given[1])
    form = form_of(client.get("/staff/account").text)
    again = client.post("/staff/login", data={"name": "ben", "password": WORD, "form": form}, headers=OURS)
    assert again.status_code == 403  # the form of a page within is none of the door's


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "wrong words in a row"), ("nobody", WORD), ("", ""), ("a" * 9999, WORD)]
)
def test_a_wrong_name_and_a_wrong_password_look_the_same(client: TestClient, name: str, password: str) -> None:
    answer = sign_in(client, name, password)
    assert answer.status_code == 401
    assert say("refused") in answer.text.replace("&#x27;", "'")
    assert SESSION not in client.cookies
    assert password == "" or password not in answer.text


def test_too_many_tries_are_told_how_long_to_wait(client: TestClient) -> None:
    for _ in range(4):
        assert sign_in(client, "ben", "wrong words in a row").status_code == 401
    answer = sign_in(client, "ben", WORD)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "Wait 1 second" in answer.text
    assert sign_in(client, "anna").status_code == 303


def test_a_flood_of_tries_is_held_back_before_any_hash() -> None:
    with TestClient(create_app(FakeBot().as_bot, limits=Limits(burst=2, per_second=0.01))) as client:
        ready(client)
        answers = [client.post("/staff/login", data={"name": "a"}, headers=OURS) for _ in range(3)]
        assert [a.status_code for a in answers] == [403, 403, 429]
        assert "Please wait a moment" in answers[2].text
        assert client.post("/api/ask", json={"message": "hello"}).status_code == 200


def test_a_name_with_markup_comes_back_as_text(client: TestClient) -> None:
    page = sign_in(client, '"><script>x</script>', "wrong words in a row").text
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_the_password_changes_and_other_sessions_end(client: TestClient) -> None:
    sign_in(client, "ben")
    elsewhere = client.cookies[SESSION]
    client.cookies.clear()
    sign_in(client, "ben")
    form = form_of(client.get("/staff/account").text)

    def change(current: str, new: str, again: str) -> Any:
        data = {"form": form, "current": current, "new": new, "again": again}
        return client.post("/staff/account", data=data, headers=OURS)

    assert (change("wrong words in a row", OTHER, OTHER).status_code, change(WORD, OTHER, WORD).status_code) == (
        403,
        400,
    )
    assert change(WORD, "short", "short").status_code == 400
    assert "Your password is changed" in change(WORD, OTHER, OTHER).text
    assert client.get("/staff/account").status_code == 200
    carry(client, elsewhere)
    assert client.get("/staff/account").status_code == 303
    client.cookies.clear()
    assert sign_in(client, "ben", OTHER).status_code == 303
    client.app.state.accounts.set_password("ben", WORD)  # type: ignore[attr-defined]


# --- forms --------------------------------------------------------------------------------------

FORGED: list[tuple[dict[str, str], str]] = [
    ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, "own"),
    ({"sec-fetch-site": "same-site"}, "own"),
    ({"sec-fetch-site": "none"}, "own"),
    ({"origin": "https://evil.example"}, "own"),
    ({"origin": "null"}, "own"),
    ({}, "own"),
    (OURS, ""),
    (OURS, "0" * 64),
    (OURS, "é"),
    (OURS, form_token("")),
    (OURS, "other"),
]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("path", ["/staff/logout", "/staff/account", "/staff/login"])
def test_a_forged_form_is_refused(client: TestClient, path: str) -> None:
    page, entered = ("/staff/login", 303) if path == "/staff/login" else ("/staff/account", 200)
    if entered == 200:
        sign_in(client, "ben")
    others = form_of(client.get(page).text)
    client.cookies.clear()
    if entered == 200:
        sign_in(client)
    own = form_of(client.get(page).text)
    for headers, form in FORGED:
        sent = {"own": own, "other": others}.get(form, form)
        data = {"form": sent, "name": "anna", "password": WORD, "current": WORD, "new": OTHER, "again": OTHER}
        assert client.post(path, data=data, headers=headers).status_code == 403, (headers, form)
        assert client.get("/staff/account").status_code == entered
    assert client.app.state.accounts.sign_in("anna", WORD, path)  # type: ignore[attr-defined]


def test_without_any_cookie_no_form_fits(client: TestClient) -> None:
    data = {"form": form_token(""), "name": "anna", "password": WORD}
    assert client.post("/staff/login", data=data, headers=OURS).status_code == 403


# --- what is said, and what is not ----------------------------------------------------------------


def test_passwords_are_in_no_log(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in(client, "anna", "my secret words here")
    sign_in(client, "my secret words here", "x")
    sign_in(client)
    form = form_of(client.get("/staff/account").text)
    data = {"form": form, "current": "my secret words here", "new": OTHER, "again": OTHER}
    client.post("/staff/account", data=data, headers=OURS)
    assert "sign-in refused: account anna" in caplog.text
    assert "sign-in refused: no such account" in caplog.text
    for secret in ("my secret words", WORD, OTHER, form, client.cookies[SESSION]):
        assert secret not in caplog.text


def test_the_page_warns_where_the_wire_is_open(client: TestClient) -> None:
    assert "not encrypted" in client.get("/staff/login").text
    assert "not encrypted" not in client.get("https://testserver/staff/login").text
    assert "not encrypted" not in client.get("http://localhost/staff/login").text


def test_every_text_is_used_and_there() -> None:
    """Keys that are put together at run time are known by their beginning or their end."""
    every = [p.read_text(encoding="utf-8") for p in (ROOT / "bot").glob("*.py")]
    sources = "".join(text for text in every if "bot.staff_words import" in text or "bot.staff_pages import" in text)
    begins = tuple(re.findall(r"f[\"'](\w+_)\{", sources))
    ends = tuple(re.findall(r"f[\"']\{\w+\}(_\w+)[\"']", sources))
    used = [key for key in texts() if re.search(rf"[\"']{key}[\"']", sources)]
    assert [key for key in texts() if key not in used and not key.startswith(begins) and not key.endswith(ends)] == []
    assert set(re.findall(r"(?<![.\w])(?:t|say)\([\"'](\w+)[\"'][,)]", sources)) <= set(texts())


def test_a_store_that_fails_is_told_on_a_calm_page() -> None:
    store = Store()
    app = create_app(FakeBot().as_bot, limits=Limits(), store=store)
    with TestClient(app, follow_redirects=False) as client:
        ready(client)
        form = form_of(client.get("/staff/login").text)
        store.close()
        answer = client.post("/staff/login", data={"form": form, "name": "a", "password": WORD}, headers=OURS)
        assert answer.status_code == 503
        assert "<h1>" in answer.text


# --- the command line -----------------------------------------------------------------------------


def staff(state: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "bot", "staff", *arguments], cwd=ROOT, env={**os.environ, "FAQ_STATE": str(state)},
        input=typed, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_accounts_are_made_and_changed_from_the_command_line(tmp_path: Path) -> None:
    state = tmp_path / "faq.sqlite"
    assert "no accounts yet" in staff(state, "list").stdout
    made = staff(state, "add", "Anna", "--role", "editor", typed=WORD + "\n")
    assert (made.returncode, WORD in made.stdout + made.stderr) == (0, False)
    short = staff(state, "add", "ben", typed="short\n")
    assert (short.returncode, "12 to 256 characters" in short.stderr) == (1, True)
    assert "anna (editor, since 20" in staff(state, "list").stdout
    store = Store(state)
    accounts = Accounts(store)
    token = accounts.sign_in("anna", WORD, "a").token
    assert staff(state, "password", "anna", typed=OTHER + "\n").returncode == 0
    assert accounts.of(token) is None
    assert accounts.sign_in("anna", OTHER, "a")
    assert staff(state, "remove", "anna").returncode == 0
    assert staff(state, "remove", "anna").returncode == 1
    assert accounts.all() == []
    store.close()
