"""Do two questions ask the same? The rule on questions made by hand; how good it is stands in CONTRIBUTING."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.alike import Asking, alike
from bot.rewrite import Query

SCARS, COST = frozenset({"scars"}), ("cost",)


def asking(text: str, degrees: float = 0, passage: str = "p", **more: object) -> Asking:
    """A question whose cosine with those of 0 degrees is that of the angle."""
    angle = np.radians(degrees)
    vector = np.asarray([np.cos(angle), np.sin(angle)], dtype=np.float32)
    return Asking(replace(Query(text, text), **more), vector, passage)  # type: ignore[arg-type]


TAUGHT = asking("what do scars cost", facets=COST, concepts=SCARS)


@pytest.mark.parametrize(
    ("near", "words", "facets", "concepts", "passage", "same"),
    [
        (0.90, "altogether else", (), frozenset(), "q", True),
        (0.80, "altogether else", COST, SCARS, "q", True),
        (0.80, "what do scars need", (), SCARS, "q", True),
        (0.80, "altogether else", (), SCARS, "q", False),
        (0.80, "what do scars cost", COST, frozenset({"acne"}), "q", False),
        (0.55, "altogether else", COST, SCARS, "q", True),
        (0.55, "what do scars cost", ("pain",), SCARS, "q", False),
        (0.40, "altogether else", COST, SCARS, "p", True),
        (0.40, "altogether else", COST, SCARS, "q", False),
        (0.20, "what do scars cost", COST, SCARS, "p", False),
    ],
)
def test_the_nearer_the_less_else_must_agree(
    near: float, words: str, facets: tuple[str, ...], concepts: frozenset[str], passage: str, same: bool
) -> None:
    other = asking(words, float(np.degrees(np.arccos(near))), passage, facets=facets, concepts=concepts)
    assert bool(alike(TAUGHT, other)) == bool(alike(other, TAUGHT)) == same
    if same:
        assert alike(TAUGHT, other) == pytest.approx(near, abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("can i fly after", "can i fly before"),
        ("can i fly after 2 days", "can i fly after 3 days"),
        ("which needle for deep scars", "which needle for scars that are not deep"),
        ("can i swim", "why can't i swim"),
        ("does a longer needle hurt", "does a shorter needle hurt"),
        ("when do i start retinol", "when do i stop retinol"),
        ("can i have a hot bath", "can i have a cold bath"),
    ],
)
def test_figures_denials_and_opposites_must_agree_however_near(one: str, other: str) -> None:
    assert alike(asking(one), asking(one)) == 1.0
    assert alike(asking(one), asking(other)) == 0.0


@pytest.mark.parametrize("other", ["can i fly", "how long after it can i fly, before or later"])
def test_one_side_left_out_or_both_named_opposes_nothing(other: str) -> None:
    assert alike(asking("can i fly after"), asking(other)) == 1.0


def test_a_rare_word_is_something_named() -> None:
    taught = asking("morpheus downtime", unknown=("morpheus",), facets=("downtime",))
    assert alike(taught, asking("downtime", 40, facets=("downtime",))) == 0.0
    assert alike(taught, asking("downtime morpheus", 40, unknown=("morpheus",), facets=("downtime",))) > 0


def test_naming_the_treatment_names_nothing() -> None:
    treatment = asking("x y", 40, facets=COST, concepts=frozenset({"treatment"}))
    assert alike(asking("x z", facets=COST), treatment) > 0
