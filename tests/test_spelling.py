"""Typing errors are mended; medical words and names stay as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bigrams import Bigrams
from bot.language import language, words
from bot.spelling import RECURRING, Speller, asked_words, common_words, domain_words, english, swap_mended
from tests.conftest import Words

NAMES = """
Siobhan Priyanka Nguyen Oluwaseun Casabona Dabek Khalid Anneliese Xiaoming Szymanski Aoife Katarzyna Rajesh Thandiwe
Björk François Beyoncé Zoë Ólafur Łukasz Müller Ekaterina Bautista Mbappe
"""
MEDICAL = """
keloid keloids isotretinoin roaccutane accutane tretinoin adapalene hyaluronic niacinamide lidocaine emla apixaban
warfarin rivaroxaban clopidogrel heparin semaglutide ozempic mounjaro spironolactone doxycycline lymecycline azelaic
benzoyl profhilo polynucleotide keratosis hidradenitis vitiligo melasma rosacea scleroderma lupus haemophilia
hemophilia impetigo folliculitis telangiectasia metformin methotrexate adalimumab humira sertraline granuloma ehlers
danlos xarelto eliquis bakuchiol tranexamic kojic arbutin glycolic mandelic squalane ceramides dermapen skinpen
morpheus lyrica cyclosporine tacrolimus dupixent prednisolone levothyroxine xeomin dysport juvederm radiesse
sculptra naproxen hydroquinone epiduo trifarotene psoriasis eczema seborrheic urticaria angioedema anaphylaxis
petechiae ecchymosis erythema moisturiser colour anaesthetic
"""


@pytest.fixture(scope="session")
def speller(shipped_words: Words) -> Speller:
    """The speller as the bot has it: the shipped corpus, the lexicon and the model's own words."""
    return shipped_words.speller


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("does it hrut", "does it hurt"),
        ("adn taht", "and that"),
        ("waht abuot teh sun", "what about the sun"),
        ("how oftn", "how often"),
        ("dwntime??", "downtime??"),
        ("treatmnt", "treatment"),
        ("microneedeling", "microneedling"),
        ("numming creem", "numbing cream"),
        ("colagen", "collagen"),
        ("sunscren", "sunscreen"),
        ("pregnent", "pregnant"),
        ("sesions", "sessions"),
        ("bleding", "bleeding"),
        ("infecton", "infection"),
        ("keloyd scarrs", "keloid scars"),
        ("wich needels for realy deep scares", "which needles for really deep scars"),
        ("stop hurtttting", "stop hurting"),
        ("it HURRRTS", "it hurts"),
        ("gap betwen apointments", "gap between appointments"),
        ("expensve", "expensive"),
        ("aftercair", "aftercare"),
        ("aftercre", "aftercare"),
    ],
)
def test_typing_errors_are_mended(speller: Speller, typed: str, meant: str) -> None:
    assert speller.mend(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("u", "you"),
        ("can i swim b4 work", "can i swim before work"),
        ("doesnt it hurt", "does not it hurt"),
        ("i can’t feel it", "i cannot feel it"),
        ("4-6 wks", "4-6 weeks"),
        ("omg how sore", "how sore"),
    ],
)
def test_chat_forms_are_written_out(speller: Speller, typed: str, meant: str) -> None:
    assert speller.mend(typed) == meant


@pytest.mark.parametrize("word", MEDICAL.split())
def test_medical_words_are_left_alone(speller: Speller, word: str) -> None:
    assert speller.mend(word) == word
    assert speller.mend(word.upper()) == word


@pytest.mark.parametrize("name", NAMES.split())
def test_names_are_left_alone(speller: Speller, name: str) -> None:
    assert speller.mend(f"my friend {name} asks") == f"my friend {name.lower()} asks"


@pytest.mark.parametrize(
    "text",
    [
        "0.5-3 mm",
        "6-week gap?",
        "spf 50+",
        "(really)",
        "50% of 1,000",
        "http://x.example/a_b",
        "😀 ?!",
        "مرحبا",
        "",
        " ",
    ],
)
def test_what_is_no_word_stays(speller: Speller, text: str) -> None:
    assert speller.mend(text) == " ".join(text.split())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("dose it hirt alot", "does it hurt a lot"),
        ("hw many tims do i have to hav it", "how many times do i have to have it"),
        ("how log befor do thy put it on", "how long before do they put it on"),
        ("wat bout agr spots", "what about age spots"),
        ("is it ok to ware makeup after", "is it ok to wear makeup after"),
        ("can i drnk tea after", "can i drink tea after"),
        ("no i ment how logn is a singel one", "no i meant how long is a single one"),
    ],
)
def test_what_stands_beside_a_word_tells_what_was_meant(speller: Speller, typed: str, meant: str) -> None:
    assert speller.mend(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "a dose of numbing cream",
        "i log it every day",
        "do they treat warts and moles",
        "can i have a fag after",
        "is there owt i should bring",
        "my crows feet",
        "peeing a lot since the needling",
        "is it a form of acne",
        "a pint with the lads",
    ],
)
def test_words_that_are_near_to_likelier_ones_stay(speller: Speller, text: str) -> None:
    assert speller.mend(text) == text


@pytest.mark.parametrize("word", ["xq", "abc", "a"])
def test_a_short_word_alone_is_too_near_to_others_to_mend(speller: Speller, word: str) -> None:
    assert speller.mend(word) == word


@pytest.mark.parametrize("word", ["qwrtzpsdfg", "zzxxyyqq"])
def test_a_word_near_to_none_stays(speller: Speller, word: str) -> None:
    assert len(words(speller.mend(word))) == 1


def test_a_corpus_word_wins_over_an_english_one() -> None:
    assert Speller({"spoke"}).mend("spoek") == "spoke"
    assert Speller({"derailleur"}).mend("derailer") == "derailleur"
    assert Speller({"bidon"}).mend("bidonn") == "bidon"


def test_two_words_run_together_are_parted() -> None:
    bigrams = Bigrams.fit(["is the derailleur cable frayed"] * 20)
    assert Speller({"derailleur"}, bigrams=bigrams).mend("my derailleurcable") == "my derailleur cable"


def test_words_of_the_model_are_known() -> None:
    assert Speller({"spoke"}).mend("spokex") == "spoke"
    assert Speller({"spoke"}, {"spokex"}).mend("spokex") == "spokex"


def test_domain_words_hold_parts_of_hyphenated_words() -> None:
    assert domain_words(["A six-week gap"]) == {"a", "six-week", "six", "week", "gap"}


@pytest.mark.parametrize("word", sorted(common_words(300)))
def test_everyday_words_stay(speller: Speller, word: str) -> None:
    assert speller.mend(word) == word


def test_of_all_english_words_hardly_one_is_changed(speller: Speller) -> None:
    listed = [word for word in sorted(english())[::20] if word not in language().chat]
    changed = [word for word in listed if speller.mend(word) != (swap_mended(word) or word)]
    assert len(changed) < len(listed) / 30


def test_few_english_words_are_taken_for_slips() -> None:
    assert 0 < sum(bool(swap_mended(word)) for word in english()) < len(english()) / 1000


@given(st.text(max_size=60))
def test_any_text_is_mended_to_lower_case_once(speller: Speller, text: str) -> None:
    mended = speller.mend(text)
    assert mended == " ".join(mended.split())
    assert len(words(mended)) <= 3 * len(text)


def test_every_word_of_the_articles_stays(speller: Speller, shipped_words: Words) -> None:
    chat = language().chat
    for text in shipped_words.texts:
        for word in words(text):
            if word.isalpha() and word not in chat:
                assert speller.mend(word) == word


def test_a_slip_in_a_visitor_s_wording_is_no_word() -> None:
    slips = ["my skin is itchin", "is it itchin after", "dermapne"]
    assert asked_words(slips, frozenset()) == {"my", "skin", "is", "it", "after"}


def test_a_word_that_recurs_is_one() -> None:
    assert "dermapen" in asked_words(["dermapen"] * RECURRING, frozenset())
    assert "dermapen" in asked_words(["dermapen"], frozenset({"dermapen"}))


@pytest.mark.parametrize(("times", "mended"), [(2, True), (5, False)], ids=["a word", "no word"])
def test_what_is_longer_than_any_word_stays(times: int, mended: bool) -> None:
    word = "abcdefghij" * times
    assert (Speller({word}).mend(word[:-1] + "x") == word) is mended
