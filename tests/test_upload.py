"""Articles uploaded by the staff: understood, compared, published or discarded; and that nothing else gets through."""

from __future__ import annotations

import hashlib
import html
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot import builds
from bot.comparison import MAX_TYPED, compared, typed
from bot.config import Config
from bot.corpus import corpus_hash
from bot.edition import writable
from bot.editions import Editions
from bot.errors import Changed, EditionError
from bot.pipeline import Bot
from bot.readers import Limits
from bot.renewal import Source
from bot.schema import Reply
from bot.staff import Store
from bot.uploads import MAX_BODY_BYTES, MAX_BYTES, MAX_FILES, MAX_STEM, Upload, kept_name
from bot.web import create_app
from tests.bicycle import write_corpus
from tests.fake_bot import HOSTILE
from tests.hosted import Served
from tests.hostile import changed, document
from tests.test_index import linked
from tests.test_sign_in import OURS
from tests.test_staff_ui import Desk
from tests.test_web import GENEROUS, ready

BELL = b"# The bell\n\n## Does a bicycle need a bell?\n\nA bicycle needs a bell. The bell guarantees safety.\n"
TYRES = b"""How much air does a tyre need?
A touring tyre needs 9 bar.
What is a rim tape?
A rim tape is a soft strip over the nails of the spokes.
"""
File = tuple[str, bytes]


def of(folder: Path) -> dict[str, str]:
    """Every file below a folder by its content; locks are nobody's."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


class Shelf(Desk):
    """A desk whose site has articles and an index of its own."""

    def __init__(self, client: TestClient, store: Store, live: Config) -> None:
        super().__init__(client, store)
        self.live = live
        self.editions: Editions = self.app.state.shelf.editions
        self.be("anna")

    @property
    def mark(self) -> str:
        edition = self.editions.current()
        return edition.mark if edition else ""

    def send(self, *files: File, seen: str | None = None, **more: Any) -> Any:
        """Upload, as a browser's form does."""
        data = {"form": self.form, "edition": self.mark if seen is None else seen}
        sent = [("files", file) for file in files]
        return self.client.post("/staff/articles", **{"data": data, "files": sent, "headers": OURS, **more})

    def do(self, step: str, /, seen: str | None = None, **more: str) -> Any:
        return self.post(f"/staff/articles/{step}", edition=self.mark if seen is None else seen, **more)

    def wait(self, seconds: float = 600) -> str:
        """Until nothing is being done any more; the page then."""
        until = time.monotonic() + seconds
        while self.get("/staff/articles/progress").json()["busy"]:
            assert time.monotonic() < until
            time.sleep(0.05)
        return self.page()

    def page(self) -> str:
        return html.unescape(self.get("/staff/articles").text)

    def read(self) -> str:
        """Until the uploads are read, and what is in them perhaps not yet looked at; the page then."""
        while (edition := self.editions.current()) and edition.waiting:
            time.sleep(0.05)
        return self.page()

    def clear(self) -> None:
        """Back to where nothing was begun."""
        self.be("anna")
        while self.mark:  # its work may change it meanwhile
            assert self.do("discard").status_code in (303, 409)


def copied(bicycle: Config, folder: Path) -> Config:
    return replace(linked(bicycle, folder / "index"), corpus=write_corpus(folder / "corpus"))


def app_of(live: Config, store: Store) -> Any:
    source = Source(lambda: Bot.open(live), lambda: Bot.open(live), lambda: builds.mark(live.index))
    return create_app(source, limits=GENEROUS, store=store, keep="text", live=live)


@pytest.fixture(scope="module")
def shelf(bicycle: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("shelf")
    live, store = copied(bicycle, folder), Store(folder / "state" / "faq.sqlite")
    with TestClient(app_of(live, store), follow_redirects=False) as client:
        yield Shelf(ready(client), store, live)
    store.close()


@pytest.fixture
def clean(shelf: Shelf) -> Iterator[Shelf]:
    """With nothing begun, and nothing served touched by the test."""
    before = of(shelf.live.corpus), of(shelf.live.index)
    shelf.clear()
    yield shelf
    shelf.clear()
    assert (of(shelf.live.corpus), of(shelf.live.index)) == before


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("peel.md", "peel.md"),
        (" After care (peel), 2nd.PDF", "After-care-peel-2nd.pdf"),
        ("Nachsorge für Zuhause.docx", "Nachsorge-für-Zuhause.docx"),
        ("Nachsorge fu\u0308r.docx", "Nachsorge-für.docx"),  # as macOS sends it
        ("a%2e#1?.html", "a-2e-1.html"),
        ("x.tar.md", "x.tar.md"),
        ("my own one.md", "my own one.md"),  # there is one of that name
        ("x" * MAX_STEM + ".md", "x" * MAX_STEM + ".md"),
    ],
)
def test_a_name_becomes_a_plain_one(name: str, kept: str) -> None:
    assert kept_name(name, ["my own one.md"]) == kept


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../peel.md", "a place, not a file"),
        ("/etc/passwd.md", "a place, not a file"),
        ("C:\\peel.md", "a place, not a file"),
        ("..", "a place, not a file"),
        ("pe\0el.md", "a place, not a file"),
        ("pe\u202eel.md", "a place, not a file"),
        (".peel.md", "hidden or temporary"),
        ("~$peel.docx", "hidden or temporary"),
        ("README.md", "passed over"),
        ("Sources.csv", "it tells of the other files"),
        ("clinic.toml", "the clinic's details"),
        ("peel.exe", "a kind that is not read"),
        ("peel", "a kind that is not read"),
        ("peel.doc", "save it as .docx"),
        ("---.md", "no name that can be kept"),
        ("NUL.md", "no name that can be kept"),
        ("com1.x.md", "no name that can be kept"),
        ("x" * (MAX_STEM + 1) + ".md", "too long a name"),
        ("ü" * MAX_STEM + ".md", "too long a name"),
        ("x" * 5000, "a kind that is not read"),
    ],
    ids=range(20),
)
def test_a_name_that_can_t_be_taken_is_refused_with_what_to_do(name: str, told: str) -> None:
    with pytest.raises(EditionError) as error:
        kept_name(name)
    assert told in str(error.value)
    assert len(str(error.value)) < 300
    assert str(error.value).isprintable()


# --- the whole way --------------------------------------------------------------------------------


def test_from_upload_to_what_visitors_are_told(bicycle: Config, tmp_path: Path) -> None:
    live, store = copied(bicycle, tmp_path), Store(tmp_path / "state" / "faq.sqlite")
    untouched = of(live.corpus), of(live.index)
    with TestClient(app_of(live, store), follow_redirects=False) as client:
        shelf = Shelf(ready(client), store, live)
        assert shelf.visitor("why does the bicycle need a bell")[0]["status"] == "abstained"
        sent = shelf.send(("The bell.md", BELL), ("002-tyres.txt", TYRES), ("x.docx", b"PK no"), ("../y.md", BELL))
        assert (sent.status_code, sent.headers["location"]) == (303, "/staff/articles")
        page = shelf.wait()
        assert {n: c.kind for n, c in shelf.editions.current().changes.items()} == {  # type: ignore[union-attr]
            "The-bell.md": "new", "002-tyres.txt": "replaced",
        }  # fmt: skip
        for told in ("Does a bicycle need a bell?", "1 passage · 9 words", "A bicycle needs a bell.",
                     "in place of 002-tyres.md", "Warning", "a promise", "(line 5)", "x.docx: is damaged",
                     "“../y.md” names a place"):  # fmt: skip
            assert told in page, told
        assert str(tmp_path) not in page
        assert shelf.do("change", file="003-brakes.txt", deed="remove").status_code == 303
        assert shelf.do("publish").status_code == 400  # it is not built
        assert shelf.do("build").status_code == 303
        page = shelf.wait()
        assert "are answered otherwise" in page
        found = shelf.app.state.shelf.works.tried(shelf.editions.current()).comparison
        asked = {pair.question: pair for pair in found.pairs}
        assert asked["why does the bicycle need a bell"].origin == "queue"
        assert [asked["why does the bicycle need a bell"].after.status, asked["What is a rim tape?"].origin] == [
            "answered", "heading",
        ]  # fmt: skip
        assert "every 6 months" in asked["How often are brake pads replaced?"].before.answer
        assert "every 6 months" not in asked["How often are brake pads replaced?"].after.answer
        assert not asked["How often should the chain be oiled?"].changed
        order = [pair.changed for pair in found.pairs]
        assert order == sorted(order, reverse=True)
        assert sum(before for before, _ in found.counts().values()) == len(found.pairs)
        assert "/source/" not in page
        both = html.unescape(shelf.do("ask", questions="how much air in a tyre\n\nhow much air in a TYRE?").text)
        assert "4 to 5 bar" in both and "9 bar" in both and both.count("You asked this") == 1
        assert (of(live.corpus), of(live.index)) == untouched
    restarted(shelf, untouched)


def restarted(before: Shelf, untouched: object) -> None:
    """The edition is still there, built; it is compared anew and published, once."""
    live, store, mark = before.live, before.store, before.mark
    for name in before.tokens:
        before.app.state.accounts.remove(name)
    with TestClient(app_of(live, store), follow_redirects=False) as client:
        shelf = Shelf(ready(client), store, live)
        assert shelf.mark == mark
        assert "The comparison is not kept through a restart" in shelf.page()
        assert shelf.do("build").status_code == 303
        assert "are answered otherwise" in shelf.wait()
        assert shelf.mark == mark  # nothing was built again
        assert (of(live.corpus), of(live.index)) == untouched
        shelf.be("ben")
        assert shelf.do("publish").status_code == 403
        assert (of(live.corpus), of(live.index)) == untouched
        shelf.be("anna")
        done = shelf.do("publish")
        assert done.headers["location"] == "/staff/articles?said=published_said"
        again = [shelf.do("publish", seen=mark), shelf.do("discard", seen=mark), shelf.do("publish", seen="")]
        assert [answer.status_code for answer in again] == [409, 409, 400]
        assert "published or discarded in the meantime" in html.unescape(again[0].text)
        names = {"001-chain.md", "002-tyres.txt", "The-bell.md", "clinic.toml"}
        assert {path.name for path in live.corpus.iterdir()} == names
        shelf.wait()  # until the new index is taken up
        assert shelf.visitor("why does the bicycle need a bell")[0]["status"] == "answered"
        deeds = [(d.who, d.did, d.what) for d in store.audit() if d.what.startswith("edition")]
        assert deeds[0] == ("anna", "published", f"edition {mark.partition('.')[0]}: {LISTED}")
        assert [did for _, did, _ in deeds].count("published") == 1
        assert not shelf.editions.folder.exists()  # type: ignore[union-attr]
        shelf.do("change", file="001-chain.md", deed="remove")
        shelf.do("build")
    assert not [thread for thread in threading.enumerate() if thread.name == "edition"]  # it ends with the server
    assert shelf.mark.endswith(".1")
    store.close()


LISTED = "replaced 002-tyres.txt, removed 003-brakes.txt, new The-bell.md"


# --- one thing at a time --------------------------------------------------------------------------


def test_changes_are_taken_back_and_discarded(clean: Shelf) -> None:
    shelf = clean
    shelf.send(("001-chain.md", BELL), ("bell.md", BELL))
    shelf.read()
    shelf.app.state.shelf.works.stop()  # what is in them needn't be looked at
    shelf.wait()
    for name in ("001-chain.md", "bell.md"):
        assert shelf.do("change", file=name, deed="back").status_code == 303
    assert shelf.do("change", file="002-tyres.md", deed="remove").status_code == 303
    assert shelf.do("change", file="002-tyres.md", deed="back").status_code == 303
    edition = shelf.editions.current()
    assert edition is not None and not edition.changes
    assert of(shelf.editions.config.corpus) == of(shelf.live.corpus)
    for name in ("clinic.toml", "../../faq.sqlite", "none.md", ""):
        for deed in ("remove", "back"):
            assert shelf.do("change", file=name, deed=deed).status_code == 400
    assert shelf.do("change", file="001-chain.md", deed="sell").status_code == 400
    assert shelf.do("discard").headers["location"] == "/staff/articles?said=discarded_said"
    assert not shelf.editions.folder.exists()  # type: ignore[union-attr]
    assert "What is served is as it was" in html.unescape(shelf.get("/staff/articles?said=discarded_said").text)


def test_the_last_article_stays(clean: Shelf) -> None:
    for name in ("001-chain.md", "002-tyres.md"):
        assert clean.do("change", file=name, deed="remove").status_code == 303
    last = clean.do("change", file="003-brakes.txt", deed="remove")
    assert (last.status_code, "the bot needs one" in last.text) == (400, True)


def test_who_is_overtaken_is_told_and_nothing_is_done(clean: Shelf) -> None:
    clean.do("change", file="003-brakes.txt", deed="remove")
    mark = clean.mark
    assert clean.be("carl").do("change", file="002-tyres.md", deed="remove").status_code == 303
    clean.be("anna")
    for deed, more in (("discard", {}), ("build", {}), ("publish", {}), ("ask", {"questions": "x"}),
                       ("change", {"file": "003-brakes.txt", "deed": "back"})):  # fmt: skip
        answer = clean.do(deed, seen=mark, **more)
        assert (answer.status_code, "changed in the meantime" in answer.text) == (409, True), deed
    assert clean.send(("other.md", BELL), seen=mark).status_code == 409
    assert clean.send(("other.md", BELL), seen="").status_code == 409  # there is one edition at a time
    assert set(clean.editions.current().changes) == {"003-brakes.txt", "002-tyres.md"}  # type: ignore[union-attr]


def test_two_clicks_at_once_publish_or_discard_once(clean: Shelf) -> None:
    clean.do("change", file="003-brakes.txt", deed="remove")
    mark, codes = clean.mark, []
    clicks = [threading.Thread(target=lambda: codes.append(clean.do("discard", seen=mark).status_code)) for _ in "ab"]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert sorted(codes) == [303, 409]


def test_articles_that_were_changed_on_the_server_are_not_overwritten(bicycle: Config, tmp_path: Path) -> None:
    live, store = copied(bicycle, tmp_path), Store(tmp_path / "faq.sqlite")
    editions = Editions(live, store)
    edition = editions.add(uploads(("bell.md", BELL)), "", "anna")
    with editions.locked():
        editions.read_waiting(lambda: True, lambda *step: None)
        edition = editions.keep_built("as if")
    (live.corpus / "001-chain.md").write_text("# Chain\n\nA chain is oiled.\n")
    before = of(live.corpus)
    assert editions.overtaken(edition)
    with pytest.raises(EditionError, match="since this edition was begun"):
        editions.publish(edition.mark, "anna")
    assert of(live.corpus) == before
    store.close()


def test_a_build_that_fails_is_told(clean: Shelf) -> None:
    clean.do("change", file="003-brakes.txt", deed="remove")
    with builds.locked(clean.editions.config.index):
        clean.do("build")
        page = clean.wait()
    assert "That did not work: index is being built by another process" in page
    assert str(clean.editions.folder) not in page
    assert clean.do("publish").status_code == 400


def test_work_is_given_up_when_the_edition_is_discarded(clean: Shelf) -> None:
    clean.do("change", file="003-brakes.txt", deed="remove")
    clean.do("build")
    while clean.app.state.shelf.works.step is None:
        time.sleep(0.01)
    assert "At work: " in clean.page() and "Upload more files" not in clean.page()
    assert clean.do("discard").status_code == 303
    assert "At work: " not in clean.wait()
    assert not clean.editions.folder.exists()  # type: ignore[union-attr]


# --- what may not get through ---------------------------------------------------------------------


def test_what_files_say_and_are_called_is_inert(clean: Shelf) -> None:
    evil = f"# {HOSTILE}\n\n## {HOSTILE}\n\n{HOSTILE} [1](javascript:window.owned=1)\n".encode()
    clean.send(('<img src=x onerror="window.owned=1">.md', evil), ("ok.md", evil), ("<script>.exe", b"x"))
    clean.wait()
    page = clean.get("/staff/articles").text
    assert "&lt;script&gt;" in page
    for tag in ("<script>", "<img", "<svg onload", '<input name="card"', "<details><summary>s"):
        assert tag not in page
    assert not re.search(r"<[^>]*\son\w+=|\sstyle=", page)


def test_files_that_break_readers_only_make_their_own_error(bicycle: Config, tmp_path: Path) -> None:
    """In a process with limits; what can be read is taken."""
    live, store = copied(bicycle, tmp_path), Store(tmp_path / "state" / "faq.sqlite")
    editions, good = Editions(live, store, Limits(seconds=3, megabytes=600)), document()
    files = (
        ("bomb.docx", changed(good, {"word/media/a.xml": b"\0" * 310_000_000})),
        ("climbs.docx", changed(good, {"../../climbed.md": b"# Climbed"})),
        ("noise.pdf", b"%PDF-1.7 " + bytes(range(256)) * 40),
        ("latin.txt", "Ça pique, très fort. ".encode("latin-1") * 20),
        ("nothing.md", b""),
        ("rows.csv", b"a,b\n1,2\n"),
        ("word.md", BELL + b"x" * 2_000_000),
        ("paragraph.txt", BELL + b"a bell " * 100_000),
        ("bell.md", BELL),
    )
    before = of(tmp_path / "corpus"), of(tmp_path / "index")
    editions.add(uploads(*files), "", "anna")
    with editions.locked():
        edition = editions.read_waiting(lambda: True, lambda *step: None)
    assert set(edition.changes) == {"bell.md", "climbs.docx"}
    assert set(edition.refused) == {name for name, _ in files} - set(edition.changes)
    for name, why in edition.refused.items():
        assert why.startswith(f"{name}:") and len(why) > len(name) + 20
        assert str(tmp_path) not in why
    assert not list(tmp_path.rglob("climbed.md"))
    assert (of(tmp_path / "corpus"), of(tmp_path / "index")) == before
    assert editions.folder is not None and editions.folder.stat().st_mode & 0o077 == 0
    store.close()


def uploads(*files: File) -> Sequence[Upload]:
    import io

    return [Upload(name, len(content), io.BytesIO(content)) for name, content in files]


@pytest.mark.parametrize(
    ("files", "code", "told"),
    [
        ([], 400, "No file was chosen"),
        ([("../a.md", BELL)], 400, "names a place"),
        ([("a.md", BELL), ("A.pdf", BELL)], 303, "is there twice"),
        ([("001-Chain.md", BELL), ("b.md", BELL)], 303, "by capital letters alone"),
        ([(f"{n}.md", b"x") for n in range(MAX_FILES + 1)], 400, "more than 50 files"),
        ([("a.md", b"x" * (MAX_BODY_BYTES + 1))], 413, "20 MB"),
        ([("a.md", b"x" * (MAX_BYTES + 1))], 400, "20 MB"),
    ],
    ids=["none", "place", "twice", "case", "many", "body", "large"],
)
def test_what_can_t_be_taken_is_told(clean: Shelf, files: list[File], code: int, told: str) -> None:
    answer = clean.send(*files)
    assert answer.status_code == code
    assert told in (answer.text if code != 303 else clean.read())
    assert (clean.editions.current() is None) == (code != 303)


def test_an_edition_has_limits_too(bicycle: Config, tmp_path: Path) -> None:
    live, store = copied(bicycle, tmp_path), Store(tmp_path / "faq.sqlite")
    editions = Editions(live, store)
    edition = editions.add(uploads(("a.md", BELL + b"\nA bell rings.\n" * 12_000)), "", "anna")
    with pytest.raises(EditionError, match="20 MB in one edition"):
        editions.add(uploads(("b.md", b"x" * (MAX_BYTES - 100_000))), edition.mark, "anna")
    with editions.locked():
        edition = editions.read_waiting(lambda: True, lambda *step: None)
    with pytest.raises(EditionError, match="20 MB in one edition"):
        editions.add(uploads(("b.md", b"x" * (MAX_BYTES - 100_000))), edition.mark, "anna")
    assert editions.add(uploads(("a.md", BELL), ("b.md", BELL)), edition.mark, "anna").waiting == ("a.md", "b.md")
    store.close()


def test_a_form_that_is_not_ours_is_not_read(clean: Shelf) -> None:
    refusals: list[tuple[dict[str, Any], int]] = [
        ({"headers": {"sec-fetch-site": "cross-site"}}, 403),
        ({"headers": {}}, 403),
        ({"data": {"form": "0" * 64, "edition": ""}}, 403),
        ({"data": {}}, 403),
        ({"headers": {**OURS, "content-type": "multipart/form-data; boundary=x"}, "files": None, "content": b"--y",
          "data": None}, 400),
    ]  # fmt: skip
    for more, code in refusals:
        assert clean.send(("bell.md", BELL), **more).status_code == code, more
    form = clean.form
    assert clean.be("ben").send(("bell.md", BELL)).status_code == 403
    clean.be("").form = form
    assert clean.send(("bell.md", b"x" * MAX_BODY_BYTES)).status_code == 401
    assert clean.editions.current() is None
    deeds = [deed.what for deed in clean.store.audit(1)]
    assert not deeds[0].startswith("edition") or clean.store.audit(1)[0].did == "discarded"


def test_only_editors_are_led_there(shelf: Shelf) -> None:
    assert 'href="/staff/articles"' in shelf.be("anna").get("/staff").text
    assert 'href="/staff/articles"' not in shelf.be("ben").get("/staff").text


# --- where nothing can be changed -----------------------------------------------------------------


def test_articles_that_are_published_from_elsewhere_are_shown_only(bicycle_bot: Bot, served: Served) -> None:
    store = served.records()
    with TestClient(create_app(lambda: bicycle_bot, limits=GENEROUS, store=store), follow_redirects=False) as client:
        desk = Desk(ready(client), store).be("anna")
        page = desk.get("/staff/articles").text
        assert "are published from elsewhere" in page and "Served now" in page
        assert "<button>Upload" not in page and 'type="file"' not in page
        for path in ("", "/build", "/publish", "/discard", "/ask", "/change"):
            answer = desk.post(f"/staff/articles{path}", edition="", deed="remove", questions="x")
            assert answer.status_code in (400, 409), path


def test_what_is_kept_in_memory_or_can_t_be_written_is_closed(bicycle: Config, tmp_path: Path) -> None:
    memory, kept = Store(), Store(tmp_path / "faq.sqlite")
    assert Editions(bicycle, memory).closed() == "closed_state"
    assert Editions(bicycle, kept).closed() == ""
    assert Editions(replace(bicycle, corpus=tmp_path / "none"), kept).closed() == "closed_readonly"
    with pytest.raises(EditionError, match="may not write"):
        Editions(replace(bicycle, index=tmp_path / "none"), kept).add(uploads(("bell.md", BELL)), "", "anna")
    for store in (memory, kept):
        store.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_what_another_user_owns_can_t_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir(mode=0o755)
    assert writable(folder)
    os.seteuid(65534)
    try:
        assert not writable(folder)
    finally:
        os.seteuid(0)


# --- comparing ------------------------------------------------------------------------------------


def test_a_comparison_counts_and_puts_what_changed_first() -> None:
    def says(**replies: str) -> Callable[[str], Reply]:
        return lambda question: Reply("answered" if question in replies else "abstained", replies.get(question, ""))

    found = compared(
        [("a", "heading"), ("b", "queue"), ("c", "typed"), ("d", "typed")],
        ("one", says(a="x", c="x")),
        ("two", says(a="x", b="y", c="z")),
        lambda number: number < 3,
    )
    assert [(pair.question, pair.changed) for pair in found.pairs] == [("b", True), ("c", True), ("a", False)]
    assert found.counts() == {"answered": (2, 3), "abstained": (1, 0)}
    assert compared([], ("one", says()), ("two", says())).counts() == {}


def test_typed_questions_are_few_and_short() -> None:
    assert typed(" Why? \n\nwhy\n") == [("Why?", "typed")]
    assert len(typed("\n".join(f"why {n}" for n in range(99)))) == MAX_TYPED
    assert len(typed("x" * 9999)[0][0]) < 1000


def test_the_marks_of_editions_differ(bicycle: Config, tmp_path: Path) -> None:
    live, store = copied(bicycle, tmp_path), Store(tmp_path / "faq.sqlite")
    editions = Editions(live, store)
    first = editions.remove("001-chain.md", "", "anna")
    assert first.since == corpus_hash(live.corpus)
    editions.discard(first.mark, "anna")
    second = editions.remove("001-chain.md", "", "anna")
    assert first.mark != second.mark
    with pytest.raises(Changed):
        editions.discard(first.mark, "anna")
    assert editions.current() == second
    assert editions.folder is not None
    (editions.folder / "edition.json").write_text('{"id": "of another version", "changes": []}')
    assert editions.current() is None
    assert editions.remove("002-tyres.md", "", "anna").changes.keys() == {"002-tyres.md"}
    (live.corpus / "001-chain.md").rename(tmp_path / "001-chain.md")
    assert editions.overtaken(second)
    for left in ("002-tyres.md", "003-brakes.txt"):
        (live.corpus / left).unlink()
    assert editions.overtaken(second)
    store.close()
