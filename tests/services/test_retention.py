"""What is kept for a while only goes when its time is over, and not before."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import func, select

from prom_service.db import Base
from prom_service.models import ApiKey, IdempotentRequest, StaffSession, Throttle, Webhook, WebhookDelivery
from prom_service.runtime import Runtime
from prom_service.services import webhook_deliveries, webhooks
from prom_service.services.retention import purge_passing_rows
from tests import builders, hookroom
from tests.fakes import Clock

DAY = dt.timedelta(days=1)
INSTANT = dt.timedelta(microseconds=1)


@pytest.fixture
def owner(runtime: Runtime, clock: Clock) -> dict[str, Any]:
    """Whose keys and sessions the rows are."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        builders.an_api_key(session, clinic, ["flags:read"], now=clock.now())
        user = builders.a_user(session, clinic, now=clock.now())
        return {"api_key_id": session.scalars(select(ApiKey.id)).one(), "user_id": user.id}


def a_request(owner: dict[str, Any], key: str, at: dt.datetime) -> IdempotentRequest:
    return IdempotentRequest(
        api_key_id=owner["api_key_id"],
        key=key,
        request_digest="",
        status=201,
        headers=[],
        body='{"name": "Alex Example"}',
        created_at=at,
    )


def a_session(owner: dict[str, Any], digest: str, *, expires_at: dt.datetime, **changes: Any) -> StaffSession:
    begun = expires_at - DAY / 2
    return StaffSession(
        digest=digest,
        user_id=owner["user_id"],
        created_at=begun,
        last_seen_at=begun,
        expires_at=expires_at,
        **changes,
    )


def left(runtime: Runtime, table: type[Base], name: str) -> list[str]:
    with runtime.reading() as session:
        return sorted(session.scalars(select(getattr(table, name))))


def purge(runtime: Runtime, clock: Clock, limit: int = 100) -> int:
    with runtime.transaction() as session:
        return purge_passing_rows(session, now=clock.now(), limit=limit)


def test_a_request_is_remembered_for_24_hours(runtime: Runtime, clock: Clock, owner: dict[str, Any]) -> None:
    with runtime.transaction() as session:
        session.add(a_request(owner, "just", clock.now() - DAY))
        session.add(a_request(owner, "over", clock.now() - DAY - INSTANT))

    count = purge(runtime, clock)

    assert count == 1
    assert left(runtime, IdempotentRequest, "key") == ["just"]


def test_a_session_stays_for_a_day_after_it_ended_or_grew_too_old(
    runtime: Runtime, clock: Clock, owner: dict[str, Any]
) -> None:
    yesterday, ahead = clock.now() - DAY, clock.now() + DAY / 2
    with runtime.transaction() as session:
        session.add(a_session(owner, "open", expires_at=ahead))
        session.add(a_session(owner, "ended", expires_at=ahead, ended_at=yesterday))
        session.add(a_session(owner, "old", expires_at=yesterday))
        session.add(a_session(owner, "ended long ago", expires_at=ahead, ended_at=yesterday - INSTANT))
        session.add(a_session(owner, "too old", expires_at=yesterday - INSTANT))

    count = purge(runtime, clock)

    assert count == 2
    assert left(runtime, StaffSession, "digest") == ["ended", "old", "open"]


def test_tries_are_counted_for_a_day(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        session.add(Throttle(bucket="just", window_start=clock.now() - DAY, tries=3))
        session.add(Throttle(bucket="over", window_start=clock.now() - DAY - INSTANT, tries=3))

    count = purge(runtime, clock)

    assert count == 1
    assert left(runtime, Throttle, "bucket") == ["just"]


def a_delivery(webhook: Webhook, type_: str, phase: str, at: dt.datetime, **values: Any) -> WebhookDelivery:
    """A delivery of no event, known by its type."""
    return WebhookDelivery(
        clinic_id=webhook.clinic_id,
        webhook_id=webhook.id,
        type=type_,
        phase=phase,
        created_at=at - 4 * DAY,
        **{"attempted_at": at, **values},
    )


@pytest.fixture
def webhook(runtime: Runtime) -> Webhook:
    """A receiver of a clinic with one event in its feed, told of nothing yet."""
    clinic_id = hookroom.a_clinic(runtime)
    webhook_id, _ = hookroom.a_webhook(runtime, clinic_id, "https://hooks.example.org/")
    return hookroom.webhook(runtime, webhook_id)


def test_a_delivery_that_was_taken_stays_for_90_days_and_a_dead_letter_for_a_year(
    runtime: Runtime, clock: Clock, webhook: Webhook
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        session.add(a_delivery(webhook, "just", "delivered", now - 90 * DAY))
        session.add(a_delivery(webhook, "over", "delivered", now - 90 * DAY - INSTANT))
        session.add(a_delivery(webhook, "just dead", "dead", now - 365 * DAY))
        session.add(a_delivery(webhook, "long dead", "dead", now - 365 * DAY - INSTANT))
        session.add(a_delivery(webhook, "untried", "dead", now - 361 * DAY, attempted_at=None))
        session.add(a_delivery(webhook, "untried, over", "dead", now - 361 * DAY - INSTANT, attempted_at=None))
        session.add(a_delivery(webhook, "pending", "planned", now - 400 * DAY, due_at=now))

    count = purge(runtime, clock)

    assert count == 3
    assert left(runtime, WebhookDelivery, "type") == ["just", "just dead", "pending", "untried"]


def test_what_is_kept_is_told_again_under_its_id_and_what_is_not_as_well(
    runtime: Runtime, clock: Clock, webhook: Webhook
) -> None:
    hookroom.change_flag(runtime, webhook.clinic_id, 2)
    with runtime.transaction() as session:
        webhook_deliveries.queue_events(session, now=clock.now(), limit=9)
    first, second = hookroom.deliveries(runtime, webhook.id)
    with runtime.transaction() as session:
        for one, at in ((first, clock.now() - 91 * DAY), (second, clock.now())):
            kept = session.get_one(WebhookDelivery, one.id)
            kept.phase, kept.due_at, kept.attempted_at, kept.delivered_at = "delivered", None, at, at

    purge(runtime, clock)
    with runtime.transaction() as session:
        held = session.get_one(Webhook, webhook.id)
        webhooks.replay(session, held, dead_letters=False, from_number=2, now=clock.now())
    with runtime.transaction() as session:
        webhook_deliveries.queue_events(session, now=clock.now(), limit=9)

    again = hookroom.deliveries(runtime, webhook.id)
    assert [(one.number, one.phase) for one in again] == [(2, "planned"), (3, "planned")]
    assert again[0].id != first.id
    assert again[1].id == second.id


def test_many_rows_go_in_bounded_steps(runtime: Runtime, clock: Clock, owner: dict[str, Any]) -> None:
    with runtime.transaction() as session:
        session.add_all(a_request(owner, f"{number}", clock.now() - 2 * DAY) for number in range(5))

    counts = [purge(runtime, clock, limit=2) for _ in range(4)]

    assert counts == [2, 2, 1, 0]
    with runtime.reading() as session:
        assert session.scalar(select(func.count()).select_from(IdempotentRequest)) == 0
