"""Settings: read once from the environment, arguments win, a wrong value is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bot.config import BUNDLED_MODEL, ROOT, Config, prepare_environment, state_file
from bot.errors import ConfigError


@pytest.mark.parametrize("name", ["FAQ_STAFF_IDLE_MINUTES", "FAQ_STAFF_HOURS"])
def test_a_session_lasts_at_least_one(name: str) -> None:
    with pytest.raises(ConfigError, match="set them to 1 or more"):
        Config.from_env({name: "0"})


def test_without_settings_it_is_as_shipped() -> None:
    config = Config.from_env({})
    assert config == Config()
    assert (config.corpus, config.index, config.model) == (ROOT / "corpus", ROOT / "index", BUNDLED_MODEL)
    assert (config.host, config.max_answer_words) == ("127.0.0.1", 90)


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("FAQ_PORT", "8080", "port", 8080),
        ("FAQ_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("FAQ_MODEL", "BAAI/bge-small-en-v1.5", "model", "BAAI/bge-small-en-v1.5"),
        ("FAQ_CORPUS", "/articles", "corpus", Path("/articles")),
        ("FAQ_INDEX", "built", "index", Path.cwd() / "built"),
        ("FAQ_MAX_ANSWER_WORDS", "40", "max_answer_words", 40),
    ],
)
def test_the_environment_sets(name: str, value: str, field: str, expected: object) -> None:
    assert getattr(Config.from_env({name: value}), field) == expected


def test_arguments_win_over_the_environment_and_none_is_no_argument() -> None:
    config = Config.from_env({"FAQ_PORT": "8080", "FAQ_HOST": "::1"}, port=9090, host=None)
    assert (config.port, config.host) == (9090, "::1")


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({"HOME": "/home/a"}, "/home/a/.local/state/clinic-faq/faq.sqlite"),
        ({"HOME": "/home/a", "XDG_STATE_HOME": "/var/state"}, "/var/state/clinic-faq/faq.sqlite"),
        ({"HOME": "/home/a", "LOCALAPPDATA": "/Users/a/AppData"}, "/Users/a/AppData/clinic-faq/faq.sqlite"),
    ],
)
def test_feedback_is_kept_where_the_system_keeps_such_data(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], file: str
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert state_file(environ) == Path(file)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Library" in str(state_file({"HOME": "/Users/a"}))
    assert Config.from_env({"FAQ_STATE": "/data/faq.sqlite"}).state == Path("/data/faq.sqlite")


@pytest.mark.parametrize(("value", "enabled"), [("0", False), ("1", True), (None, True)])
def test_adaptation_can_be_switched_off(value: str | None, enabled: bool) -> None:
    assert Config.from_env({} if value is None else {"FAQ_ADAPT": value}).adaptation.enabled is enabled


@pytest.mark.parametrize("name", ["FAQ_LOGS", "FAQ_KEEP"])
def test_a_choice_that_is_none_is_named_with_the_choices(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}='xml': set it to one of .*, or unset it"):
        Config.from_env({name: "xml"})


@pytest.mark.parametrize("value", ["", "many", "80.5"])
def test_a_wrong_number_is_named_with_the_remedy(value: str) -> None:
    with pytest.raises(ConfigError, match=r"FAQ_PORT=.* is not a whole number: set it to one, or unset it"):
        Config.from_env({"FAQ_PORT": value})


def test_the_pages_that_may_show_the_chat_are_listed_with_spaces() -> None:
    listed = "https://www.Clinic.example  http://localhost:8000\nhttps://xn--klnik-mva.example"
    expected = ("https://www.clinic.example", "http://localhost:8000", "https://xn--klnik-mva.example")
    assert Config.from_env({"FAQ_EMBED_PARENTS": listed}).embed_parents == expected
    assert Config.from_env({"FAQ_EMBED_PARENTS": " "}).embed_parents == ()


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "https:",
        "https://",
        "https://*",
        "https://*.clinic.example",
        "clinic.example",
        "//clinic.example",
        "https://clinic.example/",
        "https://clinic.example/faq",
        "https://clinic.example,https://b.example",
        "https://clinic.example;script-src",
        "https://user@clinic.example",
        "https://clinic.example:99999",
        "https://clinic.example:",
        "https://clinic..example",
        "https://-clinic.example",
        "https://kl\u00ednik.example",
        "ftp://clinic.example",
        "javascript:alert(1)",
        "'self'",
        "null",
    ],
)
def test_what_is_no_origin_is_named_with_the_remedy(value: str) -> None:
    with pytest.raises(ConfigError, match=r"FAQ_EMBED_PARENTS: .* is not an origin: write scheme and host") as caught:
        Config.from_env({"FAQ_EMBED_PARENTS": f"https://good.example {value}"})
    assert repr(value) in str(caught.value)


def test_groups_of_settings_are_not_read_from_text() -> None:
    assert Config.from_env({"FAQ_CHUNKING": "x", "FAQ_RETRIEVAL": "y", "OTHER": "z"}) == Config()


@pytest.mark.parametrize(
    ("model", "offline"), [(BUNDLED_MODEL, "1"), ("BAAI/bge-small-en-v1.5", "0")], ids=["bundled", "from a hub"]
)
def test_nothing_is_fetched_unless_a_hub_name_is_configured(
    monkeypatch: pytest.MonkeyPatch, model: str, offline: str
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    prepare_environment(Config(model=model))
    assert os.environ["HF_HUB_OFFLINE"] == offline


def test_a_folder_is_no_hub_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    prepare_environment(Config(model=str(tmp_path)))
    assert os.environ["HF_HUB_OFFLINE"] == "1"
