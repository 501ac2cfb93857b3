"""Whether the process lives, whether it can work, and what there is to count."""

import datetime as dt
from http import HTTPStatus

import sqlalchemy as sa
from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from prom_service import __version__, db, tenancy
from prom_service.models import (
    Administration,
    Alert,
    Assessment,
    Flag,
    JobRun,
    Message,
    Webhook,
    WebhookDelivery,
)
from prom_service.models.message import PENDING_PHASES
from prom_service.models.webhook import PENDING_DELIVERIES
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.services import api_keys, brake, escalation
from prom_service.web import pulse
from prom_service.web.context import prom
from prom_service.web.json_provider import json_response

health = Blueprint("health", __name__)

FAILURES_SHOWN = dt.timedelta(days=7)


@health.get("/healthz")
def show_alive() -> Response:
    """Say that the process answers; nothing else is asked."""
    return json_response({"status": "ok", "version": __version__})


@health.get("/readyz")
def show_ready() -> Response:
    """Say whether the database, the migrations and the scheduler are in order; 503 names what is not.

    ``sending`` says whether emails go out. While the brake is on they do not, and patients are served all the same.
    ``row_security`` says whether PostgreSQL itself keeps clinics apart.
    """
    try:
        with prom.reading() as session:
            checks = {
                "database": True,
                "migrations": _is_migrated(session),
                "scheduler": pulse.scheduler_beats(session),
            }
            sending = _sending(session) if checks["migrations"] else "unknown"
            row_security = tenancy.row_security(session)
    except SQLAlchemyError:
        checks, sending, row_security = {"database": False}, "unknown", "unknown"
    ready = all(checks.values())
    content = {
        "status": "ok" if ready else "failing",
        "checks": {name: "ok" if good else "failing" for name, good in checks.items()},
        "sending": sending,
        "row_security": row_security,
    }
    return json_response(content, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


@health.get("/metrics")
def show_metrics() -> Response:
    """Show counts for Prometheus, taken from the database so that any process gives the same. No label is an id."""
    registry = CollectorRegistry()
    with prom.reading() as session:
        tenancy.enter_every_clinic(session)
        _measure(session, registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_migrated(session: Session) -> bool:
    return db.current_revision(session.connection()) == db.revisions()[-1]


def _sending(session: Session) -> str:
    pulled = brake.in_force(session)
    return "ok" if pulled is None else f"stopped: {pulled.reason}"


def _measure(session: Session, registry: CollectorRegistry) -> None:
    flags = Gauge("prom_flags_live", "Live flags", ["kind", "severity"], registry=registry)
    live = sa.select(Flag.kind, Flag.severity, sa.func.count()).where(Flag.status.in_(LIVE_STATUSES))
    for kind, severity, count in session.execute(live.group_by(Flag.kind, Flag.severity)):
        flags.labels(kind, severity).set(count)
    messages = Gauge("prom_messages", "Messages by phase", ["phase"], registry=registry)
    for phase, count in session.execute(sa.select(Message.phase, sa.func.count()).group_by(Message.phase)):
        messages.labels(phase).set(count)
    states = Gauge("prom_administrations", "Administrations by state", ["state"], registry=registry)
    for state, count in session.execute(
        sa.select(Administration.state, sa.func.count()).group_by(Administration.state)
    ):
        states.labels(state).set(count)
    overdue = sa.select(sa.func.count()).where(Message.phase.in_(PENDING_PHASES), Message.due_at <= prom.now())
    Gauge("prom_messages_due", "Messages whose time has come", registry=registry).set(session.scalar(overdue) or 0)
    late = sa.select(sa.func.count()).where(Alert.due_at <= prom.now())
    Gauge("prom_alerts_due", "Emails to staff whose time has come", registry=registry).set(session.scalar(late) or 0)
    failed_alerts = sa.select(sa.func.count()).where(Alert.failed_at > prom.now() - FAILURES_SHOWN)
    Gauge("prom_alerts_failed", "Emails to staff given up in a week", registry=registry).set(
        session.scalar(failed_alerts) or 0
    )
    unproven = len(escalation.unproven(session, now=prom.now()))
    Gauge(
        "prom_escalation_unproven", "Live clinics where owner, deputy or manager proved no address", registry=registry
    ).set(unproven)
    _measure_webhooks(session, registry)
    stopped = brake.in_force(session) is not None
    Gauge("prom_sending_stopped", "Whether the brake is on", registry=registry).set(stopped)
    unassessed = sa.select(sa.func.count()).where(Assessment.due_at <= prom.now())
    Gauge("prom_episodes_due", "Episodes to be assessed", registry=registry).set(session.scalar(unassessed) or 0)
    expiring = api_keys.count_expiring(session, now=prom.now())
    Gauge("prom_api_keys_expiring", "API keys that end within 14 days", registry=registry).set(expiring)
    silence = pulse.silence(session)
    if silence is not None:
        Gauge("prom_scheduler_silence_seconds", "Since the scheduler's last sign of life", registry=registry).set(
            silence.total_seconds()
        )
    well = Gauge("prom_job_succeeded", "Whether the last run of a job that ended succeeded", ["job"], registry=registry)
    ended = Gauge("prom_job_ended_seconds", "Since the last run of a job ended", ["job"], registry=registry)
    for run in session.scalars(sa.select(JobRun)):
        if run.finished_at is not None:
            well.labels(run.job).set(bool(run.succeeded))
            ended.labels(run.job).set((prom.now() - run.finished_at).total_seconds())


def _measure_webhooks(session: Session, registry: CollectorRegistry) -> None:
    """Count what receivers have still to be told, what was given up, and how many of them said they are gone."""
    phases = (
        sa.select(WebhookDelivery.phase, sa.func.count())
        .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
        .where(Webhook.state != "ended", WebhookDelivery.phase.in_((*PENDING_DELIVERIES, "dead")))
        .group_by(WebhookDelivery.phase)
    )
    counted = {row[0]: row[1] for row in session.execute(phases)}
    disabled = session.scalar(sa.select(sa.func.count()).where(Webhook.state == "disabled"))
    for name, description, count in (
        (
            "pending",
            "Notices that receivers have still to take",
            sum(counted.get(one, 0) for one in PENDING_DELIVERIES),
        ),
        ("dead", "Notices given up after the last attempt", counted.get("dead", 0)),
    ):
        Gauge(f"prom_webhook_deliveries_{name}", description, registry=registry).set(count)
    Gauge("prom_webhooks_disabled", "Receivers that said they are gone", registry=registry).set(disabled or 0)
