"""How long the questions take, measured on what came in, on both databases."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from prom_service.models import Administration, Pace, Patient, Response, SavedAnswer
from prom_service.queries.pace import WORKING_ESTIMATE, in_minutes, measured_paces, seconds_per_item
from prom_service.runtime import Runtime
from prom_service.services import pace
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

BASELINE = ("hip-related-pain-1", "baseline")
ITEMS = 26
"""iHOT-12 has 12, the rating of pain 1, the safety screen 13."""
HOURS = 3600.0


def answered(session: Session, of: Patient, *saved_after: float, **values: object) -> Response:
    """A baseline on the web: answers saved so many seconds after Start, all sent with the last of them."""
    administration = mailroom.administration(session, of, state="completed", started_at=NOON)
    moments = [NOON + dt.timedelta(seconds=seconds) for seconds in saved_after]
    session.add_all(_saved(administration, f"Q{number}", at) for number, at in enumerate(moments))
    response = Response(
        **{
            "clinic_id": of.clinic_id,
            "episode_id": administration.episode_id,
            "administration_id": administration.id,
            "number": 1,
            "mode": "web",
            "entered_by": "patient",
            "digest": uuid.uuid4().hex,
            "answered_at": moments[-1],
            "recorded_at": moments[-1],
        }
        | values
    )
    session.add(response)
    session.flush()
    return response


def _saved(administration: Administration, item: str, at: dt.datetime) -> SavedAnswer:
    return SavedAnswer(
        clinic_id=administration.clinic_id,
        administration_id=administration.id,
        instrument="ihot-12-1.0",
        item=item,
        value="50",
        recorded_at=at,
    )


def came_in(runtime: Runtime, times: Sequence[Sequence[float]], **values: object) -> None:
    """One patient's baselines, one for each entry of ``times``."""
    with runtime.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        for saved_after in times:
            answered(session, patient, *saved_after, **values)


def measured(runtime: Runtime) -> tuple[int, float | None]:
    """Measure everything and return how many responses the baseline rests on, with its seconds for one item."""
    with runtime.transaction() as session:
        pace.measure_due(session, now=runtime.now(), limit=99)
    with runtime.reading() as session:
        row = session.get_one(Pace, BASELINE)
        return row.responses, row.seconds_per_item


def test_the_pace_is_the_median_of_the_time_spent_shared_out_among_the_items_asked(runtime: Runtime) -> None:
    came_in(runtime, [(130,)] * 14 + [(260,)] * 3 + [(290,)] * 14)

    assert measured(runtime) == (31, 260 / ITEMS)


def test_with_fewer_than_30_responses_the_working_estimate_stands(runtime: Runtime, clock: Clock) -> None:
    came_in(runtime, [(104,)] * 29)
    few = measured(runtime)
    with runtime.reading() as session:
        reckoned = seconds_per_item(session, *BASELINE)
        told = measured_paces(session)

    came_in(runtime, [(104,)])
    clock.advance(days=1)
    enough = measured(runtime)
    with runtime.reading() as session:
        found = seconds_per_item(session, *BASELINE)
        all_told = measured_paces(session)

    assert (few, reckoned, told) == ((29, None), WORKING_ESTIMATE, {})
    assert (enough, found, all_told) == ((30, 104 / ITEMS), 104 / ITEMS, {BASELINE: 104 / ITEMS})


@pytest.mark.parametrize(
    ("saved_after", "seconds"),
    [
        ((60, 120, 180), 180),
        ((60, 60 + 299, 60 + 299 + 10), 369),
        ((60, 60 + 300, 60 + 300 + 10), 370),
        ((60, 60 + 301, 60 + 301 + 10), 370),
        ((60, 60 + 20 * HOURS, 60 + 20 * HOURS + 10), 370),
        ((20 * HOURS, 20 * HOURS + 10), 310),
    ],
)
def test_whoever_goes_on_another_day_is_not_timed_meanwhile(
    runtime: Runtime, saved_after: tuple[float, ...], seconds: float
) -> None:
    came_in(runtime, [saved_after] * 30)

    assert measured(runtime) == (30, seconds / ITEMS)


@pytest.mark.parametrize("values", [{"mode": "paper"}, {"amendment": True}, {"partial": True}])
def test_only_complete_first_answers_on_the_web_are_timed(runtime: Runtime, values: dict[str, object]) -> None:
    came_in(runtime, [(130,)] * 2)
    came_in(runtime, [(260,)] * 2, **values)

    assert measured(runtime) == (2, None)


def test_answers_that_took_no_time_were_not_given_by_a_person(runtime: Runtime) -> None:
    came_in(runtime, [(0,), (130,)])

    assert measured(runtime) == (1, None)


def test_what_was_changed_after_sending_takes_no_time(runtime: Runtime) -> None:
    came_in(runtime, [(104,)] * 30)
    with runtime.transaction() as session:
        later = NOON + dt.timedelta(seconds=200)
        session.add_all(_saved(one, "Q1", later) for one in session.scalars(sa.select(Administration)))

    assert measured(runtime) == (30, 104 / ITEMS)


def test_the_newest_count(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "NEWEST", 30)
    came_in(runtime, [(260,)] * 29)
    came_in(runtime, [(130,)] * 30)

    assert measured(runtime) == (30, 130 / ITEMS)


def test_each_timepoint_is_measured_once_a_day(runtime: Runtime, clock: Clock) -> None:
    def step(limit: int = 99) -> int:
        with runtime.transaction() as session:
            return pace.measure_due(session, now=clock.now(), limit=limit)

    counts = [step(limit=4), step(limit=4), step(), step()]
    clock.advance(hours=23, minutes=59)
    counts.append(step())
    clock.advance(minutes=1)
    counts.append(step())

    assert counts == [4, 4, 1, 0, 0, 9]


def test_the_number_of_statements_does_not_grow_with_the_responses(runtime: Runtime, clock: Clock) -> None:
    def statements() -> int:
        seen: list[str] = []
        note: Callable[..., None] = lambda *args: seen.append(args[2])  # noqa: E731
        sa.event.listen(runtime.engine, "before_cursor_execute", note)
        measured(runtime)
        sa.event.remove(runtime.engine, "before_cursor_execute", note)
        clock.advance(days=1)
        return len(seen)

    statements()
    none = statements()
    came_in(runtime, [(130, 140)] * 40)

    assert statements() == none


def test_fifteen_minutes_shared_out_and_put_together_again_are_fifteen() -> None:
    assert [in_minutes(54, seconds / 54) for seconds in (899.4, 900.0, 900.6)] == [15, 15, 16]


def test_the_database_keeps_no_pace_of_fewer_than_30(runtime: Runtime) -> None:
    row = {"pathway": "p-1", "timepoint": "baseline", "seconds_per_item": 9.0, "responses": 29, "computed_at": NOON}

    with pytest.raises(DBAPIError, match="ck_pace_measured"), runtime.transaction() as session:
        session.execute(sa.insert(Pace).values(row))
