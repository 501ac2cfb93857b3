"""Answers: saving them as they are given, and taking a finished set in with everything that follows from it."""

import datetime as dt
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from sqlalchemy import BindParameter, bindparam, func, select
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import (
    Administration,
    Episode,
    Patient,
    Response,
)
from prom_service.models.response import WORDINGS
from prom_service.pathway.shape import SAFETY
from prom_service.queries.pathways import find_pathway
from prom_service.queries.wording import Worded, Words, words_in_force, words_of
from prom_service.services import answer_window, assessment, messages, questions, saved_answers, scoring, wording_packs
from prom_service.services.planning import PENDING

log = logging.getLogger(__name__)

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
STANDING = (
    select(Response)
    .where(Response.administration_id == _OF_ADMINISTRATION, Response.amendment.is_(False))
    .order_by(Response.number.desc())
    .limit(1)
)
COMPLETE_SETS = (
    select(Response)
    .where(Response.administration_id == _OF_ADMINISTRATION, Response.partial.is_(False))
    .order_by(Response.number.desc())
)
NEWEST_NUMBER = select(func.max(Response.number)).where(Response.administration_id == _OF_ADMINISTRATION)


@dataclass(frozen=True)
class Submission:
    """What became of a set of answers: ``first`` stands, ``same`` was known, ``amendment`` is kept beside the first."""

    response: Response
    kind: str
    concerned: Sequence[uuid.UUID] = ()
    """The episodes that these answers may change a finding of."""


class Given(TypedDict, total=False):
    """What may be said of a finished set of answers beside whose it is (see ``put_answers``)."""

    mode: str
    answered_by: str
    language: str | None
    entered_by: str
    answers: questions.Answers | None
    changes: questions.Answers | None
    answered_at: dt.datetime | None
    wording: Mapping[str, str] | None


def hold(session: Session, administration: Administration) -> Administration:
    """Return the administration as it is now; it stays so until the transaction ends."""
    return session.scalars(HELD, {"administration": administration.id}).one()


def start(session: Session, administration: Administration, *, now: dt.datetime) -> None:
    """Record that the patient pressed Start, and keep the words now in force. Pressing it again changes nothing."""
    administration = hold(session, administration)
    episode, patient = _whose(session, administration)
    answer_window.check_open(administration, episode, patient, at=now)
    if administration.started_at is None:
        asked = (instrument.ref for instrument in questions.instruments_asked(session, administration, episode))
        wording_packs.pin_packs(session, administration, asked, patient.language, now=now)
        administration.started_at = now
    if administration.state in ("planned", "open"):
        administration.state = "started"
    session.flush()


def save_answers(
    session: Session,
    administration: Administration,
    answers: questions.Answers,
    *,
    entered_with: Mapping[tuple[str, str], str] | None = None,
    now: dt.datetime,
) -> None:
    """Keep these answers beside all earlier ones; the newest of an item is its answer, None clears it.

    A page that carries safety items is assessed at once, finished or not.
    """
    administration = hold(session, administration)
    episode, patient = _whose(session, administration)
    answer_window.check_open(administration, episode, patient, at=now)
    questions.check(session, administration, episode, answers)
    saved_answers.keep(session, administration, answers, entered_with or {}, now)
    if SAFETY in answers:
        assessment.assess_episodes(session, _concerned(session, administration, episode), now=now)


def submit(session: Session, administration: Administration, *, now: dt.datetime, **given: Unpack[Given]) -> Submission:
    """Take in a finished set of answers: stored, scored, judged and flagged when this returns (see ``put_answers``)."""
    submitted = put_answers(session, administration, now=now, **given)
    assessment.assess_episodes(session, submitted.concerned, now=now)
    return submitted


def put_answers(
    session: Session,
    administration: Administration,
    *,
    mode: str = "web",
    answered_by: str = "unknown",
    language: str | None = None,
    entered_by: str = "patient",
    answers: questions.Answers | None = None,
    changes: questions.Answers | None = None,
    answered_at: dt.datetime | None = None,
    wording: Mapping[str, str] | None = None,
    now: dt.datetime,
) -> Submission:
    """Store and score a finished set of answers; whoever puts many assesses all ``concerned`` once, at the end.

    ``answers`` None takes the saved ones with the ``changes`` to them, ``language`` None means the patient's.
    ``answered_at`` is the true date of answers on paper or by phone; it decides whether they are late, and must lie in
    the window. They are taken also when the patient has withdrawn or died since, or the episode was closed, up to the
    day on which that took effect. ``wording`` says of an instrument whether its answers were given to ``own`` or
    ``official`` words; else they were those the page showed, or off the web those in force when it was answered.
    What had been saved in time is scored before a late set, whether or not the sweep has been there since.
    Different answers after a complete set are kept as an amendment for the clinic, and the first set stands. The same
    set again has no effect, however late it comes; but a change is the last word, also one back to an earlier set.
    """
    administration = hold(session, administration)
    episode, patient = _whose(session, administration)
    at = answered_at or now
    answer_window.check_moment(session, administration, episode, patient, at, now)
    handed_in = answers is not None
    if answers is None:
        answers = _changed(saved_answers.current_answers(session, administration), changes or {})
    checked = questions.check(session, administration, episode, answers)
    language = language or patient.language
    worded = _worded(checked, _words_read(session, administration, language, mode, at), wording or {})
    if not any(checked.values()):
        raise InvalidInputError({"answers": ["Answer at least one question before sending."]})
    if administration.state in PENDING and now >= administration.late_after:
        score_partial(session, administration, before=administration.late_after, now=now)
    standing = _standing(session, administration)
    digest = scoring.digest_of(checked)
    known = _complete_sets(session, administration)
    for response in known if handed_in else known[:1]:
        if response.digest == digest:
            return Submission(response, "same")
    saved_answers.keep(session, administration, answers, {}, now)
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
    kind = "amendment" if response.amendment else "first"
    return Submission(response, kind, _concerned(session, administration, episode))


def score_partial(
    session: Session, administration: Administration, *, before: dt.datetime, now: dt.datetime
) -> Response | None:
    """Score what was saved ``before`` a moment, where an instrument's rule allows a score; else return None.

    What counts is that moment and not when somebody came round to it. What stands already is not scored again. One set
    that cannot be scored must not hold up what else there is to do, and stays saved as it is.
    """
    if administration.started_at is None:
        return None
    try:
        with session.begin_nested():
            return _score_saved(session, administration, before, now)
    except Exception as error:  # noqa: BLE001 (one set of many)
        log.error("administration %s: its saved answers were not scored: %s", administration.id, type(error).__name__)
        return None


def _score_saved(
    session: Session, administration: Administration, before: dt.datetime, now: dt.datetime
) -> Response | None:
    """Score what was saved before a moment.

    A baseline without any primary score waits until its window closes for good: no change can be counted from it, and
    scored in time it would stand before the whole one that may still come late.
    """
    episode, patient = _whose(session, administration)
    saved = saved_answers.answers_before(session, administration, before)
    checked = questions.check(session, administration, episode, saved)
    pathway = find_pathway(session, episode.pathway)
    waits = administration.timepoint == pathway.baseline.key and before < administration.closes_at
    if not (scoring.any_primary(checked, pathway) if waits else scoring.any_scorable(checked)):
        return None
    answered_at = saved_answers.last_saved_at(session, administration, before)
    digest = scoring.digest_of(checked)
    standing = _standing(session, administration)
    if standing is not None and (standing.digest == digest or standing.answered_at >= answered_at):
        return None
    response = Response(
        clinic_id=administration.clinic_id,
        episode_id=episode.id,
        administration_id=administration.id,
        number=_next_number(session, administration),
        partial=True,
        late=answered_at >= administration.late_after,
        mode="web",
        language=patient.language,
        entered_by="sweep",
        digest=digest,
        answered_at=answered_at,
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


def _complete(session: Session, administration: Administration, response: Response, now: dt.datetime) -> None:
    administration.state = "completed"
    administration.completed_at = response.answered_at
    administration.late = response.late
    session.flush()
    messages.cancel_pending(session, [administration.id], "completed", actor=response.entered_by, now=now)


def _standing(session: Session, administration: Administration) -> Response | None:
    return session.scalar(STANDING, {"administration": administration.id})


def _complete_sets(session: Session, administration: Administration) -> Sequence[Response]:
    """Return what was sent in, the newest first."""
    return session.scalars(COMPLETE_SETS, {"administration": administration.id}).all()


def _changed(answers: questions.Answers, changes: questions.Answers) -> dict[str, dict[str, object]]:
    return {ref: {**answers.get(ref, {}), **changes.get(ref, {})} for ref in {**answers, **changes}}


def _next_number(session: Session, administration: Administration) -> int:
    return (session.scalar(NEWEST_NUMBER, {"administration": administration.id}) or 0) + 1


def _seconds(administration: Administration, now: dt.datetime) -> int | None:
    return None if administration.started_at is None else round((now - administration.started_at).total_seconds())
