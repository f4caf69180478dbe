"""Find the questions in an enquiry (an e-mail, a note of a call, a transcript) and have each answered.

What surrounds them is dropped by the patterns of ``data/enquiry.toml``. Nothing that could be urgent is: everything
but quoted earlier messages is looked at for that, whether it asks something or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal, TypeAlias

from bot.language import content_words, language, read_toml, words
from bot.rewrite import asks, pieces
from bot.schema import Reply, Status

MAX_CHARS = 20_000  # of an enquiry; ten pages
MAX_FOUND = 12  # questions and remarks that are answered, the first ones
MAX_SENTENCES = 80  # looked at one by one; an e-mail of 300 words has 20
SIGNATURE_WORDS = 8  # behind a letter's closing longer lines are no name, address or number, and are read
MIN_WORDS = 3  # of a question without a word of its own topic
_CHUNK = 1900  # characters asked at once, below ``Config.max_message_chars``
_CONTEXT = 600  # characters of what was told before a question that are read with it
_WRAPPED = 50  # characters of a line that may go on in the next

Ask: TypeAlias = Callable[[Sequence[str]], Reply]  # a visitor's messages, oldest first, to the reply to the last


@dataclass(frozen=True, slots=True)
class Found:
    """A question ("asked") or a remark that needs a reply ("told"), as it was written, with the reply."""

    text: str
    kind: Literal["asked", "told"]
    reply: Reply


_SAYS_LITTLE: frozenset[Status] = frozenset({"abstained", "clarify", "smalltalk", "handoff"})
_ORDER = {"urgent": 0, "caution": 1}  # these first; the others as they were written


@dataclass(frozen=True, slots=True)
class _Patterns:
    quoted: re.Pattern[str]
    earlier: re.Pattern[str]
    head: re.Pattern[str]
    subject: re.Pattern[str]
    greeting: re.Pattern[str]
    closing: re.Pattern[str]
    theirs: re.Pattern[str]
    clinic: re.Pattern[str]
    time: re.Pattern[str]
    implies: re.Pattern[str]
    joint: re.Pattern[str]
    core: re.Pattern[str]
    thanks: re.Pattern[str]
    empty: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    data = read_toml("enquiry.toml")

    def pattern(value: str | list[str]) -> re.Pattern[str]:
        alternatives = [value] if isinstance(value, str) else value
        return re.compile("|".join(f"(?:{a})" for a in alternatives), re.IGNORECASE)

    return _Patterns(**{key: pattern(value) for key, value in {**data["letter"], **data["questions"]}.items()})


def answered(text: str, ask: Ask) -> tuple[Found, ...]:
    """The questions of an enquiry, and what it tells that needs a reply, each answered; what is urgent first."""
    written = _written(text)
    urgent = _urgent(written, ask)
    told: list[str] = []
    found: list[Found] = []
    for piece in sentences(written)[:MAX_SENTENCES]:
        if asking(piece):
            found.append(Found(piece, "asked", _in_context(piece, told, ask)))
            continue
        reply = ask([piece])
        if reply.status == "urgent":
            urgent = urgent or Found(piece, "told", reply)
        else:
            told.append(piece)
            if _needs_reply(piece, reply):
                found.append(Found(piece, "told", reply))
    if not found and not urgent and (rest := " ".join(sentences(written))):
        found.append(Found(rest, "asked", ask([rest[:_CHUNK]])))
    every = [*([urgent] if urgent else []), *_told_once(found)]
    return tuple(sorted(every, key=lambda f: _ORDER.get(f.reply.status, 2))[:MAX_FOUND])


def _needs_reply(remark: str, reply: Reply) -> bool:
    """Whether a remark is of health, or of what only the clinic can answer. The latter by a rule: likeness is
    not enough to make a request of whatever somebody tells."""
    if reply.status == "caution":
        return not _patterns().thanks.search(remark)
    labels = (reply.why or {}).get("safety", {}).get("labels", ())
    return reply.status == "handoff" and any(
        x["situation"] == "handoff" and not x["rule"].startswith("prototypes") for x in labels
    )


def asking(piece: str) -> bool:
    """Whether a sentence asks something that could be looked up, or implies that it does."""
    if _patterns().empty.search(piece.strip()):
        return False
    says_something = bool(content_words(piece)) or len(words(piece)) >= MIN_WORDS  # "can I have it"
    first, _, rest = piece.strip().partition(" ")
    spelled = f"{language().chat.get(first.lower(), first)} {rest}"  # "whats the difference"
    return says_something and (asks(spelled) or bool(_patterns().implies.search(piece)))


def sentences(written: str) -> list[str]:
    """The sentences and joined questions of a letter without what surrounds it, as they were written."""
    cut = (part for line in _letter(written) for piece in pieces(line) for part in _patterns().joint.split(piece))
    return [piece for piece in cut if words(piece)]


def _in_context(piece: str, told: Sequence[str], ask: Ask) -> Reply:
    """The answer in the light of what was told before; on its own, or to the question alone that stands in the
    sentence, where that says more."""
    before = " ".join(told)[-_CONTEXT:]
    reply = ask([before, piece] if before else [piece])
    core = _patterns().core.search(piece)
    others = [[piece] if before else [], [core[1]] if core else []]
    for other in filter(None, others):
        if reply.status in _SAYS_LITTLE and (better := ask(other)).status not in _SAYS_LITTLE:
            return better
    return reply


def _urgent(written: str, ask: Ask) -> Found | None:
    """The whole, read as messages: an emergency may be told across sentences, or behind a signature."""
    text = " ".join(written.split())
    for start in range(0, len(text), _CHUNK - 200):  # they overlap, so that no sentence is cut in all of them
        chunk = text[start : start + _CHUNK]
        reply = ask([chunk])
        if reply.status == "urgent":
            lines = (piece for line in written.split("\n") for piece in pieces(line) if words(piece))
            return Found(next((p for p in lines if ask([p]).status == "urgent"), chunk), "told", reply)
    return None


def _told_once(found: Sequence[Found]) -> list[Found]:
    """Without small talk, and without remarks whose reply is that of another."""
    out: list[Found] = []
    for one in found:
        same = any(one.reply.answer == other.reply.answer and one.text != other.text for other in out)
        if one.reply.status != "smalltalk" and not (same and one.kind == "told"):
            out.append(one)
    return out


# --- the letter ---------------------------------------------------------------------------------


def _written(text: str) -> str:
    """Without earlier messages; the whole where there is nothing else, as in one that was passed on."""
    p = _patterns()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    out: list[str] = []
    for i, line in enumerate(lines):
        if p.earlier.search(line):
            if any(p.quoted.search(later) for later in lines[i + 1 :]):
                continue  # answers may stand between the quoted lines
            break
        if not p.quoted.search(line) and not p.clinic.search(p.time.sub("", line)):
            out.append(line)
    return "\n".join(out) if any(words(line) for line in out) else re.sub(r"(?m)^\s*>+ ?", "", text)


def _letter(written: str) -> list[str]:
    """Lines without head, greeting and signature; a line that a mail program broke is whole again."""
    p = _patterns()
    out: list[str] = []
    ending = False
    for raw in written.split("\n"):
        line = p.theirs.sub("", p.time.sub("", p.subject.sub("", raw))).strip()
        if p.head.search(raw) or (p.greeting.search(line) and "?" not in line):
            continue
        short = len(words(line)) <= SIGNATURE_WORDS and "?" not in line
        ending = ending or (short and bool(p.closing.search(line)))
        out.append("" if ending and short else line)
    return _unbroken(out)


def _unbroken(lines: Sequence[str]) -> list[str]:
    out = [lines[0]] if lines else []
    for before, line in pairwise(lines):
        goes_on = line[:1].islower() or len(before) >= _WRAPPED
        if line and before and before[-1] not in ".?!:;" and goes_on:
            out[-1] = f"{out[-1]} {line}"
        else:
            out.append(line)
    return [line for line in out if line]
