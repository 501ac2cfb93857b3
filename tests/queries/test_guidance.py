"""The guidance of a missed survey sends nobody after answers that can no longer be taken."""

import datetime as dt
from typing import Any

import pytest

from prom_service.queries.guidance import NO_LONGER_ASKED, with_guidance_at
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk

CLOSES = dt.datetime(2026, 5, 30, 23, tzinfo=dt.UTC)
INSTANT = dt.timedelta(microseconds=1)
PATHWAYS = {"text": "Find out why.", "source": "A pathway", "evidence_status": "working", "options": []}


def a_flag(**values: Any) -> dict[str, Any]:
    return {
        "kind": "survey_missed",
        "evidence": {"closes_at": CLOSES.isoformat()},
        "guidance": PATHWAYS,
        **values,
    }


@pytest.mark.parametrize(
    ("now", "guidance"),
    [(CLOSES - INSTANT, PATHWAYS), (CLOSES, NO_LONGER_ASKED), (CLOSES + INSTANT, NO_LONGER_ASKED)],
)
def test_it_is_that_of_the_pathway_until_the_window_closes(now: dt.datetime, guidance: dict[str, Any]) -> None:
    assert with_guidance_at(a_flag(), now) == a_flag(guidance=guidance)


@pytest.mark.parametrize("flag", [a_flag(kind="baseline_missing"), a_flag(evidence={})])
def test_that_of_any_other_flag_stays(flag: dict[str, Any]) -> None:
    assert with_guidance_at(flag, CLOSES) == flag


def test_the_page_of_the_flag_says_so_from_then_on(desk: Desk, clock: Clock) -> None:
    closes_at = clock.now() + dt.timedelta(days=3)
    flag_id = desk.flag(kind="survey_missed", evidence={"closes_at": closes_at.isoformat()}, guidance=PATHWAYS)

    desk.log_in()
    before = desk.shown(f"/flags/{flag_id}")
    desk.later(days=3)
    after = desk.shown(f"/flags/{flag_id}")

    assert ("Find out why." in before, "can no longer be taken" in before) == (True, False)
    assert ("Find out why." in after, "can no longer be taken" in after) == (False, True)


@pytest.fixture
def desk(runtime: Any, clock: Clock, client: Any) -> Desk:
    return Desk(runtime, clock, client)
