"""Somebody at the front desk who teaches through a server that may die at any moment, as a browser does.

What was not acknowledged is sent again until the desk says that it is done, or was done already. So in the end each
deed must have happened exactly once; ``faults`` compares with what the database holds.
"""

from __future__ import annotations

import datetime
import re
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType

import httpx

from bot.accounts import Accounts, form_token
from bot.lessons import Lessons
from bot.sign_in import SESSION
from bot.staff import Store
from bot.teaching import Lesson

NAME, PASSWORD = "anna", "a long spoke and a bell"
DEEDS = {"approve": "taught (answer)", "edit": "reviewed", "withdraw": "undid"}  # each with what the audit log says
_NUMBER = re.compile(r"#lesson-(\d+)|taught already, by lesson (\d+)")
_PATIENCE = 300.0  # seconds for one deed; on a very busy machine
_PAUSE = 0.05  # seconds between two deeds, and two tries


@dataclass
class Taught:
    """A lesson as it must be."""

    question: str
    text: str
    number: int = 0
    version: int = 1
    withdrawn: bool = False


@dataclass
class Desk:
    """Approves an answer, edits every second and withdraws every third, without pause; ``with`` runs it."""

    port: int
    host: str
    sentence: str  # that the answers cite: ``PASSAGE|NUMBER``
    token: str  # of the session
    taught: list[Taught] = field(default_factory=list)
    deeds: Counter[str] = field(default_factory=Counter)
    repeated: int = 0  # deeds whose acknowledgement was lost: sent again, they had been done
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, store: Store, port: int, host: str, sentence: str) -> Desk:
        """Somebody who has signed in, once and for all servers."""
        accounts = Accounts(store)
        accounts.add(NAME, PASSWORD, "editor")
        return cls(port, host, sentence, accounts.sign_in(NAME, PASSWORD, "127.0.0.1").token)

    def __enter__(self) -> Desk:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def done(self) -> int:
        """Deeds so far."""
        return self.deeds.total()

    def told(self) -> str:
        """What was done, for the table."""
        each = ", ".join(f"{n} to {deed}" for deed, n in self.deeds.items())
        return f"{self.done} deeds at the front desk ({each}), {self.repeated} of them acknowledged at a second try. "

    def _work(self) -> None:
        """Stops between two deeds, so that none is left open."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as client:
            while not self._stopped.wait(_PAUSE):
                place = len(self.taught)
                self.taught.append(
                    Taught(f"do you sell bell number {place + 100}", f"Yes, bell {place + 100} is sold.")
                )
                self._approve(client, self.taught[-1])
                if place % 2:
                    self._edit(client, self.taught[-1])
                if place % 3 == 2:
                    self._withdraw(client, self.taught[-2])

    def _approve(self, client: httpx.Client, one: Taught) -> None:
        answer = self._sent(client, "approve", "/staff/teach", 400, **self._form(one))
        found = _NUMBER.search(answer.headers.get("location", "") + answer.text)
        if found:
            one.number = int(found[1] or found[2])
        else:
            self.wrong.append(f"approve: {answer.status_code}: {re.sub('<[^>]+>', ' ', answer.text)[-300:]}")

    def _edit(self, client: httpx.Client, one: Taught) -> None:
        one.text = one.text.replace("is sold", "is sold and fitted")
        form = self._form(one) | {"lesson": str(one.number), "version": str(one.version)}
        self._sent(client, "edit", "/staff/teach", 409, **form)
        one.version += 1

    def _withdraw(self, client: httpx.Client, one: Taught) -> None:
        self._sent(client, "withdraw", f"/staff/taught/{one.number}/undo", 409, version=str(one.version))
        one.version, one.withdrawn = one.version + 1, True

    def _form(self, one: Taught) -> dict[str, str]:
        until = datetime.date.today() + datetime.timedelta(days=365)
        lesson = {"question": one.question, "kind": "answer", "text": one.text, "sentence": self.sentence}
        return {**lesson, "review_by": until.isoformat(), "step": "keep"}

    def _sent(self, client: httpx.Client, deed: str, path: str, known: int, **fields: str) -> httpx.Response:
        """Send a form until it is done. ``known``: the code by which the desk says that it was done already."""
        headers = {"host": self.host, "cookie": f"{SESSION}={self.token}", "sec-fetch-site": "same-origin"}
        end, tries = time.monotonic() + _PATIENCE, 0
        while True:
            tries += 1
            if time.monotonic() > end:
                self.wrong.append(f"{deed}: not done in {_PATIENCE:.0f} s")
                sys.exit()  # this thread
            try:
                answer = client.post(path, data={"form": form_token(self.token), **fields}, headers=headers)
            except httpx.TransportError:
                time.sleep(_PAUSE)
                continue
            if answer.status_code in (429, 503):
                time.sleep(_PAUSE)
                continue
            done = answer.status_code == 303 or (answer.status_code == known and tries > 1)
            if not done:
                self.wrong.append(f"{deed}: answered {answer.status_code} at try {tries}")
            self.repeated += answer.status_code == known
            self.deeds[deed] += 1
            return answer

    # ---- what must have become of it ---------------------------------------------------------------------------------

    def faults(self, store: Store) -> list[str]:
        """What the database holds otherwise: deeds that are lost, half there or there twice."""
        kept = {lesson.id: lesson for lesson in Lessons(store).all(undone=True)}
        found = [f"{one} is {kept.get(one.number)}" for one in self.taught if not _same(one, kept.get(one.number))]
        found += [f"lesson {number} was taught twice" for number in kept.keys() - {one.number for one in self.taught}]
        log = Counter(entry.did for entry in store.audit(1_000_000) if entry.what.startswith("lesson "))
        if log != Counter({DEEDS[deed]: n for deed, n in self.deeds.items()}):
            found.append(f"the audit log has {dict(log)}, done was {dict(self.deeds)}")
        if store.teaching_version(now=True) != self.done:
            found.append(f"the teaching's version is {store.teaching_version(now=True)} after {self.done} deeds")
        with store.read() as cursor:
            (claimed,) = cursor.execute("SELECT count(*) FROM taught").fetchone()
        if claimed != sum(not one.withdrawn for one in self.taught):
            found.append(f"{claimed} questions are taught")
        return [*self.wrong, *found]

    def answered(self, last: int = 4) -> bool:
        """Whether the server answers the last questions with what was taught, and not with what was withdrawn."""
        url = f"http://127.0.0.1:{self.port}/api/ask"
        for one in self.taught[-last:]:
            try:
                reply = httpx.post(url, json={"message": one.question}, headers={"host": self.host}, timeout=30)
            except httpx.TransportError:
                return False
            if reply.status_code != 200 or (one.text in reply.json()["answer"]) == one.withdrawn:
                return False
        return bool(self.taught)


def _same(one: Taught, kept: Lesson | None) -> bool:
    if kept is None:
        return False
    told = (one.text, one.version, (one.question,), one.withdrawn)
    return told == (kept.text, kept.version, kept.wordings, kept.undone_at is not None)
