"""Passwords: what is asked of one, its Argon2 hash, and how often one may be tried."""

from __future__ import annotations

import ipaddress
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.errors import AccountError

MIN_CHARS = 12  # OWASP's ASVS 5 asks for 8 at least and advises 15 where nothing else guards an account
MAX_CHARS = 256  # nobody types more, and each is hashed
_DISTINCT = 5  # "aaaaaaaaaaaa" is long and no password
_FREE = 4  # tries without a wait: people mistype
_LONGEST = 900.0  # seconds; a guesser gets 100 a day, an owner is never out for more than a coffee
_FORGOTTEN = 86_400.0  # seconds after the last try
_AT_ONCE = threading.Semaphore(2)  # each hash takes 64 MiB and a core, so a flood of tries waits in line


def check(password: str, name: str = "") -> None:
    """Refuse a password that could be guessed.

    Raises:
        AccountError: says what to choose.
    """
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise AccountError(f"The password must have {MIN_CHARS} to {MAX_CHARS} characters. Try four words in a row.")
    if len(set(password)) < _DISTINCT or (name and name.casefold() in password.casefold()):
        raise AccountError("The password repeats itself or holds the account's name. Try four words in a row.")


def hashed(password: str) -> str:
    """The Argon2id hash with its parameters (RFC 9106, the library's default) and a salt of its own."""
    with _AT_ONCE:
        return _hasher().hash(_normal(password))


def fits(password: str, stored: str | None) -> bool:
    """Whether the password is the one stored. Takes as long where none is, so that names can't be told apart."""
    with _AT_ONCE:
        try:
            return _hasher().verify(stored or _nobody(), _normal(password[:MAX_CHARS])) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def outdated(stored: str) -> bool:
    """Whether the library's parameters have become stronger since the hash was made."""
    return _hasher().check_needs_rehash(stored)


def _normal(password: str) -> str:
    """Keyboards differ in how they compose letters with accents."""
    return unicodedata.normalize("NFC", password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe())


class Throttle:
    """How long a key (who, from where) has to wait for its next try; each failure after the first few doubles it.

    A try counts as failed as soon as it begins, so that many at once are no way around. Tries during a wait do not
    lengthen it. Kept in memory, and bounded.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, keys: int = 10_000, free: int = _FREE) -> None:
        self._clock = clock
        self._keys = keys
        self._free = free
        self._lock = threading.Lock()
        self._tried: dict[str, tuple[int, float]] = {}  # failures, and when the next may be

    def begin(self, key: str) -> float:
        """Count a try; returns 0.0, or the seconds to wait, and then nothing is counted."""
        now = self._clock()
        with self._lock:
            failures, until = self._tried.get(key, (0, now))
            if until > now:
                return until - now
            if now - until > _FORGOTTEN:
                failures = 0
            wait = min(_LONGEST, 2.0 ** (failures + 1 - self._free)) if failures + 1 >= self._free else 0.0
            self._tried.pop(key, None)
            self._tried[key] = failures + 1, now + wait
            if len(self._tried) > self._keys:
                # Least failed, then longest ago: filling the memory doesn't wipe out a long wait.
                del self._tried[min(self._tried, key=lambda k: self._tried[k])]
            return 0.0

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of the keys."""
        with self._lock:
            for key in keys:
                self._tried.pop(key, None)


def place(address: str) -> str:
    """An address as it is counted: an IPv6 user has 2**64 of them, which are one place."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
