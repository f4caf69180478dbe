"""The staff's routes: closed to others, each to its role; what visitors typed is inert; queue, teaching, conflicts."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from fastapi.testclient import TestClient

from bot.desk_pages import lone
from bot.enquiry import MAX_CHARS, Found
from bot.pipeline import Bot
from bot.schema import Reply
from bot.sign_in import SESSION
from bot.staff import Store
from bot.web import create_app
from tests.fake_bot import CREAM, HOSTILE, PLAIN, SCRATCH, UNDATED, cite
from tests.hosted import Served
from tests.test_lessons import taught_questions
from tests.test_sign_in import OURS, WORD, form_of
from tests.test_web import GENEROUS, gradio_config, ready

# Every route of the staff's, with who may use it: nobody else may.
ROUTES = {
    ("GET", "/staff/login"): "anybody",
    ("POST", "/staff/login"): "anybody",
    ("POST", "/staff/logout"): "staff",
    ("GET", "/staff/account"): "staff",
    ("POST", "/staff/account"): "staff",
    ("GET", "/staff"): "staff",
    ("POST", "/staff"): "staff",
    ("GET", "/staff/queue"): "staff",
    ("POST", "/staff/queue/{number}"): "staff",
    ("GET", "/staff/insights"): "staff",
    ("GET", "/staff/insights.csv"): "staff",
    ("GET", "/staff/taught"): "staff",
    ("GET", "/staff/taught/{number}"): "staff",
    ("GET", "/staff/static/{name}"): "staff",
    ("GET", "/staff/{path:path}"): "staff",
    ("POST", "/staff/{path:path}"): "staff",
    ("GET", "/staff/teach"): "editor",
    ("POST", "/staff/teach"): "editor",
    ("POST", "/staff/taught/{number}/undo"): "editor",
    ("GET", "/staff/articles"): "editor",
    ("GET", "/staff/articles/progress"): "editor",
    ("POST", "/staff/articles"): "editor",
    ("POST", "/staff/articles/change"): "editor",
    ("POST", "/staff/articles/build"): "editor",
    ("POST", "/staff/articles/ask"): "editor",
    ("POST", "/staff/articles/publish"): "editor",
    ("POST", "/staff/articles/discard"): "editor",
}
CLOSED = [route for route, who in ROUTES.items() if who != "anybody"]
EDITORS = [route for route, who in ROUTES.items() if who == "editor"]


class Desk:
    """The running app over the bicycle articles, and somebody signed in at it."""

    def __init__(self, client: TestClient, store: Store) -> None:
        self.client = client
        self.store = store
        self.app: Any = client.app
        self.tokens = {name: self._token(name) for name in ("anna", "ben", "carl")}
        self.form = ""

    def _token(self, name: str) -> str:
        role = "staff" if name == "ben" else "editor"
        self.app.state.accounts.add(name, WORD, role)
        return str(self.app.state.accounts.sign_in(name, WORD, "127.0.0.1").token)

    def be(self, name: str) -> Self:
        """Go on as somebody, or as nobody."""
        self.client.cookies.clear()
        self.form = ""
        if name:
            self.client.cookies.set(SESSION, self.tokens[name])
            self.form = form_of(self.get("/staff/account").text)
        return self

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(path, data={"form": self.form, **data}, headers=OURS)

    def visitor(self, *questions: str) -> list[dict[str, Any]]:
        """What a visitor gets; waits until it is counted."""
        replies = [self.client.post("/api/ask", json={"message": q}).json() for q in questions]
        self.app.state.stage.recorder.flush()
        return replies

    def entry(self, part: str) -> Any:
        """The queue's entry whose text holds this."""
        every = self.app.state.stage.queue.entries(("new", "in_progress", "solved", "dismissed"))
        return next(e for e in every if part in (e.text or ""))


@pytest.fixture(scope="module")
def desk(bicycle_bot: Bot, served: Served) -> Iterator[Desk]:
    store = served.records()
    app = create_app(lambda: bicycle_bot, limits=GENEROUS, store=store, keep="text")
    with TestClient(app, follow_redirects=False) as client:
        yield Desk(ready(client), store)


def url(path: str) -> str:
    return path.replace("{number}", "1").replace("{name}", "staff.js").replace("{path:path}", "x/y")


# --- who may what ---------------------------------------------------------------------------------


def every_route(app: Any) -> set[tuple[str, str]]:
    """Method and path of each route of an app."""

    def below(routes: Any) -> Iterator[Any]:
        for route in routes:
            inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
            yield from below(inner) if inner else [route]

    found = below(app.routes)
    return {(m, r.path) for r in found for m in getattr(r, "methods", None) or () if m not in ("HEAD", "OPTIONS")}


def test_every_route_of_the_staff_is_in_the_table(desk: Desk) -> None:
    routes = every_route(desk.app)
    assert {r for r in routes if r[1].startswith("/staff")} == set(ROUTES)
    assert len(routes) > len(ROUTES) + 10


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_nobody_gets_in_without_signing_in(desk: Desk, method: str, path: str) -> None:
    """With no session, a wrong one, or one that has ended; a form token of somebody else's does not help."""
    form = desk.be("anna").form
    for token in ("", "x", "0" * 43):
        desk.be("")
        if token:
            desk.client.cookies.set(SESSION, token)
        answer = desk.client.request(method, url(path), headers=OURS, data={"form": form} if method == "POST" else None)
        assert (answer.status_code, answer.headers.get("location")) == (
            (303, "/staff/login") if method == "GET" else (401, None)
        )
        for inside in ("Queue", "anna", "sqlite", 'name="form"'):
            assert inside not in answer.text


@pytest.mark.parametrize(("method", "path"), EDITORS)
def test_teaching_is_refused_to_the_role_staff(desk: Desk, method: str, path: str) -> None:
    desk.visitor("do you sell tickets for the opera")
    desk.be("ben")
    question = {"question": "do you sell tickets for the opera", "kind": "never", "step": "keep", "version": "1"}
    answer = desk.post(url(path), **question) if method == "POST" else desk.get(url(path))
    assert answer.status_code == 403
    assert "Teaching is for editors" in answer.text
    assert desk.app.state.stage.serving.teacher.lessons.all() == []


def test_what_staff_may_they_may(desk: Desk) -> None:
    desk.be("ben")
    for method, path in CLOSED:
        if ROUTES[method, path] == "staff" and method == "GET":
            expected = 404 if "{path" in path or "taught/" in path or path.endswith(".csv") else 200
            assert desk.get(url(path)).status_code == expected, path
    assert "Teach" not in desk.get("/staff").text


@pytest.mark.parametrize(("method", "path"), [r for r in CLOSED if r[0] == "POST" and "{path" not in r[1]])
def test_every_form_is_ours(desk: Desk, method: str, path: str) -> None:
    desk.be("anna")
    for headers, form in ((OURS, ""), (OURS, "0" * 64), ({"sec-fetch-site": "cross-site"}, desk.form), ({}, desk.form)):
        answer = desk.client.request(method, url(path), headers=headers, data={"form": form, "question": "x"})
        assert answer.status_code == 403
        assert "was not sent from a page" in answer.text


@pytest.mark.parametrize("path", ["/staff", "/staff/queue", "/staff/login", "/staff/none"])
def test_staff_pages_run_no_inline_code_and_stand_in_no_frame(desk: Desk, path: str) -> None:
    answer = desk.be("" if path.endswith("login") else "anna").get(path)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", answer.text)


def test_nothing_public_knows_of_the_staff(desk: Desk) -> None:
    desk.be("")
    config = gradio_config(desk.client)
    paths = ["/chat/", "/chat/config", "/ask", "/ask?q=x", "/api/docs", "/api/openapi.json", "/embed", "/embed.js",
             "/manifest.json", "/none", "/healthz", "/readyz", "/chat/theme.css"]  # fmt: skip
    paths += [f"/static/{name}" for name in ("chat.js", "chat.css", "frame.js", "frame.css", "starting.js")]
    paths += [f"/source/{a.source_id}" for a in desk.app.state.stage.bot.articles()]
    for path in paths:
        text = desk.get(path).text.lower()
        for told in ("/staff", "front desk", "faq_staff", "anna"):
            assert told not in text, (path, told)
    assert not [e for e in config["dependencies"] if "staff" in str(e).lower() or "teach" in str(e).lower()]
    for name in ("staff.js", "staff.css", "staff/staff.js", "..%2fstaff%2fstaff.js"):
        assert desk.get(f"/static/{name}").status_code == 404


# --- the desk -------------------------------------------------------------------------------------


def test_an_enquiry_is_answered_and_made_one_reply(desk: Desk) -> None:
    page = (
        desk.be("anna").post("/staff", text="Hello,\n\nhow often is the chain oiled? And what is bitcoin?\n\nAnna").text
    )
    assert page.count('<article class="item') == 2
    assert "Not covered" in page
    assert "Passages and scores" in page
    assert re.search(r"<td class=number>\d\.\d\d</td>", page)
    drafts = re.findall(r'<textarea id="draft-\w+"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    assert len(drafts) == 3
    assert html.unescape(drafts[1]).startswith("Hello,\n\nthank you for your message.\n\nYou asked: how often")
    assert "http://testserver/source/" in page


def test_enquiries_of_the_staff_are_not_counted_as_visitors_questions(desk: Desk) -> None:
    desk.be("anna").post("/staff", text="what is the airspeed of a swallow")
    desk.app.state.stage.recorder.flush()
    assert "swallow" not in desk.get("/staff/queue").text


@pytest.mark.parametrize(("text", "code"), [("", 200), (" \n", 200), ("x" * (MAX_CHARS + 1), 413)])
def test_what_can_t_be_read_is_told_and_not_lost(desk: Desk, text: str, code: int) -> None:
    answer = desk.be("anna").post("/staff", text=text)
    assert answer.status_code == code
    assert 'role="alert"' in answer.text
    assert text.strip() in answer.text


def test_a_safety_answer_that_rests_on_one_article_is_marked() -> None:
    one, two = cite(PLAIN, CREAM, 1), cite(UNDATED, SCRATCH, 2)
    asked: dict[str, Any] = {"parts": [{"query": {"facets": ["who_not"]}}]}
    harmless: dict[str, Any] = {"parts": [{"query": {"facets": ["cost"]}}]}
    for reply, expected in (
        (Reply("caution", "x", (one,)), PLAIN.source_id),
        (Reply("caution", "x", (one, two)), None),
        (Reply("answered", "x", (one, one), why=asked), PLAIN.source_id),
        (Reply("answered", "x", (one,), why=harmless), None),
        (Reply("caution", "x"), None),
    ):
        assert lone(Found("q", "asked", reply)) == expected


# --- what visitors typed is inert -----------------------------------------------------------------


def test_what_visitors_typed_is_text_on_every_page_and_in_every_file(desk: Desk) -> None:
    desk.visitor(HOSTILE[:250], '=HYPERLINK("https://evil.example") what is it', "+1+1 which cmd|' /C calc'!A0")
    desk.be("anna")
    entry = desk.entry("HYPERLINK")
    pages = [desk.get(path).text for path in ("/staff/queue", "/staff/insights", "/staff/taught", "/staff/teach")]
    pages.append(desk.post("/staff", text=HOSTILE).text)
    pages.append(desk.post("/staff/teach", question=HOSTILE, text=HOSTILE, look=HOSTILE, step="look").text)
    pages.append(desk.post("/staff/teach", question=entry.text, kind="never", step="preview").text)
    pages.append(desk.post("/staff/login", name=HOSTILE).text)
    assert "HYPERLINK" in pages[0]
    for page in pages:
        for tag in (
            "<script>",
            "<img",
            "<svg onload",
            '<input name="card"',
            "javascript:window.owned=1&quot;",
            "<details><summary>s",
        ):
            assert tag not in page
        for address in re.findall(r'(?:href|src|action)="([^"]*)"', page):
            assert "evil.example" not in address
    table = desk.get("/staff/insights.csv?table=questions").text
    assert "\"'=HYPERLINK" in table
    assert not re.search(r'(^|,)"?[=+@-]', table.replace("\ufeff", ""), re.MULTILINE)


@pytest.mark.parametrize("table", ["days", "statuses", "topics", "questions", "sources", "feedback"])
def test_figures_can_be_had_as_csv(desk: Desk, table: str) -> None:
    desk.visitor("how often is the chain oiled")
    answer = desk.be("ben").get(f"/staff/insights.csv?table={table}&days=7")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="{table}.csv"'
    assert f"table={table}" in desk.get("/staff/insights").text or table == "feedback"


def test_plots_say_what_they_show(desk: Desk) -> None:
    desk.visitor("how often is the chain oiled")
    page = desk.be("ben").get("/staff/insights?days=7").text
    assert page.count("<svg") >= 3
    assert page.count("<svg") == page.count('role="img"') == page.count("<desc")


# --- the queue ------------------------------------------------------------------------------------


def test_two_people_at_the_queue_never_lose_each_other_s_change(desk: Desk) -> None:
    desk.visitor("is there a car park for bicycles at the clinic")
    entry = desk.entry("car park")
    change = {"version": str(entry.version), "tab": "open"}
    first = desk.be("ben").post(f"/staff/queue/{entry.id}", state="in_progress", **change)
    assert first.headers["location"] == "/staff/queue?tab=open"
    second = desk.be("anna").post(f"/staff/queue/{entry.id}", state="dismissed", **change)
    assert second.status_code == 409
    assert "ben was quicker: this is now “In progress”. You wanted “Dismissed”." in second.text
    assert desk.entry("car park").state == "in_progress"
    again = {"version": str(desk.entry("car park").version), "tab": "open"}
    assert desk.post(f"/staff/queue/{entry.id}", state="dismissed", **again).status_code == 303
    assert "car park" in desk.get("/staff/queue?tab=dismissed").text
    assert "car park" not in desk.get("/staff/queue").text


def test_an_entry_that_is_gone_or_a_state_that_is_none_is_told(desk: Desk) -> None:
    desk.be("ben")
    assert desk.post("/staff/queue/99999", state="solved", version="1").status_code == 404
    assert desk.post("/staff/queue/1", state="sold", version="1").status_code == 400
    assert desk.post("/staff/queue/one", state="solved", version="1").status_code == 422


# --- teaching -------------------------------------------------------------------------------------

MOON = "can we cycle on the moon"


def taught_form(desk: Desk, page: str, **changes: Any) -> dict[str, Any]:
    """The teach form of a page filled in with an answer of our own that rests on its first sentence."""
    fields = {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }
    question = re.search(r'<textarea id="question"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    sentence = re.search(r'name="sentence" value="([^"]+)"', page)
    assert question and sentence
    fields.pop("form")
    filled = {"question": html.unescape(question[1]), "kind": "answer", "text": "The moon is closed to bicycles.",
              "review_by": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400 * 200)),
              "sentence": html.unescape(sentence[1])}  # fmt: skip
    return {**fields, **filled, **changes}


def test_the_whole_loop_from_the_queue_and_back(desk: Desk, tmp_path: Path) -> None:
    before = desk.visitor(MOON, "could we cycle on the moon")
    assert {r["status"] for r in before} == {"abstained"}
    desk.be("anna")
    entry = desk.entry("on the moon")
    assert entry.asked == 2
    page = desk.post(
        "/staff/teach", question=f"{MOON}\ncould we cycle on the moon", entry=entry.id, seen=entry.version
    ).text
    form = taught_form(desk, page)
    preview = desk.post("/staff/teach", **form, step="preview").text
    assert "The moon is closed to bicycles." in preview.partition('id="side-after"')[2]
    assert desk.visitor(MOON)[0]["status"] == "abstained"  # nothing is kept by looking
    form["seen"] = desk.entry("on the moon").version
    kept = desk.post("/staff/teach", **form, step="keep")
    assert kept.headers["location"].startswith("/staff/taught?said=taught_said#lesson-")
    assert desk.entry("on the moon").state == "solved"
    for reply in desk.visitor(MOON, "could we cycle on the moon"):
        assert reply["status"] == "answered"
        assert "The moon is closed to bicycles." in reply["answer"]
        assert reply["citations"]
    lesson = desk.app.state.stage.serving.teacher.lessons.all()[0]
    assert MOON in [question for _, question, _ in taught_questions(desk.store)]
    shown = desk.get(f"/staff/taught/{lesson.id}").text
    assert "The moon is closed to bicycles." in shown.partition('id="side-before"')[2].partition('id="side-after"')[0]
    undone = desk.post(f"/staff/taught/{lesson.id}/undo", version=lesson.version)
    assert undone.headers["location"] == "/staff/taught?said=undone_done"
    assert desk.visitor(MOON)[0]["status"] == "abstained"
    assert desk.entry("on the moon").state == "new"
    assert MOON not in [question for _, question, _ in taught_questions(desk.store)]
    assert "anna undid this" in desk.get(f"/staff/taught/{lesson.id}").text
    again = desk.post(f"/staff/taught/{lesson.id}/undo", version=lesson.version)
    assert again.status_code == 409


def test_who_is_overtaken_sees_both_versions_and_loses_nothing(desk: Desk) -> None:
    desk.be("anna")
    question = "is the saddle made of cheese"
    form = taught_form(desk, desk.post("/staff/teach", question=question).text, text="The saddle is no cheese.")
    assert desk.post("/staff/teach", **form, step="keep").status_code == 303
    lesson = desk.app.state.stage.serving.teacher.lessons.all()[0]
    mine = taught_form(desk, desk.post("/staff/teach", lesson=lesson.id).text, text="Saddles hold no cheese.")
    assert mine["lesson"] == str(lesson.id)
    assert "The saddle is no cheese." in desk.post("/staff/teach", lesson=lesson.id).text
    carls = {**mine, "text": "Carl says there is no cheese."}
    assert desk.be("carl").post("/staff/teach", **carls, step="keep").status_code == 303
    told = desk.be("anna").post("/staff/teach", **mine, step="keep")
    assert told.status_code == 409
    assert "carl changed this in the meantime" in told.text
    assert "Carl says there is no cheese." in told.text
    assert "Saddles hold no cheese." in told.text
    anew = taught_form(desk, told.text, text="Saddles hold no cheese.")
    assert desk.post("/staff/teach", **anew, step="keep").status_code == 303
    lesson = desk.app.state.stage.serving.teacher.lessons.lesson(lesson.id)
    assert (lesson.text, lesson.author) == ("Saddles hold no cheese.", "anna")
    desk.post(f"/staff/taught/{lesson.id}/undo", version=lesson.version)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text": ""}, "at most 60 words"),
        ({"sentence": ""}, "at least one sentence"),
        ({"sentence": "none#1|0"}, "There is no passage"),
        ({"review_by": "soon"}, "by which day"),
        ({"question": " \n "}, "There is no question"),
        ({"kind": "wording"}, "Choose the one passage"),
    ],
    ids=str,
)
def test_what_is_incomplete_is_told_and_stays_filled_in(desk: Desk, changes: dict[str, str], told: str) -> None:
    desk.be("anna")
    page = desk.post("/staff/teach", question="how heavy is the chain").text
    form = taught_form(desk, page, **changes)
    for step in ("preview", "keep"):
        answer = desk.post("/staff/teach", **form, step=step)
        assert answer.status_code == 400
        assert told in answer.text
        assert html.escape(form["text"]) in answer.text


def test_other_passages_can_be_looked_for_and_chosen_ones_stay(desk: Desk) -> None:
    desk.be("anna")
    page = desk.post("/staff/teach", question="how often is the chain oiled").text
    form = taught_form(desk, page)
    found = desk.post("/staff/teach", **form, look="how high should the saddle be", step="look").text
    assert f'value="{html.escape(form["sentence"])}" checked' in found
    assert "addle" in found


def test_a_question_is_never_in_an_address(desk: Desk) -> None:
    desk.be("anna")
    for path in ("/staff", "/staff/queue", "/staff/taught"):
        for address in re.findall(r'(?:href|action)="(/staff[^"]*)"', desk.get(path).text):
            assert re.fullmatch(r"/staff(/\w+)*(\?(tab|days|said)=\w+)?(/static/.*)?|/staff/static/.*", address), (
                address
            )
