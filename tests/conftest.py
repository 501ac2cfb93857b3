"""The fixtures: databases, time, mail and a browser, each of them real where a fake could lie."""

import contextlib
import datetime as dt
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from argon2 import profiles

from prom_service.db import engines
from prom_service.runtime import Runtime, build
from prom_service.services import staff
from prom_service.settings import Settings
from tests.builders import SECRET
from tests.fakes import Clock
from tests.support import browser as browsers
from tests.support import database
from tests.support.compiled import compiled_once
from tests.support.postgres import postgres
from tests.support.reused import Reused
from tests.support.smtp import SmtpServer
from tests.support.web import serving

_apps: dict[Settings, Any] = {}
UNATTENDED = {"autovacuum": "off"}  # Nothing is gathered of one test that the planner uses in the next.
SERVER = "TEST_POSTGRES_URL"  # names the server for a run in several processes; may also be set to use one's own


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="the same tests with full counts; takes hours rather than minutes"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Set how thoroughly examples are drawn, and start the one PostgreSQL that several processes share."""
    hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, database=None)
    hypothesis.settings.register_profile("full", deadline=None, max_examples=2000)
    hypothesis.settings.load_profile("full" if config.getoption("full") else "quick")
    if hasattr(config, "workerinput"):
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # A run that is told to stop takes its servers along.
    if config.getoption("numprocesses", None) and SERVER not in os.environ:
        running = contextlib.ExitStack()
        os.environ[SERVER] = running.enter_context(postgres(**UNATTENDED))
        running.callback(os.environ.pop, SERVER)
        config.add_cleanup(running.close)


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether the full counts were asked for (`./run test --full`)."""
    return bool(pytestconfig.getoption("full"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the maintenance database of a running PostgreSQL."""
    with contextlib.nullcontext(os.environ[SERVER]) if SERVER in os.environ else postgres(**UNATTENDED) as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords hashed with little effort; that of the service is tested where accounts are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staff, "EFFORT", profiles.CHEAPEST)
        yield


@pytest.fixture(scope="session", autouse=True)
def durable_commits() -> Iterator[str]:
    """How the service commits on SQLite. Tests do not wait for the disk: none of them lives through a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        kept = engines.SYNCHRONOUS
        patch.setattr(engines, "SYNCHRONOUS", "OFF")
        yield kept


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """Half of the time of a test would go into compiling what another has compiled."""
    with compiled_once():
        yield


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    return database.migrated_postgres(postgres_server)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return database.migrated_sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def reused_postgres(postgres_server: str, postgres_template: str) -> Iterator[Reused]:
    with contextlib.closing(Reused(postgres_server, postgres_template)) as reused:
        yield reused


@pytest.fixture
def postgres_url(reused_postgres: Reused) -> Iterator[str]:
    """A migrated PostgreSQL database in which nothing is left of the tests before."""
    with reused_postgres.lent() as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    return database.copy_sqlite(sqlite_template, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database: the test runs once on each kind."""
    return str(request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]))


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at a working morning, 08:00 UTC on Monday 2 March 2026, until the test moves it."""
    return Clock(dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC))


@pytest.fixture
def runtime(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Runtime]:
    """The service on a fresh database, living by the test's clock, with a mailbox of its own."""
    settings = Settings(
        env="test",
        database_url=database_url,
        secret_key=SECRET.decode(),
        mailbox_dir=str(tmp_path / "mailbox"),
        api_rate_limit=0,  # Tests ask more often than anybody would.
    )
    built = build(settings, clock=clock.now)
    yield built
    built.engine.dispose()


@pytest.fixture
def app(runtime: Runtime) -> Iterator[Any]:
    """The web application of this test."""
    with _lent_app(runtime) as app:
        yield app


@pytest.fixture
def app_of() -> Iterator[Callable[[Runtime], Any]]:
    """A way to the web application over a runtime that the test makes itself."""
    with contextlib.ExitStack() as lent:
        yield lambda runtime: lent.enter_context(_lent_app(runtime))


@contextlib.contextmanager
def _lent_app(runtime: Runtime) -> Iterator[Any]:
    """Yield the application over ``runtime``, built once for all of one kind: building takes longer than most tests."""
    from prom_service.app import create_app  # Flask and its schemas take a second, and few tests need them.
    from prom_service.web import context

    kind = replace(runtime.settings, database_url="", mailbox_dir="")
    if kind not in _apps:
        _apps[kind] = create_app(runtime)
    app = _apps[kind]
    built, door, pages = dict(app.config), app.wsgi_app, dict(app.extensions["prom.error_pages"])
    app.extensions["prom"] = runtime.confined(context.reach)
    for remembered in ("prom.keys_noted", "prom.looks_noted"):
        app.extensions[remembered] = {}
    try:
        yield app
    finally:
        app.wsgi_app, app.extensions["prom.error_pages"] = door, pages
        app.config.clear()
        app.config.update(built)


@pytest.fixture
def client(app: Any) -> Any:
    """A program or browser that talks to the application without a socket."""
    return app.test_client()


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    """A running SMTP server that takes everything until the test scripts a fault."""
    with SmtpServer() as server:
        yield server


@pytest.fixture(scope="session")
def judges() -> Iterator[Any]:
    """Two validators of FHIR R4: ``judges.faults(resource)`` is what either finds."""
    from tests.support import fhir  # Few tests need them.

    with fhir.judges() as both:
        yield both


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium."""
    with browsers.chromium() as running:
        yield running


@pytest.fixture
def base_url(app: Any) -> Iterator[str]:
    """Where the application of this test is served."""
    with serving(app) as url:
        yield url


@pytest.fixture
def page(browser: Any, base_url: str) -> Iterator[Any]:
    """A page on a phone, 390 by 844, with the application at relative addresses."""
    with browsers.phone(browser, base_url) as page:
        yield page


@pytest.fixture
def page_without_scripts(browser: Any, base_url: str) -> Iterator[Any]:
    """The same phone with JavaScript switched off."""
    with browsers.phone(browser, base_url, java_script_enabled=False) as page:
        yield page
