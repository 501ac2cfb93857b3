"""Answers: saving them as they are given, and taking a finished set in with everything that follows from it."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, insert, select
from sqlalchemy.orm import Session

import instruments
from instruments.activities import TEXT, name_keys
from instruments.answer import NotApplicable
from instruments.definition import Instrument, Item
from prom_service.errors import InvalidInputError, PromError
from prom_service.models import (
    Administration,
    AnswerSet,
    Clinic,
    Episode,
    Patient,
    PatientChange,
    Response,
    SavedAnswer,
)
from prom_service.models.response import WORDINGS
from prom_service.pathway import definition as pathways
from prom_service.pathway.symptom_rules import SAFETY
from prom_service.queries.wording import Worded, Words, words_in_force, words_of
from prom_service.services import assessment, messages, scoring, wording_packs
from prom_service.services.clinics import zone_of

TEXT_LENGTH = 100
ENDED = ("withdrawn", "deceased")
"""Statuses, and kinds of changes, of a patient who no longer takes part."""

# Written once and kept: building a statement costs more than running it.
_OF_ADMINISTRATION: BindParameter[uuid.UUID] = bindparam("administration")
HELD = (
    select(Administration)
    .where(Administration.id == _OF_ADMINISTRATION)
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
WHOSE = (
    select(Episode, Patient).join(Patient, Patient.id == Episode.patient_id).where(Episode.id == bindparam("episode"))
)
OPEN_EPISODES = select(Episode.id).where(
    Episode.clinic_id == bindparam("clinic"),
    Episode.patient_id == bindparam("patient"),
    Episode.closed_on.is_(None),
)
SAVED = (
    select(SavedAnswer.instrument, SavedAnswer.item, SavedAnswer.value)
    .where(SavedAnswer.administration_id == _OF_ADMINISTRATION)
    .order_by(SavedAnswer.id)
)
STANDING = (
    select(Response)
    .where(Response.administration_id == _OF_ADMINISTRATION, Response.amendment.is_(False))
    .order_by(Response.number.desc())
    .limit(1)
)
ENDED_ON = (
    select(PatientChange.effective_on)
    .where(PatientChange.patient_id == bindparam("patient"), PatientChange.kind.in_(ENDED))
    .order_by(PatientChange.recorded_at.desc(), PatientChange.id.desc())
    .limit(1)
)
NEWEST_NUMBER = select(func.max(Response.number)).where(Response.administration_id == _OF_ADMINISTRATION)

Answers = Mapping[str, Mapping[str, object]]
"""Instrument reference → item code → whole number, ``"NA"``, the text of an activity under ``<item>.text``, or None."""


class AnswersClosedError(PromError):
    """The administration takes no answers; ``reason`` is one word for why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"No answers are taken: {reason.replace('_', ' ')}.")


@dataclass(frozen=True)
class Submission:
    """What became of a set of answers: ``first`` stands, ``same`` was known, ``amendment`` is kept beside the first."""

    response: Response
    kind: str


def instruments_asked(administration: Administration, episode: Episode) -> tuple[Instrument, ...]:
    """Return the instruments of this timepoint, in the order of the pathway."""
    timepoint = pathways.find(episode.pathway).timepoint(administration.timepoint)
    return tuple(instruments.find(ref) for ref in timepoint.instruments)


def items_asked(instrument: Instrument, *, follow_up: bool) -> tuple[Item, ...]:
    """Return the items asked at a baseline or a follow-up; background questions are asked once."""
    return tuple(item for item in instrument.items if not (follow_up and item.baseline_only))


def current_answers(session: Session, administration: Administration) -> dict[str, dict[str, Any]]:
    """Return the answers saved so far, by instrument and item; a cleared one is absent."""
    rows = session.execute(SAVED, {"administration": administration.id})
    answers: dict[str, dict[str, Any]] = {}
    for instrument, item, value in rows:
        answers.setdefault(instrument, {})[item] = _read_value(item, value)
    return {
        instrument: {item: value for item, value in given.items() if value is not None}
        for instrument, given in answers.items()
    }


def baseline_activities(session: Session, episode: Episode, instrument: Instrument) -> dict[str, str]:
    """Return the activities the patient named at baseline, by item; later timepoints rate the same ones."""
    if not any(item.activity for item in instrument.items):
        return {}
    answers = session.scalar(
        select(AnswerSet.answers)
        .join(Response, Response.id == AnswerSet.response_id)
        .join(Administration, Administration.id == Response.administration_id)
        .where(
            Administration.episode_id == episode.id,
            Administration.sequence == 0,
            Response.amendment.is_(False),
            AnswerSet.instrument == instrument.ref,
        )
        .order_by(Response.number.desc())
        .limit(1)
    )
    named = {item.code: (answers or {}).get(item.code + TEXT) for item in instrument.items}
    return {code: text for code, text in named.items() if text}


def check_open(administration: Administration, episode: Episode, patient: Patient, *, at: dt.datetime) -> None:
    """Raise ``AnswersClosedError`` unless answers given ``at`` that moment are taken."""
    if patient.status in ENDED:
        raise AnswersClosedError("withdrawn")
    if administration.state == "completed":
        raise AnswersClosedError("completed")
    if administration.state == "cancelled":
        raise AnswersClosedError("cancelled")
    _check_window(administration, at)
    if episode.closed_on is not None:
        raise AnswersClosedError("closed")


def _check_window(administration: Administration, at: dt.datetime) -> None:
    if at < administration.opens_at:
        raise AnswersClosedError("not_open_yet")
    if at >= administration.closes_at:
        raise AnswersClosedError("closed")


def hold(session: Session, administration: Administration) -> Administration:
    """Return the administration as it is now; it stays so until the transaction ends."""
    return session.scalars(HELD, {"administration": administration.id}).one()


def start(session: Session, administration: Administration, *, now: dt.datetime) -> None:
    """Record that the patient pressed Start, and keep the words now in force. Pressing it again changes nothing."""
    administration = hold(session, administration)
    episode, patient = _whose(session, administration)
    check_open(administration, episode, patient, at=now)
    if administration.started_at is None:
        asked = (instrument.ref for instrument in instruments_asked(administration, episode))
        wording_packs.pin_packs(session, administration, asked, patient.language, now=now)
        administration.started_at = now
    if administration.state in ("planned", "open"):
        administration.state = "started"
    session.flush()


def save_answers(
    session: Session,
    administration: Administration,
    answers: Answers,
    *,
    entered_with: Mapping[tuple[str, str], str] | None = None,
    now: dt.datetime,
) -> None:
    """Keep these answers beside all earlier ones; the newest of an item is its answer, None clears it.

    A page that carries safety items is assessed at once, finished or not.
    """
    administration = hold(session, administration)
    episode, patient = _whose(session, administration)
    check_open(administration, episode, patient, at=now)
    _check(session, administration, episode, answers)
    _keep(session, administration, answers, entered_with or {}, now)
    if SAFETY in answers:
        assessment.assess_episodes(session, _concerned(session, administration, episode), now=now)


def submit(
    session: Session,
    administration: Administration,
    *,
    mode: str = "web",
    answered_by: str = "unknown",
    language: str | None = None,
    entered_by: str = "patient",
    answers: Answers | None = None,
    answered_at: dt.datetime | None = None,
    wording: Mapping[str, str] | None = None,
    now: dt.datetime,
) -> Submission:
    """Take in a finished set of answers: stored, scored, judged and flagged when this returns.

    ``answers`` None takes the saved ones, ``language`` None means the patient's. ``answered_at`` is the true date of
    answers on paper or by phone; it decides whether they are late, and must lie in the window. They are taken also
    when the patient has withdrawn or died since, or the episode was closed, up to the day on which that took effect.
    ``wording`` says of an instrument whether its answers were given to ``own`` or ``official`` words; else they were
    those the page showed, or off the web those in force when it was answered. The same answers again have no effect;
    different ones after a complete set are kept as an amendment for the clinic, and the first set stands.
    """
    administration = hold(session, administration)
    episode, patient = _whose(session, administration)
    at = answered_at or now
    _check_moment(session, administration, episode, patient, at, now)
    if answers is None:
        answers = current_answers(session, administration)
    checked = _check(session, administration, episode, answers)
    language = language or patient.language
    worded = _worded(checked, _words_read(session, administration, language, mode, at), wording or {})
    if not any(checked.values()):
        raise InvalidInputError({"answers": ["Answer at least one question before sending."]})
    standing = _standing(session, administration)
    digest = scoring.digest_of(checked)
    if standing is not None and not standing.partial:
        known = _with_digest(session, administration, digest)
        if known is not None:
            return Submission(known, "same")
    _keep(session, administration, answers, {}, now)
    response = Response(
        clinic_id=administration.clinic_id,
        episode_id=episode.id,
        administration_id=administration.id,
        number=_next_number(session, administration),
        amendment=standing is not None and not standing.partial,
        late=at >= administration.late_after,
        mode=mode,
        answered_by=answered_by,
        language=language,
        entered_by=entered_by,
        digest=digest,
        seconds=_seconds(administration, now) if mode == "web" else None,
        answered_at=at,
        recorded_at=now,
    )
    scoring.store(session, response, checked, worded, now=now)
    if not response.amendment:
        _complete(session, administration, response, now)
    assessment.assess_episodes(session, _concerned(session, administration, episode), now=now)
    return Submission(response, "amendment" if response.amendment else "first")


def score_partial(session: Session, administration: Administration, *, now: dt.datetime) -> Response | None:
    """Score what was saved when the window has passed, where an instrument's rule allows a score; else return None."""
    episode, patient = _whose(session, administration)
    checked = _check(session, administration, episode, current_answers(session, administration))
    if not scoring.any_scorable(checked):
        return None
    response = Response(
        clinic_id=administration.clinic_id,
        episode_id=episode.id,
        administration_id=administration.id,
        number=_next_number(session, administration),
        partial=True,
        late=(_last_saved(session, administration) or now) >= administration.late_after,
        mode="web",
        language=patient.language,
        entered_by="sweep",
        digest=scoring.digest_of(checked),
        answered_at=_last_saved(session, administration) or now,
        recorded_at=now,
    )
    words = words_of(session, administration, patient.language)
    scoring.store(session, response, checked, _worded(checked, words, {}), now=now)
    return response


def _concerned(session: Session, administration: Administration, episode: Episode) -> list[uuid.UUID]:
    """Return the episodes that these answers may change a finding of.

    A baseline asks for background factors, which weigh on the symptoms of every open episode of the patient.
    """
    if administration.sequence > 0:
        return [episode.id]
    of_patient = {"clinic": episode.clinic_id, "patient": episode.patient_id}
    return [episode.id, *session.scalars(OPEN_EPISODES, of_patient)]


def _whose(session: Session, administration: Administration) -> tuple[Episode, Patient]:
    row = session.execute(WHOSE, {"episode": administration.episode_id}).one()
    return row.Episode, row.Patient


def _check_moment(
    session: Session,
    administration: Administration,
    episode: Episode,
    patient: Patient,
    at: dt.datetime,
    now: dt.datetime,
) -> None:
    if at > now:
        raise InvalidInputError({"answered_at": ["Must not lie in the future."]})
    in_time = at < now and _was_taking_part(session, episode, patient, at)
    if administration.state == "completed" and (in_time or patient.status not in ENDED):
        return  # The same answers again, or an amendment: both are welcome, also after the window.
    if in_time:
        _check_window(administration, at)
    else:
        check_open(administration, episode, patient, at=at)


def _was_taking_part(session: Session, episode: Episode, patient: Patient, at: dt.datetime) -> bool:
    """Say whether ``at`` lies before the end of the day on which the patient's part, or the episode, ended."""
    last_days = [episode.closed_on] if episode.closed_on else []
    if patient.status in ENDED:
        last_days.append(session.scalars(ENDED_ON, {"patient": patient.id}).one())
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    return at.astimezone(zone).date() <= min(last_days, default=dt.date.max)


def _check(
    session: Session, administration: Administration, episode: Episode, answers: Answers
) -> dict[Instrument, dict[str, Any]]:
    """Return the answers by instrument with codes and activity texts; raise with every bad one named."""
    asked = {instrument.ref: instrument for instrument in instruments_asked(administration, episode)}
    errors: dict[str, list[str]] = {
        ref: [f"Not asked here. Asked are {', '.join(asked)}."] for ref in answers if ref not in asked
    }
    checked = {}
    for ref, instrument in asked.items():
        given = answers.get(ref, {})
        texts = {key: value for key, value in given.items() if key.endswith(TEXT)}
        codes = instruments.check_answers(instrument, {key: given[key] for key in given.keys() - texts.keys()})
        errors |= {f"{ref}.{item}": [message] for item, message in codes.errors.items()}
        known = baseline_activities(session, episode, instrument) if administration.sequence else {}
        errors |= {f"{ref}.{key}": problem for key, problem in _text_problems(instrument, texts, known).items()}
        if administration.sequence:
            errors |= {
                f"{ref}.{item.code}": ["Asked at the baseline only."]
                for item in instrument.items
                if item.baseline_only and item.code in codes.codes
            }
        checked[instrument] = _plain(codes.codes) | _activities(instrument, codes.codes, texts, known)
        errors |= {
            f"{ref}.{item.code}": ["This activity was not named."]
            for item in instrument.items
            if item.activity and item.code in codes.codes and item.code + TEXT not in checked[instrument]
        }
    if errors:
        raise InvalidInputError(errors)
    return checked


def _plain(codes: Mapping[str, Any]) -> dict[str, Any]:
    return {item: str(code) if isinstance(code, NotApplicable) else code for item, code in codes.items()}


def _words_read(session: Session, administration: Administration, language: str, mode: str, at: dt.datetime) -> Words:
    """Return the words the patient had before them: of the pages, or of a form on paper or read out that day."""
    if mode == "web":
        return words_of(session, administration, language)
    return words_in_force(session, administration.clinic_id, language, at=at)


def _worded(checked: scoring.Checked, words: Words, said: Mapping[str, str]) -> dict[str, Worded]:
    """Return in which words each instrument was answered: as ``said``, else as in ``words``."""
    worded = {instrument.ref: words.worded(instrument.ref) for instrument in checked}
    errors = {
        f"wording.{ref}": [f"Not asked here. Asked are {', '.join(worded)}."] for ref in said if ref not in worded
    }
    errors |= {
        f"wording.{ref}": [f"Allowed are {', '.join(WORDINGS)}."] for ref, word in said.items() if word not in WORDINGS
    }
    if errors:
        raise InvalidInputError(errors)
    return worded | {ref: Worded(word) for ref, word in said.items() if word != worded[ref].wording}


def _activities(
    instrument: Instrument, codes: Mapping[str, Any], texts: Mapping[str, object], known: Mapping[str, str]
) -> dict[str, str]:
    """Return the names that belong to the set: those of the baseline, rated or not, and new ones that are rated."""
    rated = {key: text for key, text in texts.items() if text and key.removesuffix(TEXT) in codes}
    keys = name_keys(instrument)
    return {key: str(text).strip() for key, text in rated.items() if key in keys} | {
        item + TEXT: text for item, text in known.items()
    }


def _text_problems(
    instrument: Instrument, texts: Mapping[str, object], known: Mapping[str, str]
) -> dict[str, list[str]]:
    allowed = name_keys(instrument)
    problems = {}
    for key, text in texts.items():
        if key not in allowed:
            problems[key] = ["No activity is named here."]
        elif text is not None and (not isinstance(text, str) or len(text) > TEXT_LENGTH or not text.isprintable()):
            problems[key] = [f"A text of at most {TEXT_LENGTH} characters is allowed."]
        elif text and known and known.get(key.removesuffix(TEXT)) != text:
            problems[key] = ["Later timepoints rate the activities named at baseline."]
    return problems


def _keep(
    session: Session,
    administration: Administration,
    answers: Answers,
    entered_with: Mapping[tuple[str, str], str],
    now: dt.datetime,
) -> None:
    """Append what differs from the answers on record."""
    before = current_answers(session, administration)
    fresh = [
        {
            "clinic_id": administration.clinic_id,
            "administration_id": administration.id,
            "instrument": ref,
            "item": item,
            "value": None if value in (None, "") else str(value),
            "entered_with": entered_with.get((ref, item)),
            "recorded_at": now,
        }
        for ref, given in answers.items()
        for item, value in given.items()
        if (None if value == "" else value) != before.get(ref, {}).get(item)
    ]
    if fresh:
        session.execute(insert(SavedAnswer), fresh)


def _read_value(item: str, value: str | None) -> int | str | None:
    if value is None or item.endswith(TEXT) or value == NotApplicable.NA:
        return value
    return int(value)


def _complete(session: Session, administration: Administration, response: Response, now: dt.datetime) -> None:
    administration.state = "completed"
    administration.completed_at = response.answered_at
    administration.late = response.late
    session.flush()
    messages.cancel_pending(session, [administration.id], "completed", actor=response.entered_by, now=now)


def _standing(session: Session, administration: Administration) -> Response | None:
    return session.scalar(STANDING, {"administration": administration.id})


def _with_digest(session: Session, administration: Administration, digest: str) -> Response | None:
    return session.scalar(
        select(Response).where(
            Response.administration_id == administration.id, Response.digest == digest, Response.partial.is_(False)
        )
    )


def _next_number(session: Session, administration: Administration) -> int:
    return (session.scalar(NEWEST_NUMBER, {"administration": administration.id}) or 0) + 1


def _last_saved(session: Session, administration: Administration) -> dt.datetime | None:
    return session.scalar(
        select(func.max(SavedAnswer.recorded_at)).where(SavedAnswer.administration_id == administration.id)
    )


def _seconds(administration: Administration, now: dt.datetime) -> int | None:
    return None if administration.started_at is None else round((now - administration.started_at).total_seconds())
