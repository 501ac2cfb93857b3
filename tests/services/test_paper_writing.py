"""Questionnaires on paper: a link of their own, the patient's language, and nothing that nobody needs to read."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select

import instruments
from instruments.errors import UnknownInstrumentError
from prom_service.errors import InvalidInputError
from prom_service.models import Administration, Clinic, Episode, Link
from prom_service.paper.questionnaire import TEXTS
from prom_service.queries.wording import Words, words_in_force
from prom_service.runtime import Runtime
from prom_service.services import access, clinic_texts, paper_writing, submission
from prom_service.services.answer_window import AnswersClosedError
from tests import builders
from tests.fakes import Clock
from tests.support.paper import Sheets

PATIENT = {"external_id": "P-77", "name": "Robin Redbreast", "email": "robin@example.org"}


class Desk:
    """A clinic that prints what a patient is asked."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic: Clinic = builders.a_clinic(session, now=clock.now())

    def enrol(self, *, patient: dict[str, Any] | None = None, **changes: Any) -> Episode:
        now = self.clock.now()
        with self.runtime.transaction() as session:
            person = builders.a_patient(session, self.clinic, now=now, **PATIENT, **(patient or {}))
            return builders.an_episode(session, self.clinic, person, now=now, **changes)

    def administration(self, episode: Episode, timepoint: str) -> Administration:
        with self.runtime.reading() as session:
            return builders.the_administration(session, episode, timepoint)

    def answer_baseline(self, episode: Episode, **changes: Any) -> None:
        with self.runtime.transaction() as session:
            baseline = builders.the_administration(session, episode, "baseline")
            answers = {**builders.complete_answers(baseline, episode), **changes}
            submission.submit(session, baseline, answers=answers, now=self.clock.now())

    def print(self, episode: Episode, timepoint: str = "baseline", **options: Any) -> Sheets:
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, episode, timepoint)
            pdf = paper_writing.write_paper(
                session, administration, self.runtime.settings, issued_by="user:sam", now=self.clock.now(), **options
            )
        return Sheets(pdf)

    def links(self) -> list[Link]:
        with self.runtime.reading() as session:
            return list(session.scalars(select(Link)))


@pytest.fixture
def desk(runtime: Runtime, clock: Clock) -> Desk:
    return Desk(runtime, clock)


def test_the_code_leads_to_the_administration_and_the_record_says_who_printed_it(desk: Desk, runtime: Runtime) -> None:
    episode = desk.enrol()

    code = desk.print(episode).code()

    token = code.removeprefix(f"{runtime.settings.base_url}/s/")
    with runtime.reading() as session:
        target = access.find_link(session, token, secret=runtime.settings.secret)
    assert target is not None
    assert target.administration.id == desk.administration(episode, "baseline").id
    assert (target.link.issued_by, target.link.message_id) == ("user:sam", None)
    assert [token in str(vars(link)) for link in desk.links()] == [False]


def test_every_print_has_a_link_of_its_own(desk: Desk) -> None:
    episode = desk.enrol()

    codes = {desk.print(episode).code() for _ in range(2)}

    assert len(codes) == len(desk.links()) == 2


def test_it_says_whose_it_is_by_the_clinics_own_numbers_only(desk: Desk) -> None:
    episode = desk.enrol(external_id="E-9", diagnosis="hip osteoarthritis", clinician="DR-1")

    text = desk.print(episode).text

    assert "Patient P-77 · Episode E-9 · baseline" in text
    for private in ("Robin", "robin@example.org", "1980", "osteoarthritis", "DR-1", "hip-related"):
        assert private not in text


@pytest.mark.parametrize(
    ("side", "said"), [("left", "about your left side"), ("right", "about your right side"), ("both", "both sides")]
)
def test_it_is_about_the_side_of_the_episode(desk: Desk, side: str, said: str) -> None:
    assert said in desk.print(desk.enrol(side=side)).text


def test_it_asks_what_the_timepoint_asks_in_the_patients_language(desk: Desk) -> None:
    text = desk.print(desk.enrol(patient={"language": "es"})).text

    for ref in ("ihot-12-1.0", "nprs-1.0", "safety-1.0"):
        asked = instruments.find_in("es", ref)
        assert [item.code for item in asked.items if item.text not in text] == []
    assert "Lado izquierdo" in text
    assert desk.clinic.urgent_text in text
    assert TEXTS["en"].plain("staff.codes") in text


def test_at_a_follow_up_it_asks_what_is_new_and_nothing_of_the_background(desk: Desk, clock: Clock) -> None:
    episode = desk.enrol()
    clock.advance(days=42)

    text = desk.print(episode, "6-weeks").text

    for item in instruments.find("safety-1.0").items:
        assert (item.followup_text in text) if item.followup_text else (item.text not in text)


def test_at_a_follow_up_the_activities_of_the_baseline_are_rated(desk: Desk, clock: Clock) -> None:
    episode = desk.enrol(pathway="buttock-nerve-pain-1")
    named = {"Q1": 4, "Q1.text": "Climb the stairs", "Q3": 2, "Q3.text": "Sit at my desk"}
    desk.answer_baseline(episode, **{"psfs-1.0": named})
    clock.advance(days=42)

    text = desk.print(episode, "6-weeks").text

    question = instruments.find("psfs-1.0").items[0].text
    assert f"Climb the stairs {question}" in text
    assert f"Sit at my desk {question}" in text
    assert text.count(question) == 2


def test_without_activities_at_the_baseline_none_is_rated_later(desk: Desk, clock: Clock) -> None:
    episode = desk.enrol(pathway="buttock-nerve-pain-1")
    clock.advance(days=42)

    text = desk.print(episode, "6-weeks").text

    assert "psfs-1.0" not in text
    assert instruments.find("psfs-1.0").items[0].text not in text


def test_the_last_day_is_the_last_one_in_time_and_afterwards_the_last_one_at_all(desk: Desk, clock: Clock) -> None:
    episode = desk.enrol()
    late_after = desk.administration(episode, "baseline").late_after

    clock.move_to(late_after - dt.timedelta(seconds=1))
    in_time = desk.print(episode).text
    clock.move_to(late_after)
    late = desk.print(episode).text

    assert "answer by Monday 9 March 2026" in in_time
    assert "to the clinic by Sunday 5 April 2026" in late


def test_days_are_those_of_the_patient(desk: Desk) -> None:
    episode = desk.enrol(patient={"time_zone": "Pacific/Honolulu"})

    text = desk.print(episode).text

    assert "answer by Monday 9 March 2026" in text


def test_nothing_is_printed_and_no_link_made_when_no_answers_are_taken(desk: Desk, clock: Clock) -> None:
    episode = desk.enrol()

    with pytest.raises(AnswersClosedError, match="not open yet"):
        desk.print(episode, "6-weeks")
    desk.answer_baseline(episode)
    with pytest.raises(AnswersClosedError, match="completed"):
        desk.print(episode)

    assert desk.links() == []


def test_a_paper_that_nobody_makes_is_refused_with_those_there_are(desk: Desk) -> None:
    episode = desk.enrol()

    with pytest.raises(InvalidInputError, match="paper: Allowed are a4, letter"):
        desk.print(episode, paper="a3")

    assert desk.links() == []


def test_it_is_in_the_clinics_own_words_where_there_are_any(desk: Desk) -> None:
    with desk.runtime.transaction() as session:
        builders.a_pack(session, desk.clinic, "nprs-1.0", now=desk.clock.now(), language="es")
        urgent = {"reply_hours": "De lunes a jueves", "urgent_text": "Llame al 112."}
        clinic_texts.write_texts(session, session.get_one(Clinic, desk.clinic.id), "es", **urgent)
        [question] = words_in_force(session, desk.clinic.id, "es").instrument("nprs-1.0").items

    text = desk.print(desk.enrol(patient={"language": "es"})).text

    assert question.text != instruments.find_in("es", "nprs-1.0").items[0].text
    for words in (question.text, "De lunes a jueves", "Llame al 112."):
        assert words in text


@pytest.mark.parametrize(
    ("ref", "language", "paper", "error"),
    [
        ("hoos-9.9", "en", "a4", UnknownInstrumentError),
        ("nprs-1.0", "xx", "a4", InvalidInputError),
        ("nprs-1.0", "en", "a3", InvalidInputError),
    ],
)
def test_a_blank_one_of_what_is_not_there_is_refused(
    ref: str, language: str, paper: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        paper_writing.write_blank(Words(language, {}), ref, paper=paper)
