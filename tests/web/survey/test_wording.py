"""A patient reads the words of the clinic, the same ones from Start to the end."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import AnswerSet, Clinic
from prom_service.runtime import Runtime
from prom_service.services import wording_packs
from tests.builders import ACTOR, a_pack, pack_text, the_administration
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, ask, behind, link_to

IHOT, NPRS = "ihot-12-1.0", "nprs-1.0"
SCORED = (IHOT, NPRS)
"""What the baseline asks beside the safety questions."""
OURS = re.compile("in our own words")


def load(runtime: Runtime, ref: str, **changes: str) -> None:
    with runtime.transaction() as session:
        a_pack(session, session.scalars(select(Clinic)).one(), ref, now=runtime.now(), **changes)


def wordings(runtime: Runtime) -> dict[str, str]:
    with runtime.reading() as session:
        return {kept.instrument: kept.wording for kept in session.scalars(select(AnswerSet))}


def pages_of(visitor: Visitor, ref: str) -> list[str]:
    """Return the pages that ask an instrument."""
    seen = [visitor.open(f"/{number}").text for number in range(1, 40)]
    return [page for page in seen if f'name="{ref}-' in page]


def test_every_page_asks_in_the_clinic_s_words(visitor: Visitor, runtime: Runtime):
    load(runtime, IHOT, mark="Northside:")
    visitor.start()

    pages, review = pages_of(visitor, IHOT), visitor.open("/review").text

    assert len(pages) == 12
    assert all(re.search(r"<h1>Northside: .+</h1>", page) for page in pages)
    assert all('<p class="intro">Northside: ' in page and "means “Northside: " in page for page in pages)
    assert review.count("<span>Northside: ") == 12


def test_words_of_a_pack_are_text_and_never_markup(visitor: Visitor, runtime: Runtime):
    for ref in (*SCORED, "safety-1.0"):
        load(runtime, ref, mark="<script>alert(1)</script>{{ 7 * 7 }}")
    visitor.start()

    shown = [visitor.open(place).text for place in ("", *(f"/{number}" for number in range(1, 40)), "/review")]

    assert not any("<script>alert" in page for page in shown)
    assert sum("&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page for page in shown) > 20


def test_a_patient_reads_the_pack_of_the_own_language_and_else_our_words_in_it(client: Any, runtime: Runtime):
    visitor = Visitor(client, ask(runtime, language="es"))
    load(runtime, IHOT, mark="English")
    load(runtime, NPRS, language="es", mark="Norte")
    visitor.start()

    ihot, pain = pages_of(visitor, IHOT), pages_of(visitor, NPRS)

    assert not any("English" in page for page in ihot)
    assert "Dolor en la cadera" in ihot[0]
    assert "<h1>Norte ¿Qué tan fuerte" in pain[0]


def test_a_pack_loaded_on_the_way_changes_nothing_for_who_has_begun(visitor: Visitor, runtime: Runtime):
    visitor.start()
    visitor.press("/1", "next", **{f"{IHOT}-Q1": "40"})
    load(runtime, IHOT)

    pages = pages_of(visitor, IHOT)
    visitor.answer_everything()
    visitor.send()

    assert not any("Official" in page for page in pages)
    assert wordings(runtime)[IHOT] == "own"


def test_a_pack_loaded_before_start_is_read_and_recorded(visitor: Visitor, runtime: Runtime):
    visitor.open()
    load(runtime, IHOT)
    visitor.answer_everything()
    with runtime.transaction() as session:
        clinic = session.scalars(select(Clinic)).one()
        wording_packs.withdraw_pack(session, clinic, IHOT, "en", actor=ACTOR, now=runtime.now())

    pages = pages_of(visitor, IHOT)
    visitor.send()

    assert all("<h1>Official " in page for page in pages)
    assert wordings(runtime) == {IHOT: "official", NPRS: "own", "safety-1.0": "own"}


def test_an_answer_changed_after_sending_is_kept_in_the_words_it_was_given_in(visitor: Visitor, runtime: Runtime):
    load(runtime, IHOT)
    visitor.answer_everything()
    visitor.send()
    load(runtime, IHOT, wording="own")

    visitor.press("/1", "next", **{f"{IHOT}-Q1": "12", f"{IHOT}-Q1.was": "50"})

    with runtime.reading() as session:
        kept = session.scalars(select(AnswerSet.wording).where(AnswerSet.instrument == IHOT)).all()
    assert kept == ["official", "official"]


@pytest.mark.parametrize(
    ("loaded", "said"), [((), "The questions are in"), ((IHOT,), "Some of the questions are in"), (SCORED, "")]
)
def test_the_first_page_says_how_far_the_words_are_our_own(
    visitor: Visitor, runtime: Runtime, loaded: tuple[str, ...], said: str
):
    for ref in loaded:
        load(runtime, ref)

    page = visitor.open().text

    assert bool(OURS.search(page)) == bool(said)
    assert said in page


def test_scores_over_time_are_titled_in_the_clinic_s_words(client: Any, runtime: Runtime, clock: Clock):
    first = Visitor(client, ask(runtime))
    load(runtime, IHOT, mark="Northside")
    first.answer_everything()
    first.send()
    clock.advance(days=42)
    with runtime.transaction() as session:
        session.scalars(select(Clinic)).one().show_trend = True
        _, episode, _ = behind(session, runtime, first.token)
        second = Visitor(client, link_to(runtime, session, the_administration(session, episode, "6-weeks")))
    second.answer_everything()
    second.send()

    assert "<h3>Northside " in second.open("/thanks").text


def test_every_question_is_asked_also_where_the_words_of_a_pack_divide_its_pages_otherwise(
    client: Any, runtime: Runtime
):
    visitor = Visitor(client, ask(runtime, pathway="hip-osteoarthritis-1"))
    text = re.sub(r"^P2 = \[.*\]$", 'P2 = ["a", "b", "c", "d", "e"]', pack_text("hoos-2.0"), flags=re.MULTILINE)
    with runtime.transaction() as session:
        clinic = session.scalars(select(Clinic)).one()
        wording_packs.load_pack(session, clinic, text, actor=ACTOR, now=runtime.now())

    visitor.answer_everything()
    visitor.send()

    with runtime.reading() as session:
        answers = session.scalars(select(AnswerSet.answers).where(AnswerSet.instrument == "hoos-2.0")).one()
    assert len(answers) == 40
