"""What must hold at every moment of the simulation, asked of the database and of the mailbox."""

import datetime as dt
import email.parser
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from prom_service.errors import PromError
from prom_service.models import (
    Administration,
    Alert,
    AnswerSet,
    Assessment,
    Clinic,
    Episode,
    Flag,
    FlagEvent,
    Judgement,
    Message,
    MessageEvent,
    Patient,
    PatientChange,
    Response,
    Score,
)
from prom_service.models.message import DELIVERED_PHASES
from prom_service.queries.pathways import known_pathways

BETWEEN = dt.timedelta(hours=48)
MOST_MAILS = 4
FIRST_HOUR, LAST_HOUR = 9, 18


class InvariantError(PromError):
    """The simulation met something that must never be."""


def check(session: Session, mailbox: Path, *, now: dt.datetime) -> None:
    """Raise ``InvariantError`` naming everything that does not hold."""
    faults = [*_mail_faults(session, mailbox), *_answer_faults(session), *_flag_faults(session, now)]
    if faults:
        raise InvariantError("The simulation broke its promises:\n" + "\n".join(faults))


def _mail_faults(session: Session, mailbox: Path) -> Iterator[str]:
    after_end = (
        select(func.count())
        .select_from(MessageEvent)
        .join(Message, Message.id == MessageEvent.message_id)
        .join(Administration, Administration.id == Message.administration_id)
        .join(Episode, Episode.id == Administration.episode_id)
        .where(MessageEvent.kind == "claimed")
    )
    ended = exists().where(
        PatientChange.patient_id == Episode.patient_id,
        PatientChange.kind.in_(("withdrawn", "deceased", "unsubscribed")),
        PatientChange.recorded_at < MessageEvent.at,
    )
    completed = exists().where(
        Response.administration_id == Administration.id,
        Response.partial.is_(False),
        Response.recorded_at < MessageEvent.at,
    )
    if count := session.scalar(after_end.where(or_(ended, completed))):
        yield f"{count} messages were claimed after withdrawal, death, unsubscribing or completion"
    mails = session.execute(
        select(Message.administration_id, Episode.patient_id, Message.sent_at, Patient.time_zone, Clinic.time_zone)
        .join(Administration, Administration.id == Message.administration_id)
        .join(Episode, Episode.id == Administration.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .join(Clinic, Clinic.id == Message.clinic_id)
        .where(Message.phase.in_(DELIVERED_PHASES))
        .order_by(Episode.patient_id, Message.sent_at)
    ).all()
    sent = [(administration, patient, at, own or zone) for administration, patient, at, own, zone in mails if at]
    if len(sent) < len(mails):
        yield f"{len(mails) - len(sent)} delivered messages do not say when they were sent"
    if crowded := [one for one, count in Counter(row[0] for row in sent).items() if count > MOST_MAILS]:
        yield f"{len(crowded)} administrations had more than {MOST_MAILS} emails"
    close = sum(
        earlier[1] == later[1] and later[2] - earlier[2] < BETWEEN for earlier, later in itertools.pairwise(sent)
    )
    if close:
        yield f"{close} emails went out within 48 hours of another to the same patient"
    odd = sum(not FIRST_HOUR <= at.astimezone(ZoneInfo(zone)).hour < LAST_HOUR for _, _, at, zone in sent)
    if odd:
        yield f"{odd} emails went out outside local hours"
    to_staff = {str(alert) for alert in session.scalars(select(Alert.id))}
    letters = Counter(_message_id(path) for path in (mailbox / "new").glob("*") if path.name not in to_staff)
    if any(count > 1 for count in letters.values()) or len(letters) != len(sent):
        yield f"{len(sent)} messages are recorded as sent, the mailbox has {letters.total()} letters of {len(letters)}"


def _answer_faults(session: Session) -> Iterator[str]:
    scored = exists().where(Score.response_id == AnswerSet.response_id, Score.instrument == AnswerSet.instrument)
    unscored = session.scalar(
        select(func.count()).select_from(AnswerSet).where(~scored, AnswerSet.instrument.not_like("safety-%"))
    )
    if unscored:
        yield f"{unscored} sets of answers were not scored"
    checkpoints = {one.key for pathway in known_pathways(session) for one in pathway.checkpoints}
    newer = aliased(Response)
    judged = exists().where(Judgement.response_id == Response.id)
    unjudged = session.scalar(
        select(func.count())
        .select_from(Response)
        .join(Administration, Administration.id == Response.administration_id)
        .where(
            Administration.timepoint.in_(checkpoints),
            Response.amendment.is_(False),
            ~judged,
            ~exists().where(
                and_(
                    newer.administration_id == Response.administration_id,
                    newer.amendment.is_(False),
                    newer.number > Response.number,
                )
            ),
        )
    )
    if unjudged:
        yield f"{unjudged} standing responses at a checkpoint were not judged"


def _flag_faults(session: Session, now: dt.datetime) -> Iterator[str]:
    numbers = session.execute(
        select(Clinic.code, Clinic.flag_event_count, func.count(FlagEvent.id), func.max(FlagEvent.number))
        .outerjoin(FlagEvent, FlagEvent.clinic_id == Clinic.id)
        .group_by(Clinic.id, Clinic.code, Clinic.flag_event_count)
    )
    for code, counted, rows, highest in numbers:
        if not counted == rows == (highest or 0):
            yield f"clinic {code} counts {counted} flag events, has {rows}, the last is number {highest}"
    overdue = session.scalar(select(func.count()).select_from(Assessment).where(Assessment.due_at <= now))
    if overdue:
        yield f"{overdue} episodes were not assessed when they were due"
    silent = session.scalar(select(func.count()).select_from(Flag).where(Flag.escalate_at <= now))
    if silent:
        yield f"{silent} flags waited longer than somebody was told of them"


def _message_id(path: Path) -> str:
    with path.open("rb") as file:
        return str(email.parser.BytesHeaderParser().parse(file)["Message-ID"])
