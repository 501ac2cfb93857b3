"""How far a report is: told step by step, in the order of the work, never less than before."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.errors import PromError
from prom_service.reports import make_report
from prom_service.reports.kinds import REPORTS
from prom_service.reports.progress import COUNTED, TABULATED
from prom_service.reports.query import BASES
from tests.reports.cohort import a_cohort


@pytest.fixture
def sent(session: Session) -> Iterator[list[str]]:
    """The statements that were sent."""
    statements: list[str] = []
    listener = (session.connection(), "after_cursor_execute", lambda *given: statements.append(given[2]))
    sa.event.listen(*listener)
    yield statements
    sa.event.remove(*listener)


@pytest.mark.parametrize("name", REPORTS)
def test_each_step_is_told_and_there_are_no_more_than_foreseen(session, record, sent, name):
    cohort = a_cohort(record)
    asked = [cohort.query(basis=basis, audience=who) for basis in BASES for who in ("clinic", "quality")]
    steps = []
    for query in asked:
        told: list[int] = []
        sent.clear()

        make_report(session, name, query, told.append)

        steps.append(told.index(COUNTED))
        assert told == sorted(told)
        assert told[-1] == TABULATED
        assert told.count(COUNTED) <= 2

    assert max(steps) == REPORTS[name].statements - 1


def test_whoever_is_told_can_stop_the_work_between_two_statements(session, record, sent):
    query = a_cohort(record).query()
    sent.clear()

    def enough(progress: int) -> None:
        raise PromError("enough")

    with pytest.raises(PromError, match="enough"):
        make_report(session, "outcomes", query, enough)

    assert len(sent) == 1
    assert make_report(session, "outcomes", query).tables["changes"] is not None
