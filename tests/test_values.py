"""Quantities in a sentence, and one form for equal ones."""

from __future__ import annotations

import pytest

from bot.facets import ValueKind
from bot.values import canonical, values


@pytest.mark.parametrize(
    ("sentence", "kind", "expected"),
    [
        ("Rides are 4 to 6 weeks apart.", "interval", ("4 to 6 weeks",)),
        ("Oil it every six weeks.", "interval", ("six weeks",)),
        ("A 6-week gap is usual.", "interval", ("6-week",)),
        ("Once a month is enough.", "interval", ("a month",)),
        ("Some wait 6–8 weeks, others 1 year.", "interval", ("6–8 weeks", "1 year")),
        ("It fades in a few days or weeks.", "time", ("a few days or weeks",)),
        ("It takes days to weeks.", "time", ("days to weeks",)),
        ("Two or three days pass.", "time", ("Two or three days",)),
        ("Wait 24-48 hours, or half an hour.", "time", ("24-48 hours", "half an hour")),
        ("It works immediately.", "time", ("immediately",)),
        ("Eleven weeks later", "time", ("Eleven weeks",)),
        ("Three to six sessions are usual.", "count", ("Three to six",)),
        ("More than one treatment is needed.", "count", ("More than one",)),
        ("Several sessions help.", "count", ("Several",)),
        ("The gap is 0.5-3 mm wide.", "length", ("0.5-3 mm",)),
        ("From 0.5 mm to 3 mm.", "length", ("0.5 mm to 3 mm",)),
        ("A 1.5-mm key", "length", ("1.5-mm",)),
        ("It takes 20 to 30 minutes.", "length", ("20 to 30 minutes",)),
        ("It slows at 30, and again after the age of fifty.", "age", ("at 30", "after the age of fifty")),
        ("Between $200 and $700, or £1,250.50, or €5", "money", ("$200", "$700", "£1,250.50", "€5")),
    ],
)
def test_values_are_found_as_written(sentence: str, kind: ValueKind, expected: tuple[str, ...]) -> None:
    assert values(sentence, kind) == expected


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("The law of 2019 applies.", "time"),
        ("Rims come in 2019 models, weeks apart.", "interval"),
        ("A banana weeks old is brown.", "time"),
        ("Someone minutes away waits.", "length"),
        ("Done weeks ago", "interval"),
        ("Every 2 weeks", "none"),
        ("Every 2 weeks", "list"),
        ("Chain 3 is longer.", "length"),
        ("The dollar fell.", "money"),
        ("After 30 minutes of 10 mm, at about 20%, around 15 sessions.", "age"),
        ("At 1970 or 6, the 30 of them.", "age"),
        ("A session is enough.", "interval"),
        ("", "time"),
    ],
)
def test_what_only_looks_like_a_value_is_none(sentence: str, kind: ValueKind) -> None:
    assert values(sentence, kind) == ()


@pytest.mark.parametrize(
    "same",
    [
        ["six weeks", "6-week", "6 weeks", "Six Weeks"],
        ["4 to 6 weeks", "4-6 weeks", "4–6 weeks", "four to six weeks"],
        ["an hour", "1 hour", "one hour"],
        ["1.5 mm", "1.5-mm"],
        ["20 to 30 minutes", "20-30 minute"],
    ],
    ids=lambda same: same[0],
)
def test_equal_values_have_one_form(same: list[str]) -> None:
    assert len({canonical(value) for value in same}) == 1


def test_different_values_keep_different_forms() -> None:
    different = ["6 weeks", "6 months", "4 to 6 weeks", "4 weeks", "1 month", "a few days", "0.5 mm", "5 mm", "$20"]
    assert len({canonical(value) for value in different}) == len(different)
