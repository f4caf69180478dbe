"""A reply to an enquiry, ready to send: short and spoken for the telephone, with footnotes for e-mail and chat (pure).

What is said stands in the replies of the bot; only greeting, numbering and length are added here. What must be said
for safety is never shortened, and what is urgent is said first and alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from bot.enquiry import Found
from bot.render import clean, date_text, publisher_text, source_href
from bot.schema import Citation, Reply
from bot.staff_words import say
from bot.texts import Texts

Channel: TypeAlias = Literal["phone", "email", "chat"]
Cited: TypeAlias = dict[tuple[str, str], tuple[int, Citation]]  # article and section to number and first citation
CHANNELS: tuple[Channel, ...] = get_args(Channel)
SPOKEN_WORDS = 30  # of quotes in an answer on the telephone: some 12 seconds
_MARKER = re.compile(r"\s*\[(\d+)\]")
_SAID = re.compile(r"(?P<quote>.+?)\s*(?:\[\d+\]\s*)+", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_OURS = frozenset({"abstained", "clarify", "handoff", "refused"})  # nothing of these could be sent as it is


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply for one channel, and the sources that its markers ``[n]`` stand for."""

    channel: Channel
    text: str
    sources: str


@dataclass(frozen=True, slots=True)
class Own:
    """What a draft takes from the clinic: its name, its texts, and the address that source links begin with."""

    clinic: str
    texts: Texts
    site: str


def draft(found: Sequence[Found], channel: Channel, own: Own) -> Draft:
    """One reply to all that was found."""
    urgent = [one for one in found if one.reply.status == "urgent"]
    parts = urgent or list(found)
    cited = _numbered(parts)
    body = list(_bodies(parts, channel, cited, own, titled=len(parts) > 1))
    notes = _notes([one.reply for one in parts], "\n".join(body), channel, own.texts)
    greeting = [] if urgent else [say(f"{channel}_greeting")]
    later = [say("others_later")] if urgent and len(found) > len(urgent) else []
    closing = [say(f"{channel}_closing", clinic=own.clinic)] if say(f"{channel}_closing") else []
    text = ("\n\n" if channel != "phone" else "\n").join([*greeting, *body, *notes, *later, *closing])
    return Draft(channel, clean(text), _sources(cited, own.site))


def single(one: Found, found: Sequence[Found], channel: Channel, own: Own) -> Draft:
    """One answer to be copied alone, with its notes, behind what must be said first in any reply to this enquiry."""
    first = [f for f in found if f.reply.status in ("urgent", "caution") and f is not one]
    urgent = [f for f in first if f.reply.status == "urgent"]
    parts = [one] if one.reply.status == "urgent" else [*(urgent or first), one]
    cited = _numbered(parts)
    body = list(_bodies(parts, channel, cited, own, titled=False))
    notes = _notes([f.reply for f in parts], "\n".join(body), channel, own.texts)
    return Draft(channel, clean("\n\n".join([*body, *notes])), _sources(cited, own.site))


def ours(reply: Reply) -> bool:
    """Whether only the clinic can answer: the articles say nothing that could be sent."""
    return reply.status in _OURS and not reply.citations


def _numbered(parts: Sequence[Found]) -> Cited:
    """Each section of an article once, numbered in the order in which the replies cite them."""
    out: Cited = {}
    for one in parts:
        for c in one.reply.citations:
            out.setdefault((c.source_id, c.section), (len(out) + 1, c))
    return out


def _bodies(parts: Sequence[Found], channel: Channel, cited: Cited, own: Own, titled: bool) -> Iterator[str]:
    said: set[str] = set()
    for one in parts:
        text = say("ours_to_answer") if ours(one.reply) else _body(one.reply, channel, cited, own.texts)
        if text in said and text != say("ours_to_answer"):
            continue  # two questions with one answer
        said.add(text)
        head = titled and one.kind == "asked" and channel != "phone"
        yield f"{say('you_asked', question=one.text.strip())}\n{text}" if head else text


def _body(reply: Reply, channel: Channel, cited: Cited, texts: Texts) -> str:
    if channel == "phone":
        return _spoken(reply, texts)
    numbers = {c.n: cited[c.source_id, c.section][0] for c in reply.citations}
    text = _MARKER.sub(lambda m: f" [{numbers[int(m[1])]}]" if int(m[1]) in numbers else "", reply.answer)
    return "\n".join([_by_a_person(text), *_differ(reply, "differ_written")])


def _spoken(reply: Reply, texts: Texts) -> str:
    """Without markers. An answer keeps its first quotes only; what is said for safety is kept whole."""
    plain = _by_a_person(" ".join(_MARKER.sub("", reply.answer).split()))
    if reply.status != "answered":
        return plain
    said = reply.answer.replace(texts["differ_lead"], "")
    segments = [" ".join(found["quote"].replace("•", " ").split()) for found in _SAID.finditer(said)]
    kept: list[str] = []
    for segment in segments:
        if kept and len(" ".join([*kept, segment]).split()) > SPOKEN_WORDS:
            break
        kept.append(segment)
    tail = " ".join(said.rpartition("]")[2].split())
    beside = [_beside(segment, reply) for segment in (*segments[len(kept) :], tail)]
    return " ".join([*kept, *_differ(reply, "differ_spoken"), *filter(None, beside)]) if kept else plain


def _beside(segment: str, reply: Reply) -> str:
    """What the bot put beside quotes, without them: it must be said though they are left out."""
    for cited in reply.citations:
        segment = segment.replace(" ".join(cited.quote.split()), "")
    return " ".join(segment.split())


def _by_a_person(text: str) -> str:
    """Without the sentences in which the bot speaks of itself: a person sends this."""
    kept = (s for s in _SENTENCE.split(text) if say("of_the_bot") not in s.lower())
    return " ".join(kept) if say("of_the_bot") in text.lower() else text


def _differ(reply: Reply, key: str) -> list[str]:
    cited = {c.n: c.publisher or c.title for c in reply.citations}
    out = []
    for differ in reply.differ:
        values = [v.value for v in differ.values]
        if key == "differ_written":
            whose = (", ".join(dict.fromkeys(cited[n] for n in v.n if n in cited)) for v in differ.values)
            values = [say("says", value=v, who=who) for v, who in zip(values, whose, strict=True)]
        listed = ", ".join(values[:-1])
        shown = f"{listed} {say('or')} {values[-1]}" if listed and key == "differ_spoken" else "; ".join(values)
        out.append(say(key, topic=differ.topic, values=shown))
    return out


def _notes(replies: Sequence[Reply], body: str, channel: Channel, texts: Texts) -> list[str]:
    """Every disclaimer of the replies once, the general one in full, however often the bot said it in short."""
    general = texts["disclaimer_general"]
    every = [d if d != texts["disclaimer_general_short"] else general for r in replies for d in r.disclaimers]
    if channel == "phone":
        every = [texts["disclaimer_general_short"] if d == general else d for d in every]
        every += [say("differ_ask")] if any(r.differ for r in replies) else []
    notes = [d for d in dict.fromkeys(every) if d not in body]
    return ["\n".join(notes)] if notes else []


def _sources(cited: Cited, site: str) -> str:
    lines = [
        f"[{n}] {_named(c)} ({publisher_text(c.publisher)}, {date_text(c.published)}) {site}{source_href(c)}"
        for n, c in cited.values()
    ]
    return clean("\n".join([f"{say('sources')}:", *lines])) if lines else ""


def _named(cited: Citation) -> str:
    return f"{cited.title}, “{cited.section}”" if cited.section and cited.section != cited.title else cited.title
