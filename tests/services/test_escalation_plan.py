"""A clinic's plan: whom it names, when somebody is there, and the proof that emails reach them."""

import email
import re
from email.policy import default

import pytest
from sqlalchemy import select

from prom_service.errors import InvalidInputError
from prom_service.mail.transport import Outcome
from prom_service.models import Alert, Clinic
from prom_service.runtime import Runtime
from prom_service.services import alerts, escalation
from prom_service.services.working_time import read_hours
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.services.alerting import letters


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    """A clinic with an owner, a deputy and a manager, at half past eight on a Tuesday."""
    clock.advance(days=1, minutes=30)
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        builders.a_plan(session, made, now=clock.now())
    return made


def test_a_plan_names_three_people_with_an_address_each(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError) as refused:
            builders.a_plan(session, made, owner="", deputy_email="no address", working_hours={}, now=clock.now())
        with pytest.raises(InvalidInputError) as shared:
            builders.a_plan(session, made, deputy_email="Owner@example.org", now=clock.now())

    assert sorted(refused.value.errors) == ["deputy_email", "owner", "working_hours"]
    assert list(shared.value.errors) == ["deputy_email"]


@pytest.mark.parametrize(
    "address",
    [
        "Dr Smith <owner@example.org>",
        "a@example.org, b@example.org",
        "jörg@example.org",
        "owner@münchen.example.org",
        "o..wner@example.org",
    ],
)
def test_a_person_is_told_at_one_address_that_can_be_written_to(runtime: Runtime, clock: Clock, address: str) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError) as refused:
            builders.a_plan(session, made, owner_email=address, now=clock.now())

    assert list(refused.value.errors) == ["owner_email"]


def test_working_hours_in_which_a_wait_never_ends_are_refused(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError) as refused:
            builders.a_plan(session, made, working_hours=read_hours("mon 09:00-09:05"), now=clock.now())

    assert list(refused.value.errors) == ["working_hours"]


def test_the_link_of_a_test_email_that_arrived_after_all_still_confirms_it(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        escalation.plan_test(session, clinic, now=clock.now())
    links = set()
    for _ in range(2):
        with runtime.transaction() as session:
            claimed = alerts.claim_due(session, settings=runtime.settings, worker="w", now=clock.now())
            assert claimed is not None
            alerts.record(session, claimed, Outcome("unknown"), now=clock.now())
            for other in session.scalars(select(Alert).where(Alert.id != claimed.letter.message_id)):
                other.due_at = None
        text = email.message_from_bytes(claimed.letter.content, policy=default).get_content()
        links |= set(re.findall(r"/confirm/(\S+)", text))
        clock.advance(minutes=31)

    [token] = links
    with runtime.reading() as session:
        found = escalation.find_test(session, token, secret=runtime.settings.secret)
    assert found is not None


def test_a_test_email_proves_an_address_for_ninety_days(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        escalation.plan_test(session, clinic, now=clock.now())
    jobs.send_alerts(runtime)
    tokens = [re.findall(r"/confirm/(\S+)", letter.get_content())[0] for letter in letters(runtime)]
    with runtime.transaction() as session:
        for token in tokens:
            found = escalation.find_test(session, token, secret=runtime.settings.secret)
            assert found is not None
            escalation.confirm(found, now=clock.now())

    def silent() -> list[str]:
        with runtime.reading() as session:
            plan = escalation.find_plan(session, clinic)
            assert plan is not None
            return escalation.unconfirmed(session, plan, now=clock.now())

    at_first = silent()
    with runtime.transaction() as session:
        builders.a_plan(session, clinic, deputy_email="new@example.org", now=clock.now())
    after_the_change = silent()
    clock.advance(days=90)
    assert (at_first, after_the_change, silent()) == ([], ["deputy"], ["owner", "deputy", "manager"])


def test_there_is_no_test_without_a_plan(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError):
            escalation.plan_test(session, made, now=clock.now())
