"""What a reply and an article look like as HTML and as text, and that nobody's text becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from bot import pages
from bot.clinic import Clinic
from bot.render import (
    Quote,
    clean,
    contact_links,
    date_text,
    fingerprint,
    linked,
    locate,
    passage_dict,
    question_html,
    reply_html,
    reply_text,
    section_blocks,
    tel_href,
)
from bot.schema import Differ, DifferValue, Reply
from tests.fake_bot import CREAM, EVIL, HOSTILE, PLAIN, SCRATCH, UNDATED, cite, make_article

CLINIC = Clinic(name="Skin & Co", phone="555-0142", email="hi@clinic.example", emergency_number="112")
LINKS = contact_links(CLINIC)
OWN_TAGS = {"div", "span", "a", "br", "table", "caption", "tbody", "tr", "th", "td", "ol", "li"}


class Page(HTMLParser):
    """Collects tags, attributes and text as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}

    def all(self, tag: str, css: str = "") -> list[dict[str, str | None]]:
        return [a for name, a in self.tags if name == tag and (not css or css in (a.get("class") or "").split())]


def answered(**more: object) -> Reply:
    both = (cite(PLAIN, CREAM, 1), cite(UNDATED, SCRATCH, 2))
    return Reply("answered", f"{CREAM} [1] {SCRATCH} [2]", both, disclaimers=("Not medical advice.",)).with_(**more)


def hostile() -> Reply:
    differ = (Differ(HOSTILE, (DifferValue(HOSTILE, (1,)),)),)
    return Reply("answered", f"{HOSTILE} [1]\n\n{HOSTILE}", (cite(EVIL, HOSTILE, 1),), differ, (HOSTILE,), (HOSTILE,))


# --- a reply as HTML -------------------------------------------------------------------------


def test_markers_are_links_to_the_quote_on_the_article_s_page() -> None:
    links = Page(reply_html(answered(), LINKS)).all("a", "cite")
    start = PLAIN.text.index(CREAM)
    expected = f"/source/003-how-it-works?start={start}&end={start + len(CREAM)}&h={fingerprint(CREAM)}#quote"
    assert links[0]["href"] == expected
    assert [a["title"] for a in links if "title" in a] == ["Source 1: How it works", "Source 2: What is microneedling?"]


def test_a_marker_without_a_citation_stays_text() -> None:
    page = Page(reply_html(answered(answer="See [7] and [1]."), LINKS))
    assert "[7]" in page.text
    assert len([a for a in page.all("a", "cite") if "title" in a]) == 1


def test_citations_name_publisher_and_date_or_say_that_they_are_missing() -> None:
    text = Page(reply_html(answered(), LINKS)).text
    assert "Example Skin Journal, 19 January 2024" in text
    assert "publisher not stated, undated" in text


def test_disclaimers_stand_below_the_answer() -> None:
    text = Page(reply_html(answered(), LINKS)).text
    assert text.index(SCRATCH) < text.index("Not medical advice.") < text.index("Sources")


def test_list_lines_become_items_and_no_line_is_blank() -> None:
    shown = reply_html(Reply("answered", "Lead:\n\n• one\n- two\n\n"), LINKS)
    assert shown.count('<span class="item">') == 2
    assert "\n" not in shown


def test_differing_sources_are_a_table_with_who_says_what() -> None:
    values = (DifferValue("6 weeks", (1,)), DifferValue("4 weeks", (2, 9)))
    page = Page(reply_html(answered(differ=(Differ("interval", values),)), LINKS))
    assert len(page.all("tr")) == 2
    assert "What the articles say: interval" in page.text
    assert "6 weeksExample Skin Journal [1]" in page.text


def test_urgent_is_an_alert_with_the_number_to_tap() -> None:
    page = Page(reply_html(Reply("urgent", "Call 112 now, not 1123 or +112."), LINKS))
    assert page.all("div", "says")[0]["role"] == "alert"
    assert [a["href"] for a in page.all("a")] == ["tel:112"]


def test_only_urgent_is_an_alert() -> None:
    assert "alert" not in reply_html(answered(), LINKS)


@pytest.mark.parametrize(
    ("number", "href"),
    [
        ("112", "tel:112"),
        ("+46 (0)8-123 45", "tel:+4608123" + "45"),
        ("your local emergency number (for example 112, 911 or 999)", None),
        ("", None),
        ("112;javascript:1", None),
    ],
)
def test_tel_href(number: str, href: str | None) -> None:
    assert tel_href(number) == href


def test_the_clinic_s_contact_is_linked() -> None:
    hrefs = {a["href"] for a in Page(linked(f"Please contact {CLINIC.contact()}.", LINKS)).all("a")}
    assert hrefs == {"tel:555-0142".replace("-", ""), "mailto:hi@clinic.example"}


def test_a_hostile_setting_makes_no_link() -> None:
    evil = Clinic(phone="javascript:alert(1)", booking_url="javascript:alert(1)", email='"><script>@x')
    page = Page(linked(f"Go to {evil.booking_url} or {evil.phone} or {evil.email}", contact_links(evil)))
    assert page.names() == {"span", "a"}
    assert all(str(a["href"]).startswith("mailto:") for a in page.all("a"))


def test_nothing_hostile_becomes_markup() -> None:
    page = Page(reply_html(hostile(), LINKS))
    assert page.names() <= OWN_TAGS
    assert all(str(a["href"]).startswith("/source/009-evil?") for a in page.all("a"))
    assert page.text.count("<script>window.owned=1</script>") == 8  # each place shows it as text


def test_a_reply_is_one_line_so_that_markdown_stays_off() -> None:
    assert "\n" not in reply_html(hostile(), LINKS)
    assert "\n" not in question_html("a\n\n# b\r\n\x0b\x0c\x85\u2028\u2029c")


# --- a visitor's message ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("does it hurt", "does it hurt"),
        ("", "(an empty message)"),
        (" \n\x00\t ", "(an empty message)"),
        ("a\nb", "ab"),
        ("שלום does it", "שלום does it"),
        ("\U0001f642\U0001f44d\U0001f3fd", "\U0001f642\U0001f44d\U0001f3fd"),
        ("safe\u202etxt.exe\ud800", "safe txt.exe"),
        (HOSTILE, HOSTILE),
    ],
    ids=["plain", "empty", "control", "lines", "right-to-left", "emoji", "override", "hostile"],
)
def test_a_message_is_shown_as_it_was_typed(typed: str, shown: str) -> None:
    page = Page(question_html(typed))
    assert page.text == shown
    assert page.names() <= {"div", "br"}
    assert page.all("div")[0]["dir"] == "auto"


def test_a_very_long_message_is_elided() -> None:
    assert len(question_html("x" * 100_000)) < 2_000


def test_clean_keeps_newlines_and_can_be_encoded() -> None:
    assert clean("a\r\nb\rc\ud800") == "a\nb\nc "


# --- plain text ------------------------------------------------------------------------------


def test_plain_text_lists_the_sources() -> None:
    values = (DifferValue("6 weeks", (1,)), DifferValue("4 weeks", (2,)))
    assert reply_text(answered(differ=(Differ("interval", values),))) == (
        f"{CREAM} [1] {SCRATCH} [2]\n\n"
        "What the articles say: interval\n"
        "- 6 weeks: Example Skin Journal [1]\n"
        "- 4 weeks: What is microneedling? [2]\n\n"
        "Not medical advice.\n\n"
        "[1] How it works (Example Skin Journal, 19 January 2024)\n"
        "[2] What is microneedling? (publisher not stated, undated)"
    )


def test_plain_text_of_a_bare_reply_is_its_answer() -> None:
    assert reply_text(Reply("smalltalk", "Hello!")) == "Hello!"


@pytest.mark.parametrize(("iso", "text"), [("2024-01-09", "9 January 2024"), (None, "undated"), ("2024", "2024")])
def test_date_text(iso: str | None, text: str) -> None:
    assert date_text(iso) == text


# --- an article with a quote marked ----------------------------------------------------------

START = PLAIN.text.index(CREAM)
END = START + len(CREAM)


def test_a_quote_is_found_where_the_link_says() -> None:
    assert locate(PLAIN, START, END) == Quote(START, END)
    assert locate(PLAIN, START, END, fingerprint(CREAM)) == Quote(START, END)


def test_a_quote_that_moved_is_found_by_its_checksum() -> None:
    longer = make_article("x", (("paragraph", "New first line."), ("paragraph", f"Well. {CREAM} More.")))
    at = longer.text.index(CREAM)
    assert locate(longer, START, END, fingerprint(CREAM)) == Quote(at, at + len(CREAM), moved=True)


@pytest.mark.parametrize(
    ("start", "end", "checksum"),
    [(0, 0, ""), (-5, 10, ""), (10, 5, ""), (0, 10**9, ""), (10**8, 10**8 + 3, ""), (START, END, "00000000")],
)
def test_a_quote_that_is_nowhere(start: int, end: int, checksum: str) -> None:
    assert locate(PLAIN, start, end, checksum) is None


def test_the_section_is_from_heading_to_heading() -> None:
    blocks = section_blocks(PLAIN, Quote(START, END))
    assert [PLAIN.text[b.start : b.end] for b in blocks] == ["Does it hurt?", f"{CREAM} {SCRATCH}"]
    last = PLAIN.text.index("every four")
    assert len(section_blocks(PLAIN, Quote(last, last + 5))) == 4
    assert section_blocks(PLAIN, None) == PLAIN.blocks


def test_passage_dict_is_cut_at_the_quote_s_edges() -> None:
    shown = passage_dict(PLAIN, Quote(START, END))
    assert shown["publisher"] == "Example Skin Journal"
    assert shown["digest"] is True
    assert shown["blocks"][1]["parts"] == [{"text": CREAM, "mark": True}, {"text": f" {SCRATCH}", "mark": False}]
    assert passage_dict(UNDATED, None)["published"] == "undated"


def test_a_quote_over_two_blocks_is_marked_in_both_and_has_one_anchor() -> None:
    first, last = PLAIN.text.index("every six"), PLAIN.text.index("for fine")
    page = Page(pages.source_page(PLAIN, Quote(first, last), "/s.css"))
    assert len(page.all("mark")) == 2
    assert [a.get("id") for a in page.all("mark")] == ["quote", None]


def test_the_source_page_says_what_it_is() -> None:
    text = Page(pages.source_page(PLAIN, Quote(START, END), "/s.css")).text
    for part in ("How it works", "Example Skin Journal", "19 January 2024", "reviewed by a dermatologist", "digest of"):
        assert part in text
    text = Page(pages.source_page(UNDATED, None, "/s.css")).text
    assert "publisher not stated · undated" in text
    assert "digest" not in text


def test_the_source_page_says_when_the_article_has_changed() -> None:
    assert "no longer in it" in pages.source_page(PLAIN, None, "/s.css", asked=True)
    assert "still in it" in pages.source_page(PLAIN, Quote(START, END, moved=True), "/s.css", asked=True)
    assert "changed" not in pages.source_page(PLAIN, Quote(START, END), "/s.css", asked=True)


def test_a_hostile_article_s_page_shows_text_only() -> None:
    page = Page(pages.source_page(EVIL, Quote(5, 40), "/s.css"))
    assert not page.names() & {"script", "img", "form", "svg", "input", "details"}
    assert all(not a.get("href", "").startswith("javascript") for a in page.all("a"))  # type: ignore[union-attr]


def test_the_plain_ask_page_carries_the_conversation_in_the_form() -> None:
    page = Page(
        pages.ask_page(CLINIC, "Not for emergencies.", "/s.css", HOSTILE, ["first"], answered(suggestions=("Next?",)))
    )
    hidden = [a["value"] for a in page.all("input")]
    assert hidden == ["first", clean(HOSTILE)]
    assert [a.get("value") for a in page.all("button")] == ["Next?", None]
    assert not page.names() & {"script", "img", "svg", "details"}
    assert "Skin & Co" in page.text


def test_a_reply_names_the_index_that_gave_it() -> None:
    """What a visitor says of it belongs to that one, though the page may be older."""
    assert ' data-index="ab12&quot;">' in reply_html(Reply("smalltalk", "Hello.", index_version='ab12"'), {})
    assert "data-index" not in reply_html(Reply("smalltalk", "Hello."), {})
