"""The last look at a reply: what is quoted, what stands beside a quote, what is never said, and failing closed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from bot.clinic import Clinic
from bot.errors import ConfigError, DataError
from bot.output_check import MAX_WORDS, OutputCheck
from bot.pipeline import Bot
from bot.schema import Reply, Turn
from bot.texts import Texts
from tests.fake_bot import PLAIN, UNDATED, cite, make_article

HERE = Path(__file__).resolve().parent / "regression"
CLINIC = Clinic(name="Permanent Beauty", booking_url="https://clinic.example.com/book")
TEXTS = Texts.load(CLINIC)
CHECK = OutputCheck.load(TEXTS, CLINIC)
Ask = Callable[..., Reply]
SPREAD = 8  # every eighth item


@pytest.mark.parametrize(
    "sentence",
    [
        "Microneedling is a pain-free treatment.",
        "The treatment is 100% safe and has no side effects.",
        "It is not expensive, and within a few days the results are permanent.",
        "We guarantee smooth skin.",
        "It cures acne for good.",
        "The results are permanent.",
        "Book your treatment at our clinic today.",
        "The first visit is a free consultation.",
        "It sounds scarier than it is, according to the article.",
    ],
)
def test_a_promise_nobody_owns_is_not_quoted(sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert not CHECK.quotable(sentence)
    assert "not quoted" in caplog.text and sentence not in caplog.text


@pytest.mark.parametrize(
    "sentence",
    [
        "The article calls microneedling a pain-free, low-risk procedure.",
        "According to the article, the results are permanent.",
        "The results are not permanent.",
        "There is no known cure, and a cure isn't promised.",
        "Some people feel no pain at all.",
        "Redness goes down within a few hours.",
        "People in cancer therapy must be careful.",
    ],
)
def test_what_is_owned_or_denied_may_be_quoted(sentence: str) -> None:
    assert CHECK.quotable(sentence)


def woven(
    *quotes: str, asked: tuple[str, ...] = (), given: frozenset[str] = frozenset(), dated: bool = True, lead: str = ""
) -> str:
    article = replace(make_article("1", [("paragraph", q) for q in quotes]), published="2024-01-19" if dated else None)
    citations = [cite(article, quote, n) for n, quote in enumerate(quotes, 1)]
    return CHECK.woven(citations, lead, asked, given)[0]


def test_an_overstated_sentence_gets_its_counterpart() -> None:
    bold, sober = "The article calls it a pain-free procedure.", "Others find that it stings and burns."
    assert woven(bold) == f"{bold} [1] {TEXTS['balance_pain']}"
    assert woven(bold, sober) == f"{bold} [1] {sober} [2]"


def test_a_blood_thinner_is_never_quoted_without_the_warning_before_it() -> None:
    quote = "Blood thinning medications should be avoided, the article says."
    warning = TEXTS["disclaimer_medicine"]
    assert woven(quote) == f"{warning} {quote} [1]"
    assert woven(quote, given=frozenset({warning})) == f"{warning} {quote} [1]"
    assert woven(quote, f"{quote} Always.").count(warning) == 1
    assert woven(quote, lead=f"Ask first. {warning}") == f"{quote} [1]"


def test_a_price_says_whose_it_is_and_how_old() -> None:
    quote = "A treatment costs about $250 on average, according to the article."
    assert woven(quote, dated=False).endswith(TEXTS["price_undated"])
    assert woven(quote).endswith(TEXTS["price_dated"])


def test_a_line_that_was_asked_for_stands_at_its_sentence_once() -> None:
    cream, other = "A numbing cream is put on first.", "The skin is cleaned."
    line = TEXTS["disclaimer_numbing"]
    assert woven(cream, other, asked=(line,)) == f"{cream} [1] {line} {other} [2]"
    assert woven(cream, other) == f"{cream} [1] {other} [2]"
    assert woven(cream, asked=(line,), given=frozenset({line})) == f"{cream} [1]"


def test_where_there_is_no_room_the_line_stands_below() -> None:
    article = make_article("1", [("paragraph", "The article calls it a pain-free procedure.")])
    quote = cite(article, article.text, 1)
    text, left = CHECK.woven([quote], "word " * (MAX_WORDS - 10), (), frozenset())
    assert (text, left) == (f"{article.text} [1]", (TEXTS["balance_pain"],))


# --- the finished reply -----------------------------------------------------------------------------

ARTICLES = {a.source_id: a for a in (PLAIN, UNDATED)}
QUOTE = cite(PLAIN, "A numbing cream is put on before the treatment.", 1)
GOOD = Reply("answered", f"{QUOTE.quote} [1]", (QUOTE,), disclaimers=(TEXTS["disclaimer_general"],))


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        (GOOD, ""),
        (GOOD.with_(citations=(replace(QUOTE, start=QUOTE.start + 1),)), "quote: not its span"),
        (GOOD.with_(citations=(replace(QUOTE, source_id="nowhere"),)), "quote: not its span"),
        (GOOD.with_(answer="Something else. [1]"), "quote: not in the answer"),
        (GOOD.with_(answer=f"{QUOTE.quote} [1] It is painless."), "promise: pain"),
        (GOOD.with_(answer=f"{QUOTE.quote} [1] You can have it."), "ours: permission"),
        (GOOD.with_(disclaimers=("Take 400 mg before.",)), "ours: dose"),
        (Reply("urgent", TEXTS["emergency"]), ""),
        (Reply("urgent", "This is a normal reaction."), "urgent: reassurance"),
        (Reply("urgent", "Book a review with us."), "urgent: diary"),
        (GOOD.with_(status="urgent"), "urgent: a quote"),
        (Reply("handoff", f"Please contact {CLINIC.contact()}. Use {CLINIC.booking()}."), ""),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_reply_that_breaks_a_rule_is_found(reply: Reply, rule: str) -> None:
    assert CHECK.fault(reply, ARTICLES) == rule


@pytest.mark.parametrize("status", ["urgent", "answered"])
def test_a_faulty_reply_is_replaced_and_logged_by_rule_only(
    shipped_bot: Bot, caplog: pytest.LogCaptureFixture, status: str
) -> None:
    bad = Reply(status, "You can have it, secret visitor. Book now, it is a normal reaction.")  # type: ignore[arg-type]
    reply = shipped_bot._replies.checked(bad)
    assert reply.answer == shipped_bot.texts["failsafe"]
    assert reply.status == ("urgent" if status == "urgent" else "handoff")
    assert "reply not given: ours: permission" in caplog.text and "secret" not in caplog.text


def test_a_clinics_text_that_promises_is_refused_at_load() -> None:
    clinic = Clinic(texts=MappingProxyType({"greeting": "Our treatment is painless!"}), path="clinic.toml")
    with pytest.raises(ConfigError, match=r"clinic.toml: greeting breaks the rule 'promise: pain'"):
        OutputCheck.load(Texts.load(clinic), clinic)


def test_a_missing_text_is_named(tmp_path: Path) -> None:
    texts = Texts(MappingProxyType({k: v for k, v in TEXTS.items() if k != "balance_pain"}))
    with pytest.raises(DataError, match="beside pain: there is no text 'balance_pain'"):
        OutputCheck.load(texts, CLINIC)


# --- the shipped bot --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["qa.jsonl", "safety.jsonl"])
def test_replies_to_development_questions_pass(shipped_bot: Bot, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A spread of them; the regression tests ask them all."""
    items = [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]
    for item in [i for i in items if i["split"] == "dev"][::SPREAD]:
        shipped_bot.ask([Turn("user", text) for text in item["turns"]])
    assert "reply not given" not in caplog.text


def test_a_general_price_is_attributed_and_undated(ask: Ask, shipped_bot: Bot) -> None:
    reply = ask("what does it usually cost in the US")
    assert reply.status == "answered"
    assert "$250" in reply.answer and "average" in reply.answer
    assert shipped_bot.texts["price_undated"] in reply.answer
    assert ask("how much does it cost").status == "handoff"
    assert "$" not in ask("how much does it cost").answer


def test_both_halves_of_a_price_and_a_question_are_answered(ask: Ask, shipped_bot: Bot) -> None:
    reply = ask("how much is it and does it hurt")
    assert reply.status == "handoff"
    assert reply.answer.startswith(shipped_bot.texts["handoff_price"])
    assert reply.citations and reply.disclaimers
    assert "pain" in reply.answer


def test_a_question_beside_a_handoff_that_is_not_covered_leaves_the_handoff(ask: Ask, shipped_bot: Bot) -> None:
    reply = ask("how much is it and what is bitcoin")
    assert (reply.status, reply.answer, reply.citations) == ("handoff", shipped_bot.texts["handoff_price"], ())


def test_the_medicine_line_stands_once_before_the_quote(ask: Ask, shipped_bot: Bot) -> None:
    reply = ask("can my mum who takes warfarin have it")
    line = shipped_bot.texts["disclaimer_medicine"]
    assert reply.answer.count(line) == 1
    assert reply.answer.index(line) < reply.answer.index(reply.citations[0].quote)
    assert line not in reply.disclaimers


def test_no_disclaimer_is_given_twice_in_a_conversation(ask: Ask, shipped_bot: Bot) -> None:
    texts = shipped_bot.texts
    first = ask("is it safe for dark skin")
    assert texts["disclaimer_general"] in first.disclaimers
    assert (
        texts["disclaimer_pigment"] in (*first.disclaimers, first.answer) or texts["disclaimer_pigment"] in first.answer
    )
    second = ask("is it safe for dark skin", "and does it cause pigmentation")
    assert texts["disclaimer_general"] not in second.disclaimers
    assert texts["disclaimer_general_short"] in second.disclaimers
    assert texts["disclaimer_pigment"] not in (*second.disclaimers, second.answer)
    assert texts["disclaimer_pigment"] not in second.answer


def test_a_line_that_an_abstention_did_not_give_is_given_later(ask: Ask, shipped_bot: Bot) -> None:
    line = shipped_bot.texts["disclaimer_numbing"]
    before = "which pharmacy chain sells numbing gel for tattoos"
    assert ask(before).status != "answered"
    reply = ask(before, "do they use numbing cream")
    assert line in reply.answer or line in reply.disclaimers


def test_a_second_caution_is_short(ask: Ask, shipped_bot: Bot) -> None:
    first, second = ask("im pregnant can i have it"), ask("im pregnant can i have it", "but is it really unsafe")
    assert first.citations and first.answer.startswith(shipped_bot.texts["caution_pregnancy"])
    assert second.answer == shipped_bot.texts["caution_again"]
    assert second.disclaimers == (shipped_bot.texts["disclaimer_general_short"],)
