"""Handing a question over to the clinic: by the visitor's own mail program or telephone, or its booking page (pure).

The question goes into a ``mailto:`` address, which no server sees, and never into an address of ours.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from bot.clinic import Clinic
from bot.interface import ENGLISH, Words
from bot.render import clean, esc, tel_href
from bot.schema import Reply, Status

OFFERED: frozenset[Status] = frozenset({"abstained", "handoff", "caution", "clarify"})
MAIL_CHARS = 600  # of the question; mail programs cut an address at about 2,000, and a letter may take 9 of them


def ask_clinic_html(reply: Reply, question: str, clinic: Clinic, words: Words = ENGLISH) -> str:
    """The ways to ask the clinic itself, of those it has set; empty where it has none or the reply needs none."""
    ways = _ways(question, clinic, words) if reply.status in OFFERED else {}
    if not ways:
        return ""
    links = "".join(f'<a class="way" href="{esc(href)}">{esc(label)}</a>' for label, href in ways.items())
    head = f'<span class="head">{words["ask_clinic"]}</span>'
    return f'<div class="ask-clinic" lang="{words.code}">{head}<span class="ways">{links}</span></div>'


def _ways(question: str, clinic: Clinic, words: Words) -> dict[str, str]:
    ways: dict[str, str] = {}
    asked = clean(question).strip()[:MAIL_CHARS]
    if clinic.email and asked:
        ways[words["email_question"]] = _mail_href(clinic.email, asked, words)
    if number := tel_href(clinic.phone):
        ways[words.say("call", phone=clinic.phone)] = number
    if clinic.booking_url.startswith(("http://", "https://")):
        ways[words["book"]] = clinic.booking_url
    return ways


def _mail_href(email: str, question: str, words: Words) -> str:
    body = f"{words['mail_body']}\n\n{question}\n".replace("\n", "\r\n")
    letter = urlencode({"subject": words["mail_subject"], "body": body}, quote_via=quote)
    return f"mailto:{quote(email, safe='@+.-_')}?{letter}"
