"""What keeps the state: transactions on tables, in a file (``state_file``) or in PostgreSQL (``stores.tenant_state``).

SQL is written once, in what both understand: ``?`` and ``:name`` stand for values; truth is 0 or 1; whoever writes is
alone (so "change it, and where nothing changed, add it" is safe); a number is given by the table (``RETURNING id``);
``GROUP BY`` names every column that is shown; ``half`` and ``julianday`` are functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Cursor(Protocol):
    """Asks and changes, inside one transaction; what both drivers have in common."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""
        ...

    @property
    def description(self) -> Any:
        """The columns of the last statement's rows, each a sequence that begins with its name."""
        ...

    def execute(self, sql: str, values: Any = (), /) -> Cursor:
        """Run a statement; itself, to read the rows from."""
        ...

    def executemany(self, sql: str, rows: Iterable[Any], /) -> object:
        """Run a statement once for each row of values."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""
        ...


class StateDatabase(Protocol):
    """One clinic's state. Thread-safe."""

    def write(self) -> AbstractContextManager[Cursor]:
        """One transaction, whole or not at all, one after the other; when the block is left it is kept.

        Raises:
            StateError: it could not be written.
        """
        ...

    def read(self) -> AbstractContextManager[Cursor]:
        """Several questions to one state of the database.

        Raises:
            StateError: it could not be read.
        """
        ...

    def teaching_version(self, now: bool) -> int:
        """Changes with every change of what is taught, by whichever process.

        A visitor may wait for it: what is known may be told while nothing was heard of a change, unless asked for
        what is so ``now``.

        Raises:
            StateError: it could not be read.
        """
        ...

    def tidy(self) -> None:
        """Let what was deleted leave the disk too, as far as that can be done now."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
