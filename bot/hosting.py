"""Many clinics' sites in one server: whose site a request is for, each clinic's own limits, new versions taken up.

A request is for the clinic whose host name it names. At a host of no clinic, ``/t/NAME/api/...`` is the API of one:
pages hold addresses from the root, so they want a host of their own. Sites are loaded when first asked for, and the
ones that nobody asked for the longest are let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.accounts import Lasting
from bot.config import Config
from bot.errors import BotError, TenantMissing, VersionMissing
from bot.guard import Buckets, Limits, asks
from bot.staff import Store
from bot.stage import RETRY
from bot.stores.tenants import Tenant, host_of

if TYPE_CHECKING:
    from bot.stores.postgres import PostgresStore

log = logging.getLogger(__name__)
_PREFIX = re.compile(r"/t/([a-z0-9-]{1,63})(/api/.*|/readyz)\Z")
_NOBODY = "No clinic's questions are answered at this address."
_GRACE = 30.0  # seconds that a replaced site may finish what it began
_AGAIN = 5.0  # seconds until what could not be loaded is tried again
_UNKNOWN = 1000  # host names of nobody that are remembered; whoever makes up more is looked up again
Make = Callable[[Tenant, Callable[[], None], Callable[[BotError], None]], FastAPI]


@dataclass(eq=False)
class Site:
    """One clinic's site. ``version`` is the number that was current when it began to load."""

    app: FastAPI
    tenant: Tenant
    asked: Buckets
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    failed: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Load, and stay until ``ended``."""
        self.task = asyncio.create_task(self._live())

    async def _live(self) -> None:
        async with self.app.router.lifespan_context(self.app):
            await self.ended.wait()
        self.app.state.stage.store.close()

    async def end(self) -> None:
        """Let go of it."""
        self.ended.set()
        if self.task:
            await self.task


class Hosting:
    """ASGI app: every clinic's site. ``make`` makes one, to be told when it is ready or has failed."""

    def __init__(self, store: PostgresStore, make: Make, most: int, on_start: Callable[[], None]) -> None:
        from bot.stores.directory import Directory
        from bot.stores.listener import Listener

        self._store = store
        self._make = make
        self._most = most
        self._on_start = on_start
        self._sites: OrderedDict[str, Site] = OrderedDict()  # by name, the one asked last at the end
        self._names: dict[str, str | None] = {}  # by host name
        self._leaving: set[Site] = set()
        self._renewing: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.listener = Listener(store.database.url, self._told)
        self._directory = Directory(store, self.listener)
        self.state = SimpleNamespace(stage=self)

    @property
    def database(self) -> str:
        """What ``/readyz`` says of the database."""
        return "connected" if self.listener.connected else "lost: read-only, answering from what was loaded last"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the site it is for."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            app, scope = await self._found(scope)
            await app(scope, receive, send)

    async def _found(self, scope: Scope) -> tuple[ASGIApp, Scope]:
        """Who answers a request, and the request as the site knows it."""
        path = scope["path"]
        if path == "/healthz":
            return JSONResponse({"status": "ok"}), scope
        host = host_of(Headers(scope=scope).get("host", ""))
        try:
            name = await self._name(host)
            prefixed = _PREFIX.match(path) if name is None else None
            if prefixed:
                name, path = prefixed[1], prefixed[2]
                scope = {**scope, "path": path, "raw_path": path.encode()}
            if name is None:
                alone = {"status": "ready", "database": self.database}
                return (JSONResponse(alone) if path == "/readyz" else JSONResponse({"detail": _NOBODY}, 421)), scope
            site = await self._site(name)
        except TenantMissing:
            return JSONResponse({"detail": _NOBODY}, 421), scope
        except BotError as error:
            log.error("%s", error)
            return JSONResponse({"detail": "The clinic's articles can't be read just now."}, 503, RETRY), scope
        return self._refusal(site, scope) or site.app, scope

    def _refusal(self, site: Site, scope: Scope) -> ASGIApp | None:
        """What is answered in the site's place: how it is, or that its clinic's visitors ask too much."""
        if scope["path"] == "/readyz" and site.ready.is_set() and not site.failed:
            status = "ready" if self.listener.connected else "degraded"
            version = site.app.state.stage.bot.index_version
            return JSONResponse({"status": status, "index_version": version, "database": self.database})
        wait = site.asked.take("") if asks(scope) else 0.0
        if not wait:
            return None
        detail = "This clinic is asked too much just now. Please try again in a minute."
        return JSONResponse({"detail": detail}, 429, {"retry-after": str(int(wait) + 1)})

    async def _name(self, host: str) -> str | None:
        """The clinic at a host name."""
        if not host:
            return None
        if host not in self._names:
            name = await to_thread.run_sync(self._directory.hosted, host)
            if len(self._names) > self._most + _UNKNOWN:
                self._names.clear()
            self._names[host] = name
        return self._names[host]

    async def _site(self, name: str) -> Site:
        """A clinic's site, loading where it is asked for the first time."""
        if name not in self._sites:
            tenant = await to_thread.run_sync(self._directory.tenant, name)
            if name not in self._sites:  # meanwhile
                self._sites[name] = self._made(tenant)
                self._sites[name].start()
        self._sites.move_to_end(name)
        while len(self._sites) > self._most:
            _, oldest = self._sites.popitem(last=False)
            self._do(self._let_go(oldest))
        return self._sites[name]

    def _made(self, tenant: Tenant) -> Site:
        """A site that has not been started."""
        name = tenant.name
        if tenant.current is None:
            raise VersionMissing(f"{name}: nothing is published yet: run 'python -m bot publish {name}'")
        site: Site

        def failed(error: BotError) -> None:
            log.error("%s: %s", name, error)
            site.failed = True
            site.ready.set()
            self._do(self._let_go(site, _AGAIN))

        site = Site(self._make(tenant, lambda: site.ready.set(), failed), tenant, _buckets(tenant))
        return site

    async def _let_go(self, site: Site, after: float = 0.0) -> None:
        """End a site after a while: it may finish what it began, or not every request shall try again."""
        self._leaving.add(site)
        await asyncio.sleep(after)
        if self._sites.get(site.tenant.name) is site:
            del self._sites[site.tenant.name]
        await site.end()
        self._leaving.discard(site)

    # ---- new versions ------------------------------------------------------------------------------------------------

    def _told(self, name: str | None) -> None:
        """Called by the listener, in its thread."""
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._changed, name)

    def _changed(self, name: str | None) -> None:
        self._names.clear()
        for one in [name] if name else list(self._sites):
            if one in self._sites:
                self._do(self._renewed(one))

    async def _renewed(self, name: str) -> None:
        """Load a clinic's new version beside the one that answers, and put it in its place; one after the other."""
        async with self._renewing.setdefault(name, asyncio.Lock()):
            before = self._sites.get(name)
            if before is None:
                return
            try:
                tenant = await to_thread.run_sync(self._directory.tenant, name)
                if self.listener.lost or tenant.current == before.tenant.current:
                    if tenant != before.tenant:
                        before.tenant, before.asked = tenant, _buckets(tenant)
                    return
                site = self._made(tenant)
            except TenantMissing:
                self._do(self._let_go(before))
                return
            except BotError as error:
                log.error("%s: %s", name, error)  # told again when the database is back
                return
            site.start()
            await site.ready.wait()
            if site.failed or self._sites.get(name) is not before:
                self._do(self._let_go(site))
                return
            self._sites[name] = site
            log.info("%s: version %s is served", name, site.tenant.current)
            self._do(self._let_go(before, _GRACE))

    def _do(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- beginning and end -------------------------------------------------------------------------------------------

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        await receive()
        self.listener.start()
        await send({"type": "lifespan.startup.complete"})
        self._on_start()
        await receive()
        await to_thread.run_sync(self.listener.stop)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(site.end() for site in {*self._sites.values(), *self._leaving}))
        self._store.close()
        await send({"type": "lifespan.shutdown.complete"})

    def close_streams(self) -> None:
        """Let go of what open pages hold on to, before the server waits for answers under way."""
        for site in self._sites.values():
            site.app.state.stage.close_streams()


def _buckets(tenant: Tenant) -> Buckets:
    return Buckets(Limits(burst=tenant.per_minute, per_second=tenant.per_minute / 60))


def create_hosting(config: Config, on_start: Callable[[], None]) -> Hosting:
    """All clinics' sites from the database of ``config``.

    Raises:
        ConfigError: it is not set, or its driver is not installed.
    """
    from bot.stores.directory import load
    from bot.stores.opening import opened
    from bot.stores.tenant_state import TenantState
    from bot.web import create_app

    store = opened(config)
    lasting = Lasting(60.0 * config.staff_idle_minutes, 3600.0 * config.staff_hours)

    def make(tenant: Tenant, ready: Callable[[], None], failed: Callable[[BotError], None]) -> FastAPI:
        name, file = tenant.name, config.of_tenant(tenant.name).state
        if file.is_file():
            log.warning("%s is not read any more: 'python -m bot tenant import-state %s' puts it in place", file, name)
        state = TenantState(store.database, name, hosting.listener)
        records = Store(state, remembered=store.cache.root / name / "taught.json")
        return create_app(
            lambda: load(store, config, name), store=records, parents=config.embed_parents,
            lasting=lasting, keep=config.keep, retention_days=config.retention_days, on_ready=ready, on_failure=failed,
        )  # fmt: skip

    hosting = Hosting(store, make, config.tenants, on_start)
    return hosting
