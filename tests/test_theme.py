"""The clinic's colour: contrast as WCAG counts it, and what is refused with which remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clinic import Clinic
from bot.errors import ConfigError
from bot.theme import DARK, ENOUGH, LIGHT, Scheme, Theme, ThemeError, contrast

STYLES = (Path(__file__).parent.parent / "bot" / "static" / "site.css").read_text(encoding="utf-8")
BOTH = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
colours = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#fff", "#ffffff", 1.0), ("#777777", "#ffffff", 4.48), ("#0000ff", "#fff", 8.59)],
)
def test_contrast_is_wcag_s(one: str, other: str, ratio: float) -> None:
    """Expected values from the formula by hand: (1.05) / (L + 0.05)."""
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.005)


@BOTH
@given(accent=colours)
def test_the_nearest_passes_and_what_passes_is_kept(scheme: Scheme, accent: str) -> None:
    nearest = scheme.nearest(accent)
    assert scheme.contrast(nearest) >= ENOUGH
    assert (nearest == accent) == (scheme.contrast(accent) >= ENOUGH)


@given(accent=colours)
def test_what_the_error_proposes_is_accepted(accent: str) -> None:
    proposal = accent
    try:
        Theme.read({"accent": accent})
    except ThemeError as error:
        proposal = str(error).rpartition(" ")[2].rstrip(".")
    theme = Theme.read({"accent": proposal})
    assert theme.accent == proposal
    assert DARK.contrast(theme.accent_dark) >= ENOUGH


def test_our_own_style_sheet_keeps_what_is_asked_of_clinics() -> None:
    light, dark = STYLES.split("@media (prefers-color-scheme: dark)")[:2]
    for scheme, rules in ((LIGHT, light), (DARK, dark)):
        own = dict(re.findall(r"--([\w-]+): (#\w+);", rules))
        assert (own["paper"], own["ground"], own["accent-ink"]) == (scheme.paper, scheme.ground, scheme.ink)
        assert scheme.contrast(own["accent"]) >= ENOUGH
        assert contrast(own["accent"], own["tint"]) >= ENOUGH


def test_the_css_is_custom_properties_for_both_schemes() -> None:
    css = Theme.read({"accent": "#6d28d9", "accent_dark": "#C4B5FD"}).css()
    assert css.startswith(":root { --accent: #6d28d9; --accent-ink: #ffffff; --tint: #")
    assert ":root:not(.light) { --accent: #c4b5fd; --accent-ink: #06201d;" in css
    assert Theme().css() == ""
    assert Theme.read({"accent_dark": "#c4b5fd"}).css().startswith("@media")


def load(tmp_path: Path, text: str) -> Clinic:
    path = tmp_path / "clinic.toml"
    path.write_text(f"[theme]\n{text}\n", encoding="utf-8")
    return Clinic.load(path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('accent = "#7fd6c8"', r"theme\.accent' #7fd6c8 can't be read: .* is 1\.6:1 .* passes is #47776f\."),
        ('accent_dark = "#0f6b64"', r"theme\.accent_dark' #0f6b64 can't be read.* passes is #67a29d\."),
        ('accent = "teal"', "must be a colour"),
        ('accent = "#12345"', "must be a colour"),
        ('accent = "#000;} body{display:none"', "must be a colour"),
        ("accent = 5", "must be a colour"),
        ('font = "Comic"', "holds accent and accent_dark"),
    ],
)
def test_a_colour_that_can_t_be_read_is_refused_with_the_nearest_that_can(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        load(tmp_path, text)
    assert "clinic.toml" in str(caught.value)


def test_the_dark_accent_follows_from_the_light_one(tmp_path: Path) -> None:
    assert load(tmp_path, 'accent = "#0f6b64"').theme == Theme("#0f6b64", "#67a29d")
    assert load(tmp_path, "").theme == Theme()
