"""Keys of the API: how they are written, how long they live, and how one takes over from another."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import ApiKey, Clinic
from prom_service.runtime import Runtime
from prom_service.services import access, api_keys
from prom_service.services.key_text import checksum, is_key_text, new_key_text
from tests import builders
from tests.builders import SECRET
from tests.fakes import Clock

DAY = dt.timedelta(days=1)


def a_key(session: Session, clinic: Clinic, now: dt.datetime, **changes: Any) -> tuple[ApiKey, str]:
    values = {"name": "integration", "scopes": ["flags:read"], **changes}
    owner = {"organisation_id": clinic.organisation_id, "clinic_id": clinic.id}
    return access.create_api_key(session, **owner, **values, secret=SECRET, now=now)


def works(session: Session, text: str, now: dt.datetime) -> bool:
    return access.authenticate_key(session, text, secret=SECRET, now=now) is not None


def test_a_key_that_was_mistyped_is_noticed_without_the_database() -> None:
    _prefix, text = new_key_text()
    mistyped = [text[:at] + ("a" if one != "a" else "b") + text[at + 1 :] for at, one in enumerate(text)]
    swapped = [text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(len(text) - 1)]
    nowhere = Session()

    found = [one for one in (*mistyped, *swapped, text[:-1], text + "0", "", "x") if one != text and is_key_text(one)]

    assert is_key_text(text)
    assert found == []
    assert access.authenticate_key(nowhere, mistyped[30], secret=SECRET, now=dt.datetime.now(dt.UTC)) is None


def test_the_checksum_is_the_one_that_was_handed_out() -> None:
    body = "prom_abcdefghjkmn_" + "A" * 43

    assert checksum(body) == "0mTf3S"
    assert is_key_text(body)


def test_a_key_ends_after_a_year_at_the_latest(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        key, text = a_key(session, clinic, now)
        with pytest.raises(InvalidInputError) as refused:
            a_key(session, clinic, now, expires_at=now + 365 * DAY + dt.timedelta.resolution)

        at_the_end = [works(session, text, now + 365 * DAY - left) for left in (dt.timedelta.resolution, 0 * DAY)]

    assert key.expires_at == now + 365 * DAY
    assert refused.value.errors == {"expires_at": ["Later than now, and at most 365 days from now."]}
    assert at_the_end == [True, False]


@pytest.mark.parametrize(("field", "given"), [("expires_at", 0 * DAY), ("expires_at", -DAY), ("name", "n" * 201)])
def test_a_key_that_would_never_work_or_has_too_long_a_name_is_refused(
    runtime: Runtime, clock: Clock, field: str, given: Any
) -> None:
    value = clock.now() + given if isinstance(given, dt.timedelta) else given

    with runtime.transaction() as session, pytest.raises(InvalidInputError) as refused:
        a_key(session, builders.a_clinic(session, now=clock.now()), clock.now(), **{field: value})

    assert list(refused.value.errors) == [field]


def test_two_keys_of_a_name_work_at_a_time_in_a_clinic(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic, other = (builders.a_clinic(session, now=now) for _ in range(2))
        first, _ = a_key(session, clinic, now)
        a_key(session, clinic, now)

        with pytest.raises(ConflictError, match="2 keys named 'integration' work already"):
            a_key(session, clinic, now)
        a_key(session, clinic, now, name="another")
        a_key(session, other, now)
        access.revoke_key(session, first, now=now)
        session.flush()
        a_key(session, clinic, now)


def test_a_successor_works_at_once_and_the_key_for_seven_more_days(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        key, text = a_key(session, builders.a_clinic(session, now=now), now)

        successor, fresh = api_keys.rotate(session, key, secret=SECRET, now=now)

        last, end = now + 7 * DAY - dt.timedelta.resolution, now + 7 * DAY
        seen = [(works(session, text, at), works(session, fresh, at)) for at in (now, last, end)]
        with pytest.raises(ConflictError, match="2 keys"):
            api_keys.rotate(session, successor, secret=SECRET, now=now)
        with pytest.raises(ConflictError, match="does not work any more"):
            api_keys.rotate(session, key, secret=SECRET, now=end)

    assert seen == [(True, True), (True, True), (False, True)]
    assert (successor.name, successor.scopes, successor.clinic_id) == (key.name, key.scopes, key.clinic_id)


def test_rotating_never_lengthens_the_life_of_a_key(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        key, _ = a_key(session, builders.a_clinic(session, now=now), now, expires_at=now + DAY)

        api_keys.rotate(session, key, secret=SECRET, now=now)

    assert key.expires_at == now + DAY


def test_the_state_of_a_key_warns_two_weeks_before_its_end(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        key, _ = a_key(session, clinic, now, expires_at=now + 30 * DAY)
        gone, _ = a_key(session, clinic, now, name="gone")
        access.revoke_key(session, gone, now=now)
        session.flush()
        moments = [now + days * DAY for days in (15, 16, 29, 30)]

        states = [api_keys.state_of(key, now=at) for at in moments]
        counts = [api_keys.count_expiring(session, now=at) for at in moments]

    assert states == ["active", "expires_soon", "expires_soon", "expired"]
    assert counts == [0, 1, 1, 0]
    assert api_keys.state_of(gone, now=now) == "revoked"
