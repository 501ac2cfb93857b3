"""How long it takes, and how much of it is left: on the landing page, and on every page of questions."""

import html
import re
from typing import Any

import pytest

from prom_service.models import Pace
from prom_service.runtime import Runtime
from tests.web.survey.visitor import Visitor, ask, heading

WHERE = re.compile(r'<p class="where">(.*?)(?:<span>(.*?)</span>)?</p>', re.DOTALL)


def where(page: Any) -> tuple[str, str]:
    """Return what a page says above its question: how far the patient is, and what part this is."""
    found = WHERE.search(page.text)
    assert found
    return html.unescape(found[1]).strip(), html.unescape(found[2] or "").strip()


def measured(runtime: Runtime, seconds: float) -> None:
    """Measured were so many seconds for one item of the default baseline, which has 26."""
    with runtime.transaction() as session:
        row = {"pathway": "hip-related-pain-1", "timepoint": "baseline", "computed_at": runtime.now()}
        session.add(Pace(**row, seconds_per_item=seconds, responses=30))


def test_a_page_says_the_section_and_the_minutes_left_and_no_per_cent(visitor: Visitor):
    visitor.start()

    page = visitor.open("/1")

    assert where(page) == ("Section 1 of 3, about 5 minutes left", "Pain and movement · Question 1 of 12")
    assert "%" not in page.text
    assert "<progress" not in page.text


def test_the_time_is_the_measured_one(visitor: Visitor, runtime: Runtime):
    measured(runtime, 30.0)

    landing = visitor.open()
    visitor.start()

    assert "about 13 minutes" in landing.text
    assert where(visitor.open("/1"))[0].endswith("about 13 minutes left")


def test_what_is_answered_takes_no_more_time_and_what_was_passed_over_does_not_wait_ahead(
    visitor: Visitor, runtime: Runtime
):
    measured(runtime, 60.0)
    visitor.start()
    visitor.press("/1", "next", **{"ihot-12-1.0-Q1": "50"})

    left = [where(visitor.open(place))[0].rpartition(", ")[2] for place in ("/1", "/2", "/3")]

    assert left == ["about 25 minutes left", "about 25 minutes left", "about 24 minutes left"]


def test_the_last_page_says_one_minute(visitor: Visitor):
    visitor.answer_everything()

    assert where(visitor.open("/24"))[0].endswith("about 1 minute left")


@pytest.mark.parametrize(("seconds", "said"), [(6.0, "quedan unos 3 minutos"), (2.0, "queda alrededor de 1 minuto")])
def test_it_is_said_in_spanish_too(client: Any, runtime: Runtime, seconds: float, said: str):
    measured(runtime, seconds)
    visitor = Visitor(client, ask(runtime, language="es"))
    visitor.start()

    assert where(visitor.open("/1"))[0] == f"Sección 1 de 3, {said}"


def test_several_questions_together_have_their_section_as_the_heading(client: Any, runtime: Runtime):
    visitor = Visitor(client, ask(runtime, pathway="hip-osteoarthritis-1"))
    visitor.start()

    page = visitor.open("/2")

    assert where(page) == ("Section 1 of 7, about 9 minutes left", "Questions 2 to 5 of 5")
    assert heading(page) == "Symptoms"


def test_the_page_that_asks_for_activities_says_its_section(client: Any, runtime: Runtime):
    visitor = Visitor(client, ask(runtime, pathway="buttock-nerve-pain-1"))
    visitor.start()

    assert where(visitor.open("/2"))[1] == "Your activities"
