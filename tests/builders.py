"""What tests start from, built through the services. A test states what matters to it; these give the rest."""

import datetime as dt
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

import instruments
from instruments import Item
from prom_service.models import (
    Administration,
    Clinic,
    ClinicPathway,
    Episode,
    EscalationPlan,
    Flag,
    Membership,
    Organisation,
    Patient,
    User,
    WordingPack,
)
from prom_service.models.escalation import STEPS
from prom_service.pathway import definition
from prom_service.services import (
    access,
    clinics,
    enrolment,
    escalation,
    flag_ledger,
    pathway_changes,
    questions,
    staff,
    visits,
    wording_packs,
)
from prom_service.services.enrolment import EpisodeDetails, PatientDetails
from prom_service.services.escalation import PlanDetails
from prom_service.services.visits import VisitDetails
from prom_service.services.working_time import WEEKDAYS

ACTOR = "command"
PASSWORD = "correct horse battery staple"
SECRET = b"a secret that only the tests know about"
_number = itertools.count(1)


def an_organisation(session: Session, *, now: dt.datetime, **changes: Any) -> Organisation:
    """An organisation."""
    values = {"name": f"Organisation {next(_number)}", **changes}
    return clinics.add_organisation(session, now=now, **values)


def a_clinic(session: Session, *, now: dt.datetime, **changes: Any) -> Clinic:
    """A clinic in London, of an organisation of its own unless one is named."""
    number = next(_number)
    values = {
        "code": f"clinic-{number}",
        "name": f"Clinic {number}",
        "time_zone": "Europe/London",
        "phone": "020 7946 0000",
        "reply_hours": "Monday to Friday, 9:00 to 17:00",
        "urgent_text": "Call 999 now, or go to the nearest emergency department.",
        **changes,
    }
    if "organisation_id" not in values:
        values["organisation_id"] = an_organisation(session, now=now).id
    return clinics.add_clinic(session, now=now, **values)


def a_plan(session: Session, clinic: Clinic, *, now: dt.datetime, **changes: Any) -> EscalationPlan:
    """Owner, deputy and manager of ``clinic``, who are there on weekdays from nine to five."""
    values = {name: name.title() for name in STEPS} | {f"{name}_email": f"{name}@example.org" for name in STEPS}
    details = {**values, "working_hours": dict.fromkeys(WEEKDAYS[:5], ("09:00", "17:00")), **changes}
    return escalation.write_plan(session, clinic, PlanDetails(**details), actor=ACTOR, now=now)


def a_proven_plan(session: Session, clinic: Clinic, *, now: dt.datetime) -> EscalationPlan:
    """The same, and each of them has confirmed a test email."""
    plan = a_plan(session, clinic, now=now)
    for alert in escalation.plan_test(session, clinic, now=now):
        escalation.confirm(alert, now=now)
    return plan


def a_patient(session: Session, clinic: Clinic, *, now: dt.datetime, **changes: Any) -> Patient:
    """A patient of ``clinic`` who may be emailed."""
    number = next(_number)
    values = {
        "external_id": f"P{number}",
        "name": "Alex Example",
        "date_of_birth": dt.date(1980, 5, 17),
        "email": f"patient{number}@example.org",
        **changes,
    }
    return enrolment.register_patient(session, clinic, PatientDetails(**values), actor=ACTOR, now=now)


def an_episode(
    session: Session, clinic: Clinic, patient: Patient | None = None, *, now: dt.datetime, **changes: Any
) -> Episode:
    """An episode that started today on the default pathway, of a patient of its own unless one is given."""
    patient = patient or a_patient(session, clinic, now=now)
    values = {"external_id": f"E{next(_number)}", "started_on": now.date(), "side": "left", **changes}
    return enrolment.enrol(session, clinic, patient, EpisodeDetails(**values), actor=ACTOR, now=now)


def an_api_key(
    session: Session, clinic: Clinic, scopes: Iterable[str], *, now: dt.datetime, secret: bytes = SECRET
) -> str:
    """The text of a key of ``clinic``."""
    _key, text = access.create_api_key(
        session,
        organisation_id=clinic.organisation_id,
        clinic_id=clinic.id,
        name=f"test {next(_number)}",
        scopes=scopes,
        secret=secret,
        now=now,
    )
    return text


def a_user(session: Session, clinic: Clinic, *, now: dt.datetime, role: str = "clinician", **changes: Any) -> User:
    """A member of the staff of ``clinic``."""
    values = {
        "email": f"staff{next(_number)}@example.org",
        "name": "Sam Staff",
        "password": PASSWORD,
        "memberships": {clinic.id: role},
        **changes,
    }
    return staff.add_user(session, organisation_id=clinic.organisation_id, now=now, **values)


def a_flag(session: Session, episode: Episode, *, now: dt.datetime, **changes: Any) -> Flag:
    """A live flag of ``episode``, as the rules would have raised it; without evidence unless it is given."""
    values = {
        "kind": "non_responder",
        "checkpoint": "6-weeks",
        "basis": f"response:{next(_number)}",
        "severity": "medium",
        "queue": "clinical",
        "status": "open",
        "why": "Not yet improving.",
        "evidence": {},
        "guidance": {"text": "Reassess.", "source": "A guideline", "evidence_status": "consensus", "options": []},
        **changes,
    }
    flag = Flag(clinic_id=episode.clinic_id, episode_id=episode.id, raised_at=now, updated_at=now, number=0, **values)
    patient = session.get_one(Patient, episode.patient_id)
    flag_ledger.note(session, flag, episode, patient, "raised", flag_ledger.RULES, {}, now)
    return flag


def the_episodes(session: Session) -> list[Episode]:
    """Every episode there is, in the order of enrolment."""
    return list(session.scalars(select(Episode).order_by(Episode.id)))


def the_episode(session: Session) -> Episode:
    """The one episode there is."""
    [episode] = the_episodes(session)
    return episode


def the_administration(session: Session, episode: Episode, timepoint: str) -> Administration:
    """The administration of a timepoint."""
    query = select(Administration).where(Administration.episode_id == episode.id, Administration.timepoint == timepoint)
    return session.scalars(query).one()


def complete_answers(
    administration: Administration,
    episode: Episode,
    *,
    ihot: int = 50,
    nprs: int = 5,
    groc: int = 0,
    acceptable: int = 0,
) -> dict[str, dict[str, Any]]:
    """Answers to everything asked; no to every safety item. Every iHOT item has the same value: so has the total."""
    level = {"ihot-12-1.0": ihot, "nprs-1.0": nprs, "groc-1.0": groc, "pass-1.0": acceptable, "safety-1.0": 0}
    answers: dict[str, dict[str, Any]] = {}
    for instrument in questions.instruments_asked(object_session(episode), administration, episode):
        items = questions.items_asked(instrument, follow_up=administration.sequence > 0)
        answers[instrument.ref] = {item.code: level.get(instrument.ref, 1) for item in items}
        if any(item.activity for item in items):
            answers[instrument.ref] = {"Q1": 4} | ({} if administration.sequence else {"Q1.text": "Climb the stairs"})
    return answers


def changed(answers: Mapping[str, Mapping[str, Any]], ref: str, **items: Any) -> dict[str, dict[str, Any]]:
    """The same answers but for some items of one instrument; None takes an item out."""
    copy = {name: dict(given) for name, given in answers.items()}
    copy[ref] |= items
    copy[ref] = {item: value for item, value in copy[ref].items() if value is not None}
    return copy


def pack_text(ref: str, *, language: str = "en", wording: str = "official", mark: str = "Official") -> str:
    """A complete wording pack: our own words of the language, each behind the mark."""
    instrument = instruments.find_in(language, ref)
    original = instruments.find(ref)
    head = {"instrument": ref, "language": language, "wording": wording, "source": "A form", "title": mark}
    head |= {"intro": f"{mark} {instrument.intro}", "na_text": f"{mark} {instrument.na_text}"}
    sections = {old.section: f"{mark} {new.section}" for old, new in zip(original.items, instrument.items, strict=True)}
    scales = {scale.key: f"{mark} {scale.title}" for scale in instrument.scales}
    options = {item.code: json.dumps([f"{mark} {text}" for text in item.options]) for item in instrument.items}
    return "\n".join(
        (
            *_toml(head),
            *("[sections]", *_toml(sections), "[scales]", *_toml(scales)),
            *("[options]", *(f"{code} = {texts}" for code, texts in options.items())),
            *("[items]", *(_item_row(item, mark) for item in instrument.items)),
        )
    )


def a_pack(session: Session, clinic: Clinic, ref: str, *, now: dt.datetime, **changes: str) -> WordingPack:
    """A wording pack in force at ``clinic``."""
    return wording_packs.load_pack(session, clinic, pack_text(ref, **changes), actor=ACTOR, now=now)[0]


def a_colleague(session: Session, clinic: Clinic, *, now: dt.datetime, role: str = "clinic_admin") -> User:
    """A member of the staff who does not log in: a password takes long to hash."""
    user = User(
        organisation_id=clinic.organisation_id,
        email=f"colleague{next(_number)}@example.org",
        name="Kim Colleague",
        password_hash="-",
        created_at=now,
    )
    session.add(user)
    session.flush()
    session.add(Membership(user_id=user.id, clinic_id=clinic.id, role=role))
    session.flush()
    return user


def a_draft(session: Session, clinic: Clinic, numbers: Mapping[str, str], *, now: dt.datetime) -> ClinicPathway:
    """A version of the default pathway with these numbers, by somebody else than any other version."""
    author = a_colleague(session, clinic, now=now)
    text = pathway_changes.with_numbers(definition.text_of(definition.DEFAULT), numbers)
    return pathway_changes.draft(session, clinic, text, note="Agreed.", author_id=author.id, actor=ACTOR, now=now)


def a_pathway(session: Session, clinic: Clinic, numbers: Mapping[str, str], *, now: dt.datetime) -> ClinicPathway:
    """A version of the default pathway with these numbers, in force at ``clinic``."""
    version, other = a_draft(session, clinic, numbers, now=now), a_colleague(session, clinic, now=now)
    seen = pathway_changes.preview(session, version, now=now)
    pathway_changes.note_preview(session, clinic, version, seen, seen_by_id=other.id, actor=ACTOR, now=now)
    pathway_changes.activate(session, clinic, version, by_id=other.id, actor=ACTOR, now=now)
    return version


def visited(session: Session, episode: Episode, times: int, *, now: dt.datetime) -> None:
    """So many visits of the episode, all today."""
    details = VisitDetails(now.date())
    entries = [(episode, f"{episode.external_id}-{number}", details) for number in range(times)]
    visits.record_visits(session, entries, actor=ACTOR, now=now)


def _toml(texts: Mapping[str, str]) -> list[str]:
    return [f"{json.dumps(key)} = {json.dumps(text)}" for key, text in texts.items()]


def _item_row(item: Item, mark: str) -> str:
    worded = ("text", "low_label", "high_label", "followup_text")
    texts = {key: f"{mark} {getattr(item, key)}" for key in worded if getattr(item, key)}
    options = {"options": item.code} if item.options else {}
    return f"{item.code} = {{ {', '.join(_toml(texts | options))} }}"
