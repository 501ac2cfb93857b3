"""The keyboard alone is enough: the longest questionnaires are answered with Tab, the arrow keys, Space and Enter."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import prom_service.pathway
from prom_service.models import AnswerSet
from prom_service.pathway import definition
from prom_service.runtime import Runtime
from tests.web.survey.visitor import ask

HIP = Path(prom_service.pathway.__file__).parent / "data" / "hip-related-pain-1.toml"
ON = """() => {
  const on = document.activeElement;
  if (!on.checkVisibility() || !on.matches(":focus-visible")) return "hidden";
  if (on.matches("button.forward")) return "forward";
  if (on.matches("[type=radio]")) return document.querySelector(`[name="${on.name}"]:checked`) ? "answered" : "choice";
  if (on.matches("[type=range]")) return on.classList.contains("unset") ? "line" : "answered";
  return "other";
}"""
"""What the focus is on, as far as it can be seen."""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases."""
    return sqlite_url


@pytest.fixture
def longer(monkeypatch: pytest.MonkeyPatch) -> str:
    """A variant of the default pathway that asks the 33 questions of the long iHOT too."""
    text = HIP.read_text(encoding="utf-8").replace('key = "hip-related-pain"', 'key = "longer"')
    variant = definition.read(text.replace("instruments = [", 'instruments = ["ihot-33-1.0", '), "longer")
    known = {pathway.ref: pathway for pathway in (*definition.all_pathways(), variant)}
    monkeypatch.setattr(definition, "_shipped", lambda: known)
    return variant.ref


def tab_to(page: Any, wanted: str) -> None:
    """Press Tab until something of that kind has the focus; what is unanswered on the way is answered."""
    for _ in range(60):
        page.keyboard.press("Tab")
        on = page.evaluate(ON)
        assert on != "hidden"
        if on == wanted:
            return
        if on == "choice":
            page.keyboard.press("Space")
        elif on == "line":
            page.keyboard.press("PageUp")
            page.keyboard.press("ArrowRight")
    raise AssertionError(f"{wanted} cannot be reached")


def answer_with_keys(page: Any) -> None:
    """Go from the landing page to the thanks page, answering everything."""
    while not page.url.endswith("/thanks"):
        before = page.url
        tab_to(page, "forward")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url, before=before: url != before)


def answers(runtime: Runtime, instrument: str) -> dict[str, Any]:
    with runtime.reading() as session:
        return session.scalars(select(AnswerSet.answers).where(AnswerSet.instrument == instrument)).one()


def test_hoos_is_answered_with_the_keyboard_alone(page: Any, runtime: Runtime):
    page.goto(f"/s/{ask(runtime, pathway='hip-osteoarthritis-1')}")

    answer_with_keys(page)

    assert list(answers(runtime, "hoos-2.0").values()) == [0] * 40


def test_ihot_33_is_answered_with_the_keyboard_alone(page: Any, runtime: Runtime, longer: str):
    page.goto(f"/s/{ask(runtime, pathway=longer)}")

    answer_with_keys(page)

    assert list(answers(runtime, "ihot-33-1.0").values()) == [61] * 33  # A line without an answer begins in the middle.
