"""Other languages: told from English however it is spelt, and answered in both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.clinic import Clinic
from bot.errors import DataError
from bot.rules import Rulebook
from bot.safety import Safety, Verdict
from bot.schema import Reply, Turn
from bot.texts import Texts
from bot.tongue import Tongues

HERE = Path(__file__).resolve().parent / "regression"
CLINIC = Clinic(phone="555-0100")
TEXTS = Texts.load(CLINIC)
SAFETY = Safety.load(CLINIC, TEXTS)


def judge(message: str) -> Verdict:
    return SAFETY.judge([Turn("user", message)])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("¿cuánto dura el enrojecimiento?", "es"),
        ("est-ce que ça fait mal", "fr"),
        ("wie lange dauert die Rötung nach der Behandlung", "de"),
        ("hur länge är man röd efter behandlingen", "sv"),
        ("czy to boli", "pl"),
        ("quanto tempo dura a vermelhidão", "pt"),
        ("quante sedute servono per le cicatrici", "it"),
        ("هل يؤلم العلاج", "ar"),
        ("क्या दर्द होता है", "hi"),
        ("kya isme dard hota hai", "hi"),
        ("больно ли это?", "other"),
        ("是否疼痛", "other"),
    ],
)
def test_a_question_in_another_language_is_handed_over_in_it_and_in_english(message: str, code: str) -> None:
    verdict = judge(message)
    assert (verdict.status, verdict.retrieve) == ("abstained", False)
    assert verdict.labels[-1].concept == code
    assert verdict.lead.endswith(TEXTS["other_language"])
    assert verdict.lead.startswith(SAFETY.tongues.articles.get(code, TEXTS["other_language"]))


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("no puedo respirar", "urgent"),
        ("estoy embarazada, puedo hacerlo?", "caution"),
        ("¿puedo reservar una cita para el viernes?", "handoff"),
        ("merci beaucoup", "smalltalk"),
        ("dose it hrut", None),
        ("les get this done for my son", None),
        ("no pain no gain right", None),
        ("Does it hurt por favor", None),
        ("dwntime??", None),
        ("is the die hard scar from my mum or me", None),
    ],
)
def test_what_matters_more_comes_first_and_english_stays_english(message: str, status: str | None) -> None:
    assert judge(message).status == status


def test_no_english_question_is_taken_for_another_language() -> None:
    lines = (HERE / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    for item in (i for i in map(json.loads, lines) if i["split"] == "dev"):
        assert judge(item["turns"][-1]).status != "abstained", item["id"]


def test_every_language_has_both_lines_filled() -> None:
    tongues = Tongues.make(Rulebook.load().tongues, Clinic(emergency_number="112"))
    assert tongues.lines.keys() == tongues.articles.keys() >= {"es", "fr", "de", "sv", "pl", "pt", "it", "ar", "hi"}
    assert all("112" in line and "{" not in line for line in tongues.lines.values())


def test_a_wrong_entry_is_named() -> None:
    with pytest.raises(DataError, match=r"tongues\.toml: nl"):
        Tongues.make({"nl": {"urgent": "Bel {emergency_number}."}}, Clinic())


def test_everyday_phrases_of_other_languages_are_no_emergencies(ask: Callable[..., Reply]) -> None:
    """The encoder knows English: whatever it does not know lies together, and there lie emergencies too."""
    phrases = (
        "gracias por todo", "je veux savoir le prix", "ik heb een vraag", "ich habe eine frage", "tengo una pregunta",
        "vorrei sapere il prezzo", "mam pytanie", "jag undrar en sak", "combien de jours sans maquillage",
        "wie oft muss ich kommen", "hur ofta ska man göra det", "quanto tempo dura il risultato", "ile trwa zabieg",
        "cuánto tarda en curarse", "puis-je aller à la piscine", "bir sorum var", "hvor lenge er man rød",
        "bom trabalho, obrigada", "merci pour votre aide", "quantas vezes tenho de ir",
    )  # fmt: skip
    urgent = [phrase for phrase in phrases if ask(phrase).status == "urgent"]
    assert len(urgent) <= len(phrases) // 20, urgent
