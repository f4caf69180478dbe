"""Personal data in what visitors type is taken out before anything is kept."""

from __future__ import annotations

import pytest

from bot.privacy import MAX_CHARS, mask, only_known

ARTICLES = {"microneedling", "dermapen", "retinol", "hurt", "hurts", "acne", "scars", "redness"}

TABLE = [
    ("email", "write to jo.smith+x@mail.example.org ok?", "write to [email] ok?"),
    ("email with spaces", "jo.smith @ mail.example", "[email]"),
    ("email in words", "mail me jo at gmail dot com", "mail me [email]"),
    ("phone, British", "call 07700 900123 after six", "call [phone] after six"),
    ("phone, abroad", "ring me on +48 601 234 567 then", "ring me on [phone] then"),
    ("phone, American", "(555) 010-9999 is my number", "[phone] is my number"),
    ("phone, dots", "020.7946.0958 please", "[phone] please"),
    ("phone, short", "555-0142", "[phone]"),
    ("link", "see https://x.example/p?id=3&name=jo and www.foo.com/me", "see [link] and [link]"),
    ("handle", "i am @joanna_s on there", "i am [link] on there"),
    ("birth date, figures", "dob 03/04/1985", "dob [date]"),
    ("birth date, ISO", "1985-04-03", "[date]"),
    ("birth date, words", "born 3rd of March 1985", "born [date]"),
    ("birth year", "born in 1985", "born in [date]"),
    ("card", "card 4111 1111 1111 1111 thanks", "card [number] thanks"),
    ("card, dashes", "4111-1111-1111-1111", "[number]"),
    ("bank account", "GB82 WEST 1234 5698 7654 32", "[number]"),
    ("patient number", "my file is 88213", "my file is [number]"),
    ("insurance number", "QQ 12 34 56 C", "[number]"),
    ("address", "I live at 12 Baker Street NW1 6XE", "I live at [address] [address]"),
    ("postcode", "im near sw1a 1aa", "im near [address]"),
    ("name said", "my name is Siobhan Murphy and i have scars", "my name is [name] and i have scars"),
    ("name said, small", "my name is siobhan o'leary", "my name is [name]"),
    ("name, I'm", "Hi, I'm Priyanka. Does it hurt?", "Hi, [name]. Does it hurt?"),
    ("first name, small", "im sarah can i get it", "im [name] can i get it"),
    ("name with title", "Mrs Kowalczyk asks if it hurts", "Mrs [name] asks if it hurts"),
    ("name with title, small", "dr patel said no", "dr [name] said no"),
    ("a relative's name", "My daughter Oluwaseun wants microneedling", "My daughter [name] wants microneedling"),
    ("signature", "does it hurt? Regards, Will Turner", "does it hurt? Regards, [name]"),
    ("name inside", "ask for O'Brien at the desk", "ask for [name] at the desk"),
]


@pytest.mark.parametrize(("text", "masked"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_personal_data_is_taken_out(text: str, masked: str) -> None:
    assert mask(text, ARTICLES.__contains__) == masked


@pytest.mark.parametrize(
    "text",
    [
        "does Microneedling help Acne",
        "DOES IT HURT PLEASE",
        "i'm worried about redness",
        "i am 34 and it is 3 weeks since",
        "10 sessions for 1200 pounds, every 4-6 weeks?",
        "what about 10-14 days",
        "is it really 0.5 mm or 1.5mm deep",
        "Can I use retinol? Thanks",
        "it's been 48 hours",
        "which is better, Dermapen or a roller",
    ],
)
def test_questions_stay_as_they_are(text: str) -> None:
    assert mask(text, ARTICLES.__contains__) == text


@pytest.mark.parametrize("text", [row[1] for row in TABLE], ids=[row[0] for row in TABLE])
def test_masked_twice_is_masked_once(text: str) -> None:
    once = mask(text, ARTICLES.__contains__)
    assert mask(once, ARTICLES.__contains__) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("does it hurt, Xanthippe", "does it hurt, [name]"),
        ("zbigniewa wants microneedling", "… wants microneedling"),
        ("sarah said it hurts", "[name] said it hurts"),
        ("zzyzx qwrtz does it hurt", "… does it hurt"),
        ("call 07700 900123 in 3 days", "call [phone] in 3 days"),
        ("number 4411 please", "number … please"),
    ],
)
def test_only_known_words_are_left(text: str, shown: str) -> None:
    known = ARTICLES.__contains__
    assert only_known(mask(text, known), known) == shown


def test_it_stays_short_and_quick_on_what_is_typed_to_hurt() -> None:
    for flood in ("a" * 100_000, "my name is " * 9000, "1-" * 50_000, "a@" * 50_000, "Mrs " * 20_000, "\n \t" * 9000):
        assert len(mask(flood)) <= MAX_CHARS
