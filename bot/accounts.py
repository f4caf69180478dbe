"""Who may sign in at the front desk, and who is signed in now.

Passwords are kept as Argon2 hashes, session tokens as SHA-256 hashes: a copy of the file opens no door.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, get_args

from bot import passwords
from bot.errors import AccountError
from bot.staff import Store

log = logging.getLogger(__name__)
Role = Literal["staff", "editor"]
ROLES: tuple[Role, ...] = get_args(Role)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
_TOKEN_BYTES = 32  # 256 bits: not to be guessed, so a plain hash of it is enough
_SEEN_EVERY = 60.0  # seconds between two notes that a session is in use
_KNOWN_FOR = 180 * 86_400.0  # seconds that a browser is known after its last sign-in
_PLACE_FREE = 40  # tries from one address, whatever the names, before it waits: a clinic shares one address


@dataclass(frozen=True, slots=True)
class Lasting:
    """Seconds that a session lasts."""

    idle: float = 3600.0  # without a request; a desk's PC is left alone over lunch
    whole: float = 12 * 3600.0  # from sign-in; a working day


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody of the clinic's staff."""

    name: str
    role: Role
    created: str = ""

    @property
    def editor(self) -> bool:
        """Whether the account may teach."""
        return self.role == "editor"

    def __str__(self) -> str:
        return f"{self.name} ({self.role}, since {self.created[:10]})"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session's token, and the browser's, which makes it known for the next time."""

    account: Account
    token: str
    browser: str


class SignInRefused(AccountError):
    """Name and password don't fit, or it is too early for another try; ``wait`` in seconds, 0.0 for now."""

    def __init__(self, wait: float = 0.0) -> None:
        super().__init__("Name and password do not fit. Try again.")
        self.wait = wait


def new_token() -> str:
    """A random token for a cookie."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def form_token(token: str) -> str:
    """What a form must carry beside the cookie: nobody who can't read the page can make it."""
    return hmac.new(token.encode(), b"form", sha256).hexdigest()


class Accounts:
    """Accounts and sessions in the store. Thread-safe as the store is."""

    def __init__(
        self,
        store: Store,
        lasting: Lasting | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock``: seconds since 1970, of sessions; ``ticks``: seconds that no change of the date moves, of waits."""
        self._store = store
        self.lasting = lasting or Lasting()
        self._clock = clock
        self._tries = passwords.Throttle(ticks)
        self._places = passwords.Throttle(ticks, free=_PLACE_FREE)

    # --- accounts -----------------------------------------------------------------------------

    def add(self, name: str, password: str, role: Role = "staff", who: str = "the command line") -> Account:
        """Make an account. ``who`` does it, for the audit log, here and below.

        Raises:
            AccountError: the name or the password won't do, or there is such an account.
        """
        name = _checked(name)
        passwords.check(password, name)
        if self.find(name):
            raise AccountError(f"There is an account {name} already. Choose another name, or remove that one first.")
        row = (name, role, passwords.hashed(password), self._store.now())
        with self._store.write() as cursor:
            cursor.execute("INSERT INTO account (name, role, hash, created) VALUES (?, ?, ?, ?)", row)
            self._store.note(cursor, who, f"added ({role})", f"account {name}")
        return Account(name, role, row[3])

    def find(self, name: str) -> Account | None:
        """The account of that name, if there is one."""
        found = self._row("SELECT name, role, created FROM account WHERE name = ?", name.strip().lower())
        return Account(*found) if found else None

    def all(self) -> list[Account]:
        """Every account by name."""
        with self._store.read() as cursor:
            rows = cursor.execute("SELECT name, role, created FROM account ORDER BY name").fetchall()
        return [Account(*row) for row in rows]

    def remove(self, name: str, who: str = "the command line") -> None:
        """Remove an account, which signs it out everywhere.

        Raises:
            AccountError: there is none.
        """
        account = self._known(name)
        with self._store.write() as cursor:
            for table in ("session", "browser", "account"):
                cursor.execute(f"DELETE FROM {table} WHERE name = ?", (account.name,))
            self._store.note(cursor, who, "removed", f"account {account.name}")

    def set_password(self, name: str, password: str, keep: str = "", who: str = "the command line") -> None:
        """Change a password. Every session of the account ends but the one whose token is ``keep``.

        Raises:
            AccountError: there is no such account, or the password won't do.
        """
        account = self._known(name)
        passwords.check(password, account.name)
        stored = passwords.hashed(password)
        with self._store.write() as cursor:
            cursor.execute("UPDATE account SET hash = ? WHERE name = ?", (stored, account.name))
            cursor.execute("DELETE FROM session WHERE name = ? AND token <> ?", (account.name, _hash(keep)))
            cursor.execute("DELETE FROM browser WHERE name = ?", (account.name,))
            self._store.note(cursor, who, "changed the password", f"account {account.name}")

    def _row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._store.read() as cursor:
            row: tuple[Any, ...] | None = cursor.execute(query, values).fetchone()
        return row

    def _known(self, name: str) -> Account:
        account = self.find(name)
        if account is None:
            raise AccountError(f"There is no account {name!r}. 'staff list' shows those that there are.")
        return account

    # --- sessions -----------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, address: str, browser: str = "") -> SignedIn:
        """Begin a session with a token that nobody has seen before.

        Tries are counted by name and address; from a browser that signed in to the account before they are counted
        by browser, so that nobody at the same address can keep its owner out.

        Raises:
            SignInRefused: in the same way and after the same work whether there is such an account or not.
        """
        name = name.strip().lower()[:100]
        keys = self._counted(name, address, browser)
        self._may_try(keys)
        row = self._row("SELECT hash, name, role, created FROM account WHERE name = ?", name)
        if not passwords.fits(password, row[0] if row else None) or not row:
            # A name that is none may be a password typed into the wrong box.
            log.warning("sign-in refused: %s", f"account {name}" if row else "no such account")
            raise SignInRefused
        for key, throttle in keys.items():
            throttle.succeeded(key)
        fresh = passwords.hashed(password) if passwords.outdated(row[0]) else row[0]
        return self._begun(Account(*row[1:]), row[0], fresh)

    def confirm(self, account: Account, password: str, address: str) -> None:
        """See that somebody signed in is who they are, before the password changes.

        Raises:
            SignInRefused: the password is another, or it is too early for another try.
        """
        keys = self._counted(account.name, f"again {address}", "")
        self._may_try(keys)
        row = self._row("SELECT hash FROM account WHERE name = ?", account.name)
        if not passwords.fits(password, row[0] if row else None):
            raise SignInRefused
        for key, throttle in keys.items():
            throttle.succeeded(key)

    def _may_try(self, keys: dict[str, passwords.Throttle]) -> None:
        if wait := max(throttle.begin(key) for key, throttle in keys.items()):
            log.warning("sign-in refused: too many tries")
            raise SignInRefused(wait)

    def _counted(self, name: str, address: str, browser: str) -> dict[str, passwords.Throttle]:
        since = self._clock() - _KNOWN_FOR
        known = "SELECT 1 FROM browser WHERE token = ? AND name = ? AND at > ?"
        if browser and self._row(known, _hash(browser), name, since):
            return {f"browser {_hash(browser).hex()}": self._tries}
        place = passwords.place(address)
        return {f"{place} {name}": self._tries, place: self._places}

    def _begun(self, account: Account, stored: str, fresh: str) -> SignedIn:
        now, lasting = self._clock(), self.lasting
        signed_in = SignedIn(account, new_token(), new_token())
        token, browser = _hash(signed_in.token), _hash(signed_in.browser)
        with self._store.write() as cursor:
            ended = now - lasting.whole, now - lasting.idle
            cursor.execute("DELETE FROM session WHERE started <= ? OR seen <= ?", ended)
            cursor.execute("DELETE FROM browser WHERE at <= ?", (now - _KNOWN_FOR,))
            same = "UPDATE account SET hash = ? WHERE name = ? AND hash = ?"
            if not cursor.execute(same, (fresh, account.name, stored)).rowcount:
                raise SignInRefused  # the password was changed, or the account removed, in the meantime
            begun = "INSERT INTO session (token, name, started, seen) VALUES (?, ?, ?, ?)"
            cursor.execute(begun, (token, account.name, now, now))
            cursor.execute("INSERT INTO browser (token, name, at) VALUES (?, ?, ?)", (browser, account.name, now))
        return signed_in

    def of(self, token: str) -> Account | None:
        """Who is signed in with that token; None once the session has ended. Asking keeps it from being idle."""
        now = self._clock()
        found = self._row(
            "SELECT s.seen, a.name, a.role, a.created FROM session s JOIN account a ON a.name = s.name "
            "WHERE s.token = ? AND s.started > ? AND s.seen > ? AND s.seen < ?",  # or one begun in 2040 would go on
            _hash(token), now - self.lasting.whole, now - self.lasting.idle, now + self.lasting.idle,
        )  # fmt: skip
        if found is None:
            return None
        if now - found[0] >= _SEEN_EVERY:
            with self._store.write() as cursor:
                cursor.execute("UPDATE session SET seen = ? WHERE token = ?", (now, _hash(token)))
        return Account(*found[1:])

    def sign_out(self, token: str) -> None:
        """End a session."""
        with self._store.write() as cursor:
            cursor.execute("DELETE FROM session WHERE token = ?", (_hash(token),))


def _checked(name: str) -> str:
    name = name.strip().lower()
    if not _NAME.match(name):
        raise AccountError(
            f"{name!r} is no name for an account. Use up to 40 small letters, digits, dots, dashes and underscores."
        )
    return name


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
