"""Questionnaires on paper: what one patient is asked, with a link of its own, or a blank instrument for anybody."""

import datetime as dt

from sqlalchemy.orm import Session

from instruments.definition import Instrument
from prom_service.errors import InvalidInputError
from prom_service.models import Administration, Clinic, Episode, Patient
from prom_service.paper import drawing, questionnaire
from prom_service.paper.questionnaire import Occasion, Part, Question, Questionnaire
from prom_service.queries.pathways import find_pathway
from prom_service.queries.wording import Words, words_in_force
from prom_service.services import questions
from prom_service.services.clinic_texts import find_texts
from prom_service.services.clinics import zone_of
from prom_service.services.handed_link import hand_link
from prom_service.services.languages import check_spoken
from prom_service.settings import Settings

PAPERS = tuple(drawing.PAPERS)


def write_paper(
    session: Session,
    administration: Administration,
    settings: Settings,
    *,
    paper: str = "a4",
    issued_by: str,
    now: dt.datetime,
) -> bytes:
    """Return what an administration asks as a PDF, with a QR code of a link made for it.

    It is in the patient's language, in the words now in force at the clinic. The link's token exists in clear there
    and nowhere else. Raise ``AnswersClosedError`` when no answers are taken.
    """
    _check_paper(paper)
    link = hand_link(session, administration, settings, issued_by=issued_by, now=now)
    episode = session.get_one(Episode, administration.episode_id)
    patient = session.get_one(Patient, episode.patient_id)
    language = questionnaire.find_texts(patient.language).code
    asked = Questionnaire(
        parts=_parts(session, administration, episode, words_in_force(session, episode.clinic_id, language)),
        language=language,
        occasion=_occasion(session, administration, episode, patient, link=link, now=now),
    )
    return drawing.draw(asked, paper=paper)


def write_blank(words: Words, ref: str, *, paper: str = "a4") -> bytes:
    """Return an instrument as a PDF that anybody may fill in; nothing on it says who is asked."""
    _check_paper(paper)
    check_spoken(words.language)
    part = _part(words.instrument(ref), follow_up=False, activities={})
    return drawing.draw(Questionnaire((part,), words.language), paper=paper)


def _check_paper(paper: str) -> None:
    if paper not in PAPERS:
        raise InvalidInputError({"paper": [f"Allowed are {', '.join(PAPERS)}."]})


def _parts(session: Session, administration: Administration, episode: Episode, words: Words) -> tuple[Part, ...]:
    """Return what is asked. At a follow-up the activities named at the baseline are rated, and none is named."""
    follow_up, pathway = administration.sequence > 0, find_pathway(session, episode.pathway)
    parts = []
    for instrument in questions.instruments_asked(session, administration, episode):
        activities = questions.baseline_activities(session, episode, instrument) if follow_up else {}
        worded = questions.with_tiers(words.instrument(instrument.ref), pathway)
        parts.append(_part(worded, follow_up=follow_up, activities=activities))
    return tuple(part for part in parts if part.questions)


def _part(instrument: Instrument, *, follow_up: bool, activities: dict[str, str]) -> Part:
    drawn = (
        Question(item, (follow_up and item.followup_text) or item.text, activities.get(item.code, ""))
        for item in questions.items_asked(instrument, follow_up=follow_up)
        if not (follow_up and item.activity) or item.code in activities
    )
    return Part(instrument, tuple(drawn))


def _occasion(
    session: Session,
    administration: Administration,
    episode: Episode,
    patient: Patient,
    *,
    link: str,
    now: dt.datetime,
) -> Occasion:
    clinic = session.get_one(Clinic, administration.clinic_id)
    texts = find_texts(session, clinic, patient.language)
    late = now >= administration.late_after
    end = administration.closes_at if late else administration.late_after
    return Occasion(
        clinic=questionnaire.Clinic(
            name=clinic.name,
            phone=clinic.phone,
            reply_hours=texts.reply_hours,
            urgent_text=texts.urgent_text,
            texts_language=texts.language,
            language=clinic.language,
        ),
        side=episode.side,
        last_day=(end - dt.timedelta(microseconds=1)).astimezone(zone_of(patient, clinic)).date(),
        late=late,
        patient_number=patient.external_id,
        episode_number=episode.external_id,
        timepoint=administration.timepoint,
        link=link,
    )
