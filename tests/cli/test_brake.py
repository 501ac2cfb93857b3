"""`prom brake`."""

import datetime as dt
import json

from prom_service.models import Brake
from prom_service.runtime import build
from prom_service.settings import Settings
from tests.cli.conftest import Prom

THEN = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)


def test_a_brake_is_shown_with_its_reason_and_released_once(prom_on_both: Prom, database_url: str) -> None:
    runtime = build(Settings(env="test", database_url=database_url))
    before = prom_on_both("brake", "show")
    with runtime.transaction() as session:
        session.add(Brake(reason="clock_jumped", detail="the clock was set by +720.0 hours", pulled_at=THEN))
    runtime.engine.dispose()

    shown = prom_on_both("brake", "show")
    as_json = json.loads(prom_on_both("brake", "show", "--json").stdout)
    released = [prom_on_both("brake", "release").stdout for _ in range(2)]

    assert before.stdout == "Emails go out.\n"
    assert shown.stdout == "No emails go out since 2026-03-03 12:00 UTC: the clock was set by +720.0 hours.\n"
    assert (as_json["sending"], as_json["brake"]["reason"]) == (False, "clock_jumped")
    assert released == ["Emails go out again.\n", "Nothing was stopped.\n"]
