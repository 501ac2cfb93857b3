"""A patient is spoken to in one language from the first page to the last, and the answers mean the same in each."""

import datetime as dt
import html
import re
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

import instruments
from prom_service.language import SPOKEN
from prom_service.models import AnswerSet, Clinic, Response, Score
from prom_service.pathway import definition as pathways
from prom_service.runtime import Runtime
from prom_service.services import submission
from prom_service.services.clinic_texts import write_texts
from prom_service.web.survey import texts
from tests.builders import a_clinic, a_patient, an_episode, the_administration
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, administration_of, ask, heading, link_to

PATHWAYS = [pathway.ref for pathway in pathways.all_pathways()]
HELP = "Llame al número de emergencias de su localidad."
SHORTEST = 8
"""Letters of a text that is looked for; shorter ones may stand in another language's words by chance."""


@pytest.fixture
def visitor(client: Any, runtime: Runtime) -> Visitor:
    """A patient who reads Spanish, with a link to the baseline of the default pathway."""
    return Visitor(client, ask(runtime, language="es"))


def english_left(page: str) -> list[str]:
    """Return the English texts that a page shows: those of the interface and those of every questionnaire."""
    known = {text for text in texts.find("en").entries.values() if "{" not in text}
    for instrument in instruments.all_instruments():
        known |= {instrument.intro, instrument.na_text} | {scale.title for scale in instrument.scales}
        for item in instrument.items:
            known |= {item.text, item.section, item.low_label, item.high_label, item.followup_text, *item.options}
    shown = html.unescape(re.sub(r"<[^>]+>", " ", page))
    return sorted(text for text in known if len(text) >= SHORTEST and text in shown)


@pytest.mark.parametrize("pathway", PATHWAYS)
def test_no_page_of_the_way_is_in_another_language(client: Any, runtime: Runtime, pathway: str):
    visitor = Visitor(client, ask(runtime, language="es", pathway=pathway))

    seen = [visitor.open()]
    response = visitor.start()
    while not response.location.endswith("/review"):
        place = response.location.removeprefix(f"/s/{visitor.token}")
        seen.append(visitor.open(place))
        named = {"psfs-1.0-Q1.text": "Subir escaleras"} if 'name="psfs-1.0-Q1.text"' in seen[-1].text else {}
        said = {"safety-1.0-R1": "1"} if 'name="safety-1.0-R1"' in seen[-1].text else {}
        response = visitor.press(place, "next", **named, **said)
    seen.append(visitor.open("/review"))
    visitor.send()
    seen += [visitor.open("/thanks"), visitor.open()]

    assert all('<html lang="es" dir="ltr">' in page.text for page in seen)
    assert {heading(page): english_left(page.text) for page in seen if english_left(page.text)} == {}
    assert heading(seen[-2]) == "Gracias. Sus respuestas han llegado."
    assert len(re.findall("<h3>", seen[-2].text)) == len(pathways.find(pathway).education) / len(SPOKEN)


@pytest.mark.parametrize("pathway", PATHWAYS)
def test_the_pages_are_split_alike_in_every_language(client: Any, runtime: Runtime, pathway: str):
    def names(language: str) -> list[list[str]]:
        visitor = Visitor(client, ask(runtime, language=language, pathway=pathway))
        visitor.start()
        pages = [visitor.open(f"/{number}") for number in range(1, 60)]
        return [sorted(set(re.findall(r'name="([^"]+)\.was"', page.text))) for page in pages]

    english, *others = map(names, SPOKEN)

    assert others == [english] * len(others)
    assert any(english)


def test_an_answer_keeps_its_language_and_its_wording_and_scores_alike(client: Any, runtime: Runtime):
    scores = {}
    for language in SPOKEN:
        visitor = Visitor(client, ask(runtime, language=language))
        visitor.answer_everything(value=37)
        visitor.send()
        with runtime.reading() as session:
            given = session.scalars(
                select(Response).where(Response.administration_id == administration_of(runtime, visitor.token).id)
            ).one()
            wordings = set(session.scalars(select(AnswerSet.wording).where(AnswerSet.response_id == given.id)))
            rows = session.execute(
                select(Score.instrument, Score.scale, Score.value).where(Score.response_id == given.id)
            )
            scores[language] = sorted(map(tuple, rows))

            assert (given.language, wordings) == (language, {"own"})

    assert scores["es"] == scores["en"]
    assert scores["en"]


def test_answers_left_in_a_draft_and_those_on_paper_are_in_the_patients_language(runtime: Runtime, clock: Clock):
    now = clock.now()
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=now)
        for act in (submission.submit, partial(submission.score_partial, before=now + dt.timedelta(days=8))):
            patient = a_patient(session, clinic, now=now, language="es")
            baseline = the_administration(session, an_episode(session, clinic, patient, now=now), "baseline")
            submission.start(session, baseline, now=now)
            answers = {"ihot-12-1.0": {f"Q{number}": 40 for number in range(1, 13)}}
            submission.save_answers(session, baseline, answers, now=now)
            act(session, baseline, now=now)

        languages = list(session.scalars(select(Response.language)))

    assert languages == ["es", "es"]


def test_a_fault_is_told_in_the_patients_language(visitor: Visitor):
    visitor.start()

    page = visitor.press("/1", "next", **{"ihot-12-1.0-Q1": "140"})

    assert page.status_code == 422
    assert "Hay algo que corregir" in page.text
    assert "«Dolor en la cadera o la ingle en general»: el número debe ser del 0 al 100." in page.text


def test_a_lost_score_is_named_in_the_patients_language(client: Any, runtime: Runtime):
    visitor = Visitor(client, ask(runtime, language="es", pathway="hip-osteoarthritis-1"))
    visitor.start()

    assert "Sin ellas no se puede calcular su puntaje de: Síntomas, Dolor, Vida diaria" in visitor.open("/review").text


@pytest.mark.parametrize(("tier", "item"), [("Busque atención médica ahora", "R1"), ("Hable con alguien hoy", "R9")])
def test_advice_is_given_in_the_patients_language(visitor: Visitor, tier: str, item: str):
    visitor.start()
    place = next(f"/{number}" for number in range(1, 40) if f'"safety-1.0-{item}"' in visitor.open(f"/{number}").text)

    visitor.press(place, "next", **{f"safety-1.0-{item}": "1"})

    page = visitor.open(f"{place}/advice")
    assert heading(page) == tier
    assert english_left(page.text) == []


def test_a_dead_end_of_a_known_patient_is_in_the_patients_language_whatever_the_browser_asks_for(visitor: Visitor):
    early = Visitor(visitor.client, visitor.token)
    early.start()

    page = early.client.get(f"/s/{early.token}/999", headers={"Accept-Language": "en"})

    assert (page.status_code, heading(page)) == (404, "Esta página ya no está aquí")


@pytest.mark.parametrize("address", ["/s/unknown", "/s/unknown/thanks", "/u/unknown", "/s/a/b/c/d"])
@pytest.mark.parametrize(
    ("asked_for", "language"),
    [("es-MX,es;q=0.9,en;q=0.5", "es"), ("fr,es;q=0.4", "es"), ("en-GB", "en"), ("tlh", "en"), ("", "en")],
)
def test_a_stranger_is_answered_in_the_language_of_the_browser(
    client: Any, address: str, asked_for: str, language: str
):
    page = client.get(address, headers={"Accept-Language": asked_for})

    assert page.status_code == 404
    assert f'<html lang="{language}"' in page.text


def test_who_is_not_the_patient_reads_on_in_the_same_language(visitor: Visitor):
    moved = visitor.press("/not-me", "not-me")

    page = visitor.client.get(moved.location)

    assert heading(page) == "Gracias por avisarnos"
    assert heading(visitor.client.get(moved.location.replace("=es", "=tlh"))) == "Thank you for telling us"


def test_the_stop_page_is_in_the_patients_language(client: Any, runtime: Runtime):
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=runtime.now())
        patient = a_patient(session, clinic, now=runtime.now(), language="es")
        baseline = the_administration(session, an_episode(session, clinic, patient, now=runtime.now()), "baseline")
        token = link_to(runtime, session, baseline, "unsubscribe")

    pages = client.get(f"/u/{token}"), client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})

    assert [heading(page) for page in pages] == [
        "¿Dejar de recibir estos correos?",
        "Ya no le enviaremos estos correos",
    ]


def test_what_the_clinic_wrote_in_another_language_is_marked_as_such(client: Any, runtime: Runtime):
    foreign, own = (Visitor(client, ask(runtime, language=language)).open().text for language in ("es", "en"))

    assert '<span lang="en" dir="auto">Call 999 now' in foreign
    assert 'atención: <span lang="en" dir="auto">Monday to Friday' in foreign
    assert "<span lang" not in own


def test_what_the_clinic_wrote_in_the_patients_language_is_read_on_every_page_that_says_it(
    visitor: Visitor, runtime: Runtime
):
    with runtime.transaction() as session:
        clinic = session.scalars(select(Clinic)).one()
        write_texts(session, clinic, "es", reply_hours="De lunes a viernes", urgent_text="Llame al 999 ahora.")
    visitor.start()
    place = next(f"/{number}" for number in range(1, 40) if '"safety-1.0-R1"' in visitor.open(f"/{number}").text)
    at_once = visitor.press(f"{place}/save", "save", **{"safety-1.0-R1": "1", "safety-1.0-R1.was": ""}).json["advice"]
    pages = [visitor.open(), visitor.open(f"{place}/advice")]
    visitor.send()
    pages += [visitor.open("/thanks"), visitor.open()]

    assert at_once == "Busque atención médica ahora. Llame al 999 ahora."
    assert all("Llame al 999 ahora." in page.text for page in pages)
    assert "horario de atención: De lunes a viernes" in pages[0].text
    assert not any("Call 999" in page.text or "Monday to Friday" in page.text for page in pages)
    assert not any("<span lang" in page.text or HELP in page.text for page in pages)


def test_where_the_clinic_says_it_in_another_language_only_the_page_says_what_is_needed_most_itself(visitor: Visitor):
    visitor.start()
    place = next(f"/{number}" for number in range(1, 40) if '"safety-1.0-R1"' in visitor.open(f"/{number}").text)
    at_once = visitor.press(f"{place}/save", "save", **{"safety-1.0-R1": "1", "safety-1.0-R1.was": ""}).json["advice"]
    pages = [visitor.open(), visitor.open(f"{place}/advice")]
    visitor.send()
    pages += [visitor.open("/thanks"), visitor.open()]

    assert at_once == f"Busque atención médica ahora. {HELP} Call 999 now, or go to the nearest emergency department."
    assert all(f'{HELP} <span lang="en" dir="auto">Call 999 now' in page.text for page in pages)


def test_a_patient_without_a_language_is_spoken_to_in_that_of_the_clinic(runtime: Runtime):
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=runtime.now(), language="es")

        assert a_patient(session, clinic, now=runtime.now()).language == "es"
        assert a_patient(session, clinic, now=runtime.now(), language="en").language == "en"
