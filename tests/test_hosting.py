"""Several clinics in one server, over a real PostgreSQL: whose site it is, and what can't be crossed."""

from __future__ import annotations

import datetime
import io
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg import sql

from bot import __main__ as command_line
from bot.accounts import Accounts
from bot.config import Config
from bot.errors import StoreError, TenantMissing
from bot.figures import figures
from bot.hosting import create_hosting
from bot.lessons import Lessons
from bot.sign_in import SESSION
from bot.staff import Store
from bot.stores.opening import opened
from bot.stores.postgres import PostgresStore
from bot.stores.tenant_state import TenantState
from bot.stores.tenants import change, export, host_of, told
from tests.servers import database_in
from tests.test_lessons import NEVER
from tests.test_staff_ui import CLOSED

PASSWORD = "a long spoke and a bell"
TAUGHT = "which saddle is the softest"


@dataclass
class Clinics:
    """A server of two clinics, ``spokes`` and ``bells``; a third has no articles yet."""

    config: Config
    store: PostgresStore
    client: TestClient

    def get(self, host: str, path: str, **more: str) -> tuple[int, str]:
        found = self.client.get(path, headers={"host": host, **more})
        return found.status_code, found.text

    def ask(self, host: str, question: str, path: str = "/api/ask") -> tuple[int, str]:
        found = self.client.post(path, json={"message": question}, headers={"host": host})
        return found.status_code, found.text

    def until(self, done: Callable[[], bool], seconds: float = 300.0) -> None:
        """Wait for what happens in the background."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end
            time.sleep(0.05)


def records(store: PostgresStore, name: str) -> Store:
    """What is kept of a clinic's people."""
    return Store(TenantState(store.database, name))


@pytest.fixture(scope="module")
def clinics(
    postgres: str, bicycle: Config, longer: Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clinics]:
    folder = tmp_path_factory.mktemp("hosting")
    with database_in(postgres) as url:
        config = replace(bicycle, database_url=url, fetched=folder / "versions", state=folder / "faq.sqlite", tenants=2)
        store = opened(config)
        store.database.migrate()
        for name in ("spokes", "bells", "empty"):
            store.create(name)
            change(store.database, name, hosts=[f"{name}.example"])
        store.publish("spokes", bicycle)
        corpus = folder / "corpus"
        shutil.copytree(longer.corpus, corpus)
        (corpus / "clinic.toml").write_text('name = "Bell Lane"\nphone = "555-0777"\n', encoding="utf-8")
        store.publish("bells", replace(longer, corpus=corpus))
        for name in ("spokes", "bells"):
            Accounts(records(store, name)).add(f"{name}-anna", PASSWORD, "editor")
        with TestClient(create_hosting(config, lambda: None), base_url="http://nobody.example") as client:
            made = Clinics(config, store, client)
            for name in ("spokes", "bells"):
                made.until(lambda name=name: made.get(f"{name}.example", "/readyz")[0] == 200)  # type: ignore[misc]
            yield made
        store.database.close()


# ---- whose site ------------------------------------------------------------------------------------------------------


def test_each_host_gets_its_own_clinic(clinics: Clinics) -> None:
    assert "555-0100" in clinics.ask("spokes.example", "what is bitcoin")[1]
    assert "555-0777" in clinics.ask("bells.example", "what is bitcoin")[1]
    assert "555-0777" in clinics.ask("BELLS.example.:8080", "what is bitcoin")[1]


def test_the_api_of_a_clinic_has_a_prefix_where_no_clinic_is_at_home(clinics: Clinics) -> None:
    assert "555-0777" in clinics.ask("nobody.example", "what is bitcoin", "/t/bells/api/ask")[1]
    assert "555-0100" in clinics.ask("nobody.example", "what is bitcoin", "/t/spokes/api/ask")[1]
    assert clinics.get("nobody.example", "/t/bells/readyz")[0] == 200
    assert clinics.ask("spokes.example", "what is bitcoin", "/t/bells/api/ask")[0] in (404, 405)
    assert clinics.get("nobody.example", "/t/bells/staff")[0] == 421
    assert clinics.ask("nobody.example", "x", "/t/no-such/api/ask")[0] == 421


@pytest.mark.parametrize(
    "host", ["nobody.example", "", "spokes.example.evil", "evil spokes.example", "spokes.example/x", "é"]
)
def test_an_unknown_or_forged_host_gets_nothing(clinics: Clinics, host: str) -> None:
    for path in ("/", "/ask?q=chain", "/api/docs", "/staff", "/source/001-chain", "/chat/", "/metrics"):
        code = clinics.client.get(path, headers=[(b"host", host.encode())]).status_code
        assert code == 421, path
    forwarded = {"x-forwarded-host": "spokes.example", "forwarded": "host=spokes.example"}
    assert clinics.client.get("/api/docs", headers={"host": "nobody.example", **forwarded}).status_code == 421


def test_host_names_are_read_strictly() -> None:
    read = {"A.example:80": "a.example", "a.example.": "a.example", "[::1]:80": "", "a..b": "", "a b": "", "": ""}
    assert {header: host_of(header) for header in read} == read


def test_a_server_without_a_clinic_says_how_it_is(clinics: Clinics) -> None:
    assert clinics.get("10.0.0.1", "/healthz") == (200, '{"status":"ok"}')
    code, text = clinics.get("nobody.example", "/readyz")
    assert code == 200
    assert '"database":"connected"' in text


# ---- what can't be crossed -------------------------------------------------------------------------------------------


def test_an_article_of_another_clinic_is_not_found(clinics: Clinics) -> None:
    for path in ("/source/004-bell", "/api/passages/004-bell"):
        assert clinics.get("bells.example", path)[0] == 200
        assert clinics.get("spokes.example", path)[0] == 404


def signed_in(clinics: Clinics, name: str) -> str:
    """The token of a session at a clinic's front desk."""
    return str(Accounts(records(clinics.store, name)).sign_in(f"{name}-anna", PASSWORD, "127.0.0.1").token)


def test_a_session_at_one_front_desk_opens_no_other(clinics: Clinics) -> None:
    cookie = f"{SESSION}={signed_in(clinics, 'spokes')}"
    paths = [path for method, path in CLOSED if method == "GET" and "{" not in path]
    assert len(paths) > 4
    for path in paths:
        own = clinics.client.get(path, headers={"host": "spokes.example", "cookie": cookie}, follow_redirects=False)
        other = clinics.client.get(path, headers={"host": "bells.example", "cookie": cookie}, follow_redirects=False)
        assert own.headers.get("location") != "/staff/login", path
        assert (other.status_code, other.headers["location"]) == (303, "/staff/login"), path


def test_what_is_exported_is_all_of_one_clinic_and_nothing_of_another(clinics: Clinics, tmp_path: Path) -> None:
    target = tmp_path / "bells.zip"
    export(clinics.store, "bells", target)
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        everything = b"\n".join(archive.read(name) for name in names)
    assert {"tenant.json", "state.sqlite", "versions/1/corpus/004-bell.md", "versions/1/corpus/clinic.toml"} <= names
    assert any(name.endswith("manifest.json") for name in names)
    assert b"bells-anna" in everything
    assert b"555-0777" in everything
    for foreign in (b"spokes.example", b"spokes-anna", b"555-0100"):
        assert foreign not in everything
    with pytest.raises(StoreError, match="there already"):
        export(clinics.store, "bells", target)
    assert [p.name for p in tmp_path.iterdir()] == ["bells.zip"]


def test_a_host_has_one_clinic(clinics: Clinics) -> None:
    with pytest.raises(StoreError, match="another tenant's"):
        change(clinics.store.database, "spokes", hosts=["spokes.example", "bells.example"])
    with pytest.raises(StoreError, match="no host name"):
        change(clinics.store.database, "spokes", hosts=["Spokes.example"])
    with pytest.raises(StoreError, match="limit"):
        change(clinics.store.database, "spokes", per_minute=0)
    assert told(clinics.store.database, "spokes").hosts == ("spokes.example",)


# ---- limits, versions, losing the database ---------------------------------------------------------------------------


def test_a_clinic_without_articles_says_so_and_disturbs_nobody(clinics: Clinics) -> None:
    clinics.until(lambda: clinics.get("empty.example", "/api/docs")[0] == 503)
    assert "555-0100" in clinics.ask("spokes.example", "what is bitcoin")[1]


def test_a_new_version_is_served_and_taken_back_without_a_restart(clinics: Clinics, longer: Config) -> None:
    bell = "/source/004-bell"
    assert clinics.get("spokes.example", bell)[0] == 404
    clinics.store.publish("spokes", longer)
    clinics.until(lambda: clinics.get("spokes.example", bell)[0] == 200)
    clinics.store.activate("spokes", 1)
    clinics.until(lambda: clinics.get("spokes.example", bell)[0] == 404)


def test_a_clinic_that_is_asked_too_much_waits_and_others_do_not(clinics: Clinics) -> None:
    change(clinics.store.database, "bells", per_minute=3)
    clinics.until(lambda: 429 in [clinics.ask("bells.example", "bell")[0] for _ in range(5)])
    assert clinics.ask("spokes.example", "chain")[0] == 200
    change(clinics.store.database, "bells", per_minute=600)
    clinics.until(lambda: {clinics.ask("bells.example", "bell")[0] for _ in range(5)} == {200})


def test_what_is_taught_at_one_clinic_is_answered_there_and_nowhere_else(clinics: Clinics) -> None:
    assert '"handoff"' not in clinics.ask("spokes.example", TAUGHT)[1]
    kept = Lessons(records(clinics.store, "spokes")).teach(replace(NEVER, wordings=(TAUGHT,)))  # by another process
    clinics.until(lambda: '"handoff"' in clinics.ask("spokes.example", TAUGHT)[1])
    assert '"handoff"' not in clinics.ask("bells.example", TAUGHT)[1]
    Lessons(records(clinics.store, "spokes")).undo(kept.id, kept.version, "bo")
    clinics.until(lambda: '"handoff"' not in clinics.ask("spokes.example", TAUGHT)[1])


def test_without_the_database_the_last_version_answers_and_readyz_says_so(clinics: Clinics, postgres: str) -> None:
    Lessons(records(clinics.store, "spokes")).teach(replace(NEVER, wordings=(TAUGHT,)))
    clinics.until(lambda: '"handoff"' in clinics.ask("spokes.example", TAUGHT)[1])
    asked = replies(clinics)
    name = psycopg.conninfo.conninfo_to_dict(clinics.config.database_url)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as connection:
        closed = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        connection.execute(closed.format(sql.Identifier(str(name)), sql.Literal(False)))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            clinics.until(lambda: '"status":"degraded"' in clinics.get("spokes.example", "/readyz")[1])
            assert "555-0100" in clinics.ask("spokes.example", "what is bitcoin")[1]
            assert '"handoff"' in clinics.ask("spokes.example", TAUGHT)[1]
            helped = {"index_version": "v", "status": "answered", "helpful": True}
            ours = {"host": "spokes.example", "sec-fetch-site": "same-origin"}
            assert clinics.client.post("/api/feedback", json=helped, headers=ours).status_code == 503
            assert clinics.get("spokes.example", "/staff", cookie=f"{SESSION}=x")[0] == 503
            with TestClient(create_hosting(clinics.config, lambda: None)) as late:  # a server that starts now
                ready = {"host": "spokes.example"}
                clinics.until(lambda: late.get("/readyz", headers=ready).status_code == 200)
                assert "degraded" in late.get("/readyz", headers=ready).text
                taught = late.post("/api/ask", json={"message": TAUGHT}, headers=ready)
                assert taught.json()["status"] == "handoff"  # it remembers
        finally:
            connection.execute(closed.format(sql.Identifier(str(name)), sql.Literal(True)))
    clinics.until(lambda: '"status":"ready"' in clinics.get("spokes.example", "/readyz")[1])
    assert clinics.client.post("/api/feedback", json=helped, headers=ours).status_code == 204
    clinics.ask("spokes.example", "what is bitcoin")
    clinics.until(lambda: replies(clinics) > asked)


def replies(clinics: Clinics) -> int:
    """How many questions are counted at one of the clinics."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return figures(records(clinics.store, "spokes"), "2026-01-01", today).asked


# ---- the command line ------------------------------------------------------------------------------------------------


def test_tenants_from_the_command_line(
    clinics: Clinics,
    longer: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"DATABASE_URL": clinics.config.database_url, "FETCHED": tmp_path / "versions", "ADAPT": 0}
    for key, value in {**settings, "STATE": tmp_path / "faq.sqlite"}.items():
        monkeypatch.setenv(f"FAQ_{key}", str(value))
    name = f"made-{secrets.token_hex(3)}"

    def run(*arguments: str | Path) -> tuple[int, str]:
        code = command_line.main([str(a) for a in arguments])
        told = capsys.readouterr()
        return code, told.out + told.err

    corpus = ("--corpus", clinics.config.corpus, "--index", clinics.config.index)
    assert run("tenant", "migrate") == (0, "the tables are up to date\n")
    assert run("tenant", "create", name, "--host", "made.example", "--per-minute", "90")[0] == 0
    assert run("publish", name, *corpus)[0] == 0
    assert f"{name}: version 1, 20000 passages, 90 questions a minute, made.example" in run("tenant", "list")[1]
    assert "(current)" in run("tenant", "versions", name)[1]
    assert run("tenant", "rollback", name)[0] == 1
    assert "version 2" in run("publish", name, "--corpus", longer.corpus, "--index", longer.index)[1]
    for arguments, current in (((), 1), (("2",), 2), (("1",), 1)):
        assert f"{name}: version {current} (" in run("tenant", "rollback", name, *arguments)[1]
        assert [v.number for v in clinics.store.versions(name) if v.current] == [current]
    assert run("tenant", "rollback", name, "3")[0] == 1
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert "--tenant" in run("staff", "list")[1]
    assert run("staff", "--tenant", name, "add", "cy")[1].startswith("made cy (staff")
    assert "cy (staff" in run("staff", "--tenant", name, "list")[1]
    assert run("staff", "--tenant", "no-such", "list")[0] == 1
    assert "pg_dump" in run("staff", "--tenant", name, "backup", tmp_path / "copy")[1]
    assert run("staff", "--tenant", name, "remove", "cy")[0] == 0
    assert run("tenant", "export", name, tmp_path / "made.zip")[0] == 0
    assert (tmp_path / "made.zip").is_file()
    assert "--yes" in run("tenant", "delete", name)[1]
    assert run("tenant", "delete", name, "--yes") == (0, f"deleted: {name}\n")
    assert run("tenant", "versions", name)[0] == 1
    with pytest.raises(TenantMissing):
        clinics.store.versions(name)


def test_what_a_machine_kept_of_a_clinic_is_taken_over_and_never_lost(
    clinics: Clinics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"DATABASE_URL": clinics.config.database_url, "FETCHED": tmp_path, "STATE": tmp_path / "faq.sqlite"}
    for key, value in settings.items():
        monkeypatch.setenv(f"FAQ_{key}", str(value))
    name = f"moved-{secrets.token_hex(3)}"
    file = replace(clinics.config, state=tmp_path / "faq.sqlite").of_tenant(name).state
    alone = Store(file)
    Accounts(alone).add("cy", PASSWORD)
    alone.close()

    def run(*arguments: str | Path) -> tuple[int, str]:
        code = command_line.main(["tenant", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out + told.err

    assert run("create", name)[0] == 0
    for deed in (("export", name, tmp_path / "made.zip"), ("delete", name, "--yes")):
        assert "was never imported" in run(*deed)[1]
    assert "imported: 2 rows" in run("import-state", name)[1]  # the account, and that it was made
    assert (file.exists(), file.with_name(f"{file.name}.imported").is_file()) == (False, True)
    assert Accounts(records(clinics.store, name)).sign_in("cy", PASSWORD, "127.0.0.1")
    assert "something in its table" in run("import-state", name, f"{file}.imported")[1]
    assert run("delete", name, "--yes")[0] == 0
    assert not list(file.parent.iterdir())
