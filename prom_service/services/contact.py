"""Whether a patient may be mailed now, decided in one place, with a reason that is kept and shown."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from prom_service.mail.addresses import is_usable
from prom_service.models import Administration, Clinic, ClinicText, Episode, Message, Patient
from prom_service.models.message import DELIVERED_PHASES
from prom_service.pathway.dates import at_hour, start_of_day
from prom_service.pathway.plan import FIRST_HOUR, LAST_HOUR
from prom_service.services.clinic_texts import ClinicTexts, texts_for_patient
from prom_service.services.clinics import zone_of

MOST_MAILS = 4
"""Emails of one administration, invitation included."""
REST = dt.timedelta(hours=48)
"""Least time between two emails to one patient."""
CLINIC_ASKED_AGAIN_AFTER = dt.timedelta(hours=1)
UNANSWERED = ("planned", "open", "started")
IN_FLIGHT = ("claimed", "committing")
SATURDAY = 5

EXPLANATIONS = {
    "completed": "The questionnaire was completed.",
    "cancelled": "The questionnaire was cancelled.",
    "not_asked": "The time to answer was over before the patient was enrolled.",
    "declined": "The patient does not want to answer this questionnaire.",
    "withdrawn": "The patient has withdrawn.",
    "deceased": "The patient was recorded as deceased.",
    "episode_closed": "The course of care was closed.",
    "closed": "The course of care was closed.",
    "unsubscribed": "The patient pressed the stop link of an email.",
    "not_me": "Whoever opened the link said that it was not meant for them.",
    "email_not_allowed": "The patient does not want to be emailed.",
    "no_address": "There is no email address that can be used.",
    "address_refused": "The mail server refused the address for good.",
    "not_written": "The email could not be written. The operator of the service has to look into it.",
    "window_over": "The time to answer on schedule is over.",
    "limit_reached": f"{MOST_MAILS} emails were sent already; the next step is a call.",
    "covered": "The email of the patient's other open questionnaire leads on to this one.",
    "missed": "A later email of the same questionnaire was due as well and went instead.",
    "start_changed": "The start of the course of care was changed.",
    "address_changed": "The address was changed while the email was being written; it goes to the new one.",
    "not_open_yet": "The time to answer has not begun.",
    "paused": "The follow-up is paused.",
    "clinic_not_active": "The clinic has not been activated for real patients.",
    "mailed_recently": "The patient was mailed less than 48 hours before.",
    "outside_hours": f"Patients are mailed between {FIRST_HOUR:02}:00 and {LAST_HOUR:02}:00 by their own clock.",
    "weekend": "The clinic does not mail at weekends.",
    "not_on_mail_allow": "This is not a production system and the address is not on its list.",
    "relay_unreachable": "The mail server could not be reached.",
    "relay_without_tls": "The mail server offered no secure connection.",
    "no_reply": "The mail server broke off before it took the email.",
    "no_reply_to_final_dot": "The mail server may have taken the email; it is not sent again.",
    "restored": "It may have gone out before a backup was put back; it is not sent again.",
    "lease_lapsed": "The process that was sending it stopped.",
}
"""What each reason means, in words for a clinic. Any other reason is a mail server's code, such as ``smtp 550``."""


@dataclass(frozen=True)
class ContactFacts:
    """Everything the decision rests on, for one administration of one patient."""

    status: str
    paused_until: dt.date | None
    """Last local day without mail; None while ``paused`` is until resumed."""
    address: str | None = field(repr=False)
    email_allowed: bool
    unsubscribed: bool
    bounced: bool
    zone: ZoneInfo
    """The patient's own, else the clinic's."""
    last_mailed_at: dt.datetime | None
    """When the patient was last mailed about anything, as far as is known."""
    clinic_may_mail: bool
    weekend_mail: bool
    episode_closed: bool
    state: str
    declined: bool
    opens_at: dt.datetime
    late_after: dt.datetime
    mails: int
    """Emails of this administration that went out or are going out."""
    covered: bool
    """The patient has another open administration that closes first, and was or is being mailed about it."""


@dataclass(frozen=True)
class Permission:
    """Whether the email may go. If not, ``reason`` says why and ``again_at`` when to ask again; None is never."""

    allowed: bool
    reason: str | None = None
    again_at: dt.datetime | None = None


Rule = Callable[[ContactFacts, dt.datetime], bool]
NEVER: tuple[tuple[str, Rule], ...] = (
    ("deceased", lambda facts, now: facts.status == "deceased"),
    ("withdrawn", lambda facts, now: facts.status == "withdrawn"),
    ("completed", lambda facts, now: facts.state == "completed"),
    ("cancelled", lambda facts, now: facts.state == "cancelled"),
    ("not_asked", lambda facts, now: facts.state == "not_asked"),
    ("declined", lambda facts, now: facts.declined),
    ("episode_closed", lambda facts, now: facts.episode_closed),
    ("unsubscribed", lambda facts, now: facts.unsubscribed),
    ("email_not_allowed", lambda facts, now: not facts.email_allowed),
    ("no_address", lambda facts, now: not is_usable(facts.address or "")),
    ("address_refused", lambda facts, now: facts.bounced),
    ("window_over", lambda facts, now: now >= facts.late_after),
    ("limit_reached", lambda facts, now: facts.mails >= MOST_MAILS),
    ("covered", lambda facts, now: facts.covered),
)


def may_contact(facts: ContactFacts, *, now: dt.datetime) -> Permission:
    """Say whether the patient may be mailed now.

    What forbids it for good comes first. Else the email waits for the first moment in mailing hours at which nothing
    stands against it as far as is known; a wait past ``late_after`` is for good, under its own reason.
    """
    for reason, applies in NEVER:
        if applies(facts, now):
            return Permission(False, reason)
    waits = [(reason, until) for reason, until in _waits(facts, now) if until is not None and until > now]
    again_at = next_mailing_moment(max([until for _, until in waits], default=now), facts.zone, facts.weekend_mail)
    if again_at == now:
        return Permission(True)
    reason = waits[0][0] if waits else _closed_now(facts, now)
    return Permission(False, reason, again_at if again_at < facts.late_after else None)


def foresee(facts: ContactFacts, *, at: dt.datetime) -> Permission:
    """Say what will be decided about an email that is due ``at`` a later moment, if nothing changes until then.

    The emails before it are left out of account: they are planned so that they do not stand in its way.
    """
    return may_contact(replace(facts, last_mailed_at=None, covered=False), now=at)


def _waits(facts: ContactFacts, now: dt.datetime) -> Iterable[tuple[str, dt.datetime | None]]:
    yield "not_open_yet", facts.opens_at
    yield "paused", _pause_ends(facts, now)
    yield "clinic_not_active", None if facts.clinic_may_mail else now + CLINIC_ASKED_AGAIN_AFTER
    yield "mailed_recently", facts.last_mailed_at and facts.last_mailed_at + REST


def _pause_ends(facts: ContactFacts, now: dt.datetime) -> dt.datetime | None:
    """Return when to ask again about a pause: the day after its last one, or tomorrow when that is not known."""
    if facts.status != "paused":
        return None
    last_day = facts.paused_until or now.astimezone(facts.zone).date()
    return start_of_day(last_day + dt.timedelta(days=1), facts.zone)


def _closed_now(facts: ContactFacts, now: dt.datetime) -> str:
    local = now.astimezone(facts.zone)
    return "weekend" if local.weekday() >= SATURDAY and not facts.weekend_mail else "outside_hours"


def next_mailing_moment(moment: dt.datetime, zone: ZoneInfo, weekend_mail: bool) -> dt.datetime:
    """Return ``moment`` if patients may be mailed then, else the next 09:00 at which they may."""
    local = moment.astimezone(zone)
    day = local.date() + dt.timedelta(days=local.hour >= LAST_HOUR)
    in_hours = FIRST_HOUR <= local.hour < LAST_HOUR
    while not weekend_mail and day.weekday() >= SATURDAY:
        day, in_hours = day + dt.timedelta(days=1), False
    return moment if in_hours else at_hour(day, FIRST_HOUR, zone)


@dataclass(frozen=True)
class Addressee:
    """Whom an administration is addressed to, with the facts about contacting them."""

    administration: Administration
    episode: Episode
    patient: Patient
    clinic: Clinic
    clinic_texts: ClinicTexts
    facts: ContactFacts


# Written once and kept: building a statement costs more than running it on one patient.
ADDRESSEES = (
    select(Administration, Episode, Patient, Clinic, ClinicText)
    .join(Episode, Episode.id == Administration.episode_id)
    .join(Patient, Patient.id == Episode.patient_id)
    .join(Clinic, Clinic.id == Administration.clinic_id)
    .outerjoin(ClinicText, (ClinicText.clinic_id == Clinic.id) & (ClinicText.language == Patient.language))
    .where(Administration.id.in_(bindparam("administrations", expanding=True)))
    .execution_options(populate_existing=True)
)
HELD_ADDRESSEES = ADDRESSEES.with_for_update(of=[Patient, Administration], key_share=True)
MAILS = (  # All of the patients, few as they are: asked for by phase, SQLite would walk through every one ever sent.
    select(
        Episode.patient_id,
        Episode.closed_on,
        Administration.id,
        Administration.state,
        Administration.opens_at,
        Administration.closes_at,
        Message.id,
        Message.phase,
        Message.sent_at,
    )
    .join(Administration, Administration.episode_id == Episode.id)
    .join(Message, Message.administration_id == Administration.id)
    .where(
        Episode.clinic_id.in_(bindparam("clinics", expanding=True)),
        Episode.patient_id.in_(bindparam("patients", expanding=True)),
    )
)


def addressees(
    session: Session,
    administration_ids: Collection[uuid.UUID],
    *,
    but_for: Collection[uuid.UUID] = (),
    production: bool = False,
    now: dt.datetime,
    lock: bool = False,
) -> dict[uuid.UUID, Addressee]:
    """Return the addressee of each administration, by two queries however many there are.

    ``but_for`` are messages that do not count as mails. With ``lock`` patients and administrations stay as they are
    until the transaction ends. Outside production a clinic may mail before it is activated.
    """
    statement = HELD_ADDRESSEES if lock else ADDRESSEES
    rows = session.execute(statement, {"administrations": list(administration_ids)}).all()
    mails = _mails(session, [row.Patient for row in rows], but_for)
    return {
        row.Administration.id: _addressee(row, mails[row.Patient.id], production=production, now=now) for row in rows
    }


@dataclass(frozen=True)
class Mail:
    """One email that went out or is going out to a patient, and the administration it belongs to."""

    administration_id: uuid.UUID
    closes_at: dt.datetime
    answerable_from: dt.datetime | None
    """None when nobody can answer it any more."""
    sent_at: dt.datetime | None


def _mails(
    session: Session, patients: Collection[Patient], but_for: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[Mail]]:
    whose = {
        "clinics": list({patient.clinic_id for patient in patients}),
        "patients": list({patient.id for patient in patients}),
    }
    rows = session.execute(MAILS, whose)
    mails = defaultdict(list)
    for patient_id, closed_on, administration_id, state, opens_at, closes_at, message_id, phase, sent_at in rows:
        if phase in DELIVERED_PHASES + IN_FLIGHT and message_id not in but_for:
            answerable_from = opens_at if state in UNANSWERED and closed_on is None else None
            mails[patient_id].append(Mail(administration_id, closes_at, answerable_from, sent_at))
    return mails


def _addressee(
    row: Row[Administration, Episode, Patient, Clinic, ClinicText | None],
    mails: list[Mail],
    *,
    production: bool,
    now: dt.datetime,
) -> Addressee:
    administration, episode, patient, clinic, texts = row
    facts = ContactFacts(
        status=patient.status,
        paused_until=patient.paused_until,
        address=patient.email,
        email_allowed=patient.email_allowed,
        unsubscribed=patient.unsubscribed_at is not None,
        bounced=patient.bounced_at is not None,
        zone=zone_of(patient, clinic),
        last_mailed_at=max((mail.sent_at or now for mail in mails), default=None),
        clinic_may_mail=clinic.activated_at is not None or not production,
        weekend_mail=clinic.weekend_mail,
        episode_closed=episode.closed_on is not None,
        state=administration.state,
        declined=administration.declined_at is not None,
        opens_at=administration.opens_at,
        late_after=administration.late_after,
        mails=sum(mail.administration_id == administration.id for mail in mails),
        covered=any(_covers(mail, administration, now) for mail in mails),
    )
    return Addressee(administration, episode, patient, clinic, texts_for_patient(clinic, texts), facts)


def _covers(mail: Mail, administration: Administration, now: dt.datetime) -> bool:
    """Say whether this recent mail leads on to ``administration`` too: it is about another one, open, closing first."""
    return (
        (mail.closes_at, mail.administration_id) < (administration.closes_at, administration.id)
        and mail.answerable_from is not None
        and mail.answerable_from <= now < mail.closes_at
        and (mail.sent_at or now) > now - REST
    )
