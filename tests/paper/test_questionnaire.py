"""What stands on paper, and in which words."""

from string import Formatter

import pytest

import instruments
from prom_service.language import SPOKEN
from prom_service.paper.questionnaire import TEXTS
from tests.paper.questionnaires import part_of

SAME_IN_BOTH = ("side.none", "side_asked.none")


def places(text: str) -> set[str]:
    """Return the names of the places of a text that are filled in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def blocks(ref: str) -> list[tuple[str, str, int]]:
    """Return kind, heading and number of questions of each block."""
    return [(block.kind, block.section, len(block.questions)) for block in part_of(instruments.find(ref)).blocks()]


def test_every_language_has_every_text_with_the_same_places_to_fill() -> None:
    english, *others = (TEXTS[code].entries for code in SPOKEN)

    assert others
    for other in others:
        assert {key: places(text) for key, text in other.items()} == {
            key: places(text) for key, text in english.items()
        }
        assert [key for key in other if other[key] == english[key] and key not in SAME_IN_BOTH] == []


def test_questions_with_the_same_options_share_a_block_under_the_heading_of_their_section() -> None:
    assert blocks("hoos-2.0")[:5] == [
        ("rows", "Symptoms", 1),
        ("rows", "", 4),
        ("rows", "Pain", 1),
        ("rows", "", 9),
        ("rows", "Daily life", 17),
    ]


def test_sections_that_come_and_go_have_no_heading() -> None:
    assert {section for _, section, _ in blocks("ihot-12-1.0")} == {""}


@pytest.mark.parametrize(
    ("ref", "kind"), [("groc-1.0", "list"), ("pass-1.0", "rows"), ("nprs-1.0", "numbers"), ("ihot-33-1.0", "line")]
)
def test_how_a_question_is_answered_follows_from_its_item(ref: str, kind: str) -> None:
    assert {one for one, _, _ in blocks(ref)} == {kind}


def test_symptoms_are_parted_by_how_urgent_a_yes_is() -> None:
    tiers = [block.tier for block in part_of(instruments.find("safety-1.0")).blocks()]

    assert tiers == ["emergency", "same_day", ""]


def test_how_to_name_activities_is_said_until_they_are_named() -> None:
    psfs = instruments.find("psfs-1.0")

    assert part_of(psfs).intro == psfs.intro
    assert part_of(psfs, ("Climb the stairs",)).intro == ""
