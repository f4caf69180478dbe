"""corpus/clinic.toml: what is read, what is refused, and what stands where nothing is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.clinic import Clinic
from bot.errors import ConfigError

SHIPPED = Path(__file__).parent.parent / "corpus" / "clinic.toml"


def load(tmp_path: Path, text: str) -> Clinic:
    path = tmp_path / "clinic.toml"
    path.write_text(text, encoding="utf-8")
    return Clinic.load(path)


def test_a_missing_file_is_a_clinic_with_nothing_set(tmp_path: Path) -> None:
    clinic = Clinic.load(tmp_path / "none.toml")
    assert clinic.contact() == "the clinic"
    assert clinic.slots()["emergency_number"] == "your local emergency number (for example 112, 911 or 999)"
    assert clinic.age_limit() == 18
    assert all(clinic.slots().values())


def test_the_shipped_file_loads() -> None:
    assert Clinic.load(SHIPPED).phone == "555-0142"


@pytest.mark.parametrize(
    ("text", "contact"),
    [
        ("", "the clinic"),
        ('phone = "555-0100"', "the clinic (phone 555-0100)"),
        ('name = "Lake"\nphone = "555-0100"\nemail = "a@example.com"', "Lake (phone 555-0100, email a@example.com)"),
    ],
)
def test_contact(tmp_path: Path, text: str, contact: str) -> None:
    assert load(tmp_path, text).contact() == contact


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('phnoe = "1"', "phnoe"),
        ("phone = 5", "phone"),
        ('minimum_age = "18"', "minimum_age"),
        ("minimum_age = true", "minimum_age"),
        ("minimum_age = 0", "minimum_age"),
        ('booking_url = "javascript:alert(1)"', "booking_url"),
        ('privacy_url = "clinic.example.com"', "privacy_url"),
        ('booking_url = "https://[bad"', "booking_url"),
        ("[texts]\ngreeting = 1", "texts"),
        ("name = ", "clinic.toml"),
    ],
)
def test_a_wrong_value_is_named_with_its_file(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        load(tmp_path, text)
    assert "clinic.toml" in str(caught.value)


def test_what_is_not_set_is_listed(tmp_path: Path) -> None:
    unset = load(tmp_path, 'phone = "555-0100"').unset()
    assert "emergency_number" in unset
    assert "phone" not in unset
