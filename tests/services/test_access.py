"""Links, keys and log-ins: what opens, what does not, and what is kept of a secret."""

import datetime as dt

import pytest
from sqlalchemy import select

from prom_service.errors import InvalidInputError
from prom_service.models import ApiKey, Link, StaffSession
from prom_service.runtime import Runtime
from prom_service.services import access, staff
from prom_service.services.staff import LogInRefusedError
from tests import builders
from tests.builders import PASSWORD, SECRET
from tests.fakes import Clock


def test_a_link_opens_its_administration_for_its_purpose_only(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        token = access.issue_link(session, baseline, secret=SECRET, now=now)
        session.flush()

        found = access.find_link(session, token, secret=SECRET)
        elsewhere = access.find_link(session, token, purpose="unsubscribe", secret=SECRET)
        guessed = access.find_link(session, token[:-1], secret=SECRET)
        kept = session.scalars(select(Link.digest)).one()

    assert found is not None
    assert found.administration.id == baseline.id
    assert (elsewhere, guessed) == (None, None)
    assert token not in kept


def test_a_key_is_known_until_it_expires_or_is_revoked(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        key, text = access.create_api_key(
            session,
            organisation_id=clinic.organisation_id,
            clinic_id=clinic.id,
            name="integration",
            scopes=["flags:read"],
            expires_at=now + dt.timedelta(days=1),
            secret=SECRET,
            now=now,
        )
        known = access.authenticate_key(session, text, secret=SECRET, now=now)
        expired = access.authenticate_key(session, text, secret=SECRET, now=now + dt.timedelta(days=1))
        access.revoke_key(session, key, now=now)
        session.flush()
        revoked = access.authenticate_key(session, text, secret=SECRET, now=now)
        digest = session.scalars(select(ApiKey.digest)).one()

    assert known is not None
    assert known.scopes == {"flags:read"}
    assert (expired, revoked) == (None, None)
    assert digest not in text


def test_a_quality_key_may_read_reports_and_nothing_else(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        organisation = builders.an_organisation(session, now=now)

        with pytest.raises(InvalidInputError) as refused:
            access.create_api_key(
                session,
                organisation_id=organisation.id,
                clinic_id=None,
                name="quality",
                scopes=["reports:read", "flags:read"],
                secret=SECRET,
                now=now,
            )

    assert "flags:read" in refused.value.errors["scopes"][0]


def test_a_log_in_opens_a_session_that_idles_out_and_can_be_ended(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        builders.a_user(session, clinic, now=now, email="Sam@Example.org")
        user = staff.verify_password(session, "sam@example.ORG", PASSWORD)
        token = staff.open_session(session, user, secret=SECRET, now=now)
        session.flush()

        open_now = staff.session_user(session, token, secret=SECRET, now=now)
        idle = staff.session_user(session, token, secret=SECRET, now=now + staff.IDLE)
        staff.close_session(session, token, secret=SECRET, now=now)
        ended = staff.session_user(session, token, secret=SECRET, now=now)
        kept = session.scalars(select(StaffSession.digest)).one()

    assert open_now is not None
    assert open_now.roles == {clinic.id: "clinician"}
    assert (idle, ended) == (None, None)
    assert token not in kept


@pytest.mark.parametrize(("email", "password"), [("sam@example.org", "wrong"), ("nobody@example.org", PASSWORD)])
def test_a_refused_log_in_does_not_say_which_entry_was_wrong(
    runtime: Runtime, clock: Clock, email: str, password: str
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        builders.a_user(session, builders.a_clinic(session, now=now), now=now, email="sam@example.org")

        with pytest.raises(LogInRefusedError, match=r"^The address or the password is not right\.$"):
            staff.verify_password(session, email, password)
