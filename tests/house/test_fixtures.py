"""What the fixtures promise to every other test."""

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import CacheStats

from prom_service.db import make_engine
from tests.support.database import empty_postgres
from tests.support.reused import Reused

ROOT = Path(__file__).parents[2]


@pytest.fixture
def app() -> Callable[..., Any]:
    """The smallest application: it greets, and names the script that would have to run."""

    def greet(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [b"<title>Hello</title><p>still</p><script>document.querySelector('p').textContent = 'moved'</script>"]

    return greet


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_has_a_database_of_its_own(database_url: str, turn: int) -> None:
    engine = make_engine(database_url)

    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE mark (turn INTEGER)")
        connection.exec_driver_sql(f"INSERT INTO mark VALUES ({turn})")
        turns = connection.exec_driver_sql("SELECT turn FROM mark").scalars().all()
    engine.dispose()

    assert turns == [turn]


def test_a_database_is_migrated_before_the_test_begins(database_url: str) -> None:
    engine = make_engine(database_url)

    tables = sa.inspect(engine).get_table_names()
    engine.dispose()

    assert {"alembic_version", "episode"} <= set(tables)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE mark (turn INTEGER)",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "REVOKE SELECT ON clinic FROM prom_web",
    ],
)
def test_a_postgresql_whose_tables_a_test_changed_is_not_lent_again(reused_postgres: Reused, change: str) -> None:
    with reused_postgres.lent() as first:
        run(first, change)
    with reused_postgres.lent() as second:
        pass

    assert second != first


CUT_THE_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_a_postgresql_of_which_a_test_cut_every_connection_is_not_lent_again(reused_postgres: Reused) -> None:
    with reused_postgres.lent() as first:
        run(first, CUT_THE_OTHERS)
    with reused_postgres.lent() as second:
        pass

    assert second != first


def test_a_postgresql_is_lent_again_without_what_a_test_wrote(reused_postgres: Reused) -> None:
    tables = ("organisation", "audit_entry", "alembic_version")  # one is guarded, one holds a row from the start

    with reused_postgres.lent() as first:
        before = [run(first, f"SELECT count(*) FROM {table}") for table in tables]
        run(first, "INSERT INTO organisation VALUES (gen_random_uuid(), 'Group', now(), '')")
        run(
            first,
            "INSERT INTO audit_entry (id, clinic_id, recorded_at, actor, act, subjects, detail, mac)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), now(), 'system', 'message.sent', '{}', '', '')",
        )
        run(first, "DELETE FROM alembic_version")
        run(first, "SELECT nextval('saved_answer_id_seq')")
    with reused_postgres.lent() as second:
        after = [run(second, f"SELECT count(*) FROM {table}") for table in tables]
        number = run(second, "SELECT nextval('saved_answer_id_seq')")

    assert second == first
    assert after == before
    assert number == [1]


def run(url: str, statement: str) -> list[Any]:
    """Run one statement and return the first column of what it finds."""
    engine = make_engine(url)
    with engine.begin() as connection:
        found = connection.exec_driver_sql(statement)
        rows = list(found.scalars()) if found.returns_rows else []
    engine.dispose()
    return rows


def test_engines_share_what_was_compiled_and_nothing_else(database_url: str) -> None:
    heard: list[str] = []
    first = make_engine(database_url)
    sa.event.listen(first, "before_cursor_execute", lambda *parts: heard.append(parts[2]))
    asked = sa.select(sa.literal("compiled by the first"))

    with first.connect() as connection:
        connection.execute(asked)
    second = make_engine(database_url)
    with second.connect() as connection:
        cache_hit = connection.execute(asked).context.cache_hit
    first.dispose()
    second.dispose()

    assert cache_hit is CacheStats.CACHE_HIT
    assert second.pool is not first.pool
    assert len([statement for statement in heard if "SELECT" in statement]) == 1


def test_an_empty_database_beside_the_migrated_one_has_no_tables(postgres_server: str, postgres_url: str) -> None:
    with empty_postgres(postgres_server) as url:
        engine = make_engine(url)
        tables = sa.inspect(engine).get_table_names()
        engine.dispose()

    assert url != postgres_url
    assert tables == []


def test_a_clock_moves_on_and_never_back(clock: Any) -> None:
    before = clock.now()

    clock.advance(days=42, hours=1)

    assert (clock.now() - before).total_seconds() == 42 * 86400 + 3600
    with pytest.raises(ValueError, match="does not go back"):
        clock.move_to(before)


def test_the_application_is_reached_over_a_socket(base_url: str) -> None:
    with urllib.request.urlopen(base_url, timeout=5) as answer:
        body = answer.read()

    assert b"Hello" in body


def test_a_page_runs_scripts_on_a_phone(page: Any) -> None:
    page.goto("/")

    assert page.text_content("p") == "moved"
    assert page.viewport_size == {"width": 390, "height": 844}


def test_a_page_without_scripts_runs_none(page_without_scripts: Any) -> None:
    page_without_scripts.goto("/")

    assert page_without_scripts.text_content("p") == "still"


def test_a_run_that_does_not_need_them_does_not_wait_for_slow_packages() -> None:
    slow = {"flask", "pandas", "playwright", "schemathesis"}
    script = f"import tests.conftest, sys; sys.exit(', '.join({slow!r} & set(sys.modules)) or 0)"

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
