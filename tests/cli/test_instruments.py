"""`prom instruments`: what is asked and how it is scored, and whether a file says so rightly."""

import json
from pathlib import Path

import pytest

import instruments
from instruments.catalogue import FOLDER
from tests import builders
from tests.cli.conftest import CLINIC, Prom
from tests.support.paper import Sheets

PACK = """
instrument = "pass-1.0"
language = "{language}"
wording = "official"
source = "A form"
intro = "Please answer."

[sections]
{sections}

[scales]
total = "Gut genug"

[options]
yes_no = ["Nein", "Ja"]

[items]
{items}
"""


def test_every_instrument_is_listed_with_its_scales(prom: Prom) -> None:
    listed = {row["ref"]: row["scales"] for row in json.loads(prom("instruments", "list", "--json").stdout)}

    assert listed == {one.ref: ", ".join(scale.key for scale in one.scales) for one in instruments.all_instruments()}


@pytest.mark.parametrize("ref", [one.ref for one in instruments.all_instruments()])
def test_an_instrument_is_shown_whole(prom: Prom, ref: str) -> None:
    plain, shown = prom("instruments", "show", ref), json.loads(prom("instruments", "show", ref, "--json").stdout)

    instrument = instruments.find(ref)
    assert plain.exit_code == 0
    assert [item["code"] for item in shown["items"]] == list(instrument.item_codes)
    assert [scale["key"] for scale in shown["scales"]] == [scale.key for scale in instrument.scales]


def test_a_blank_questionnaire_is_written_in_the_language_and_for_the_paper_asked_for(
    prom: Prom, tmp_path: Path
) -> None:
    file = tmp_path / "hoos.pdf"

    told = prom("instruments", "paper", "hoos-12-1.0", "-o", file, "--language", "es", "--paper", "letter")

    sheets = Sheets(file.read_bytes())
    assert (told.exit_code, told.stdout, told.stderr) == (0, "", f"Wrote {file}.\n")
    assert sheets.size == (216, 279)
    assert instruments.find_in("es", "hoos-12-1.0").title in sheets.text


@pytest.mark.parametrize(
    "words", [("nprs-9.9",), ("nprs-1.0", "--language", "xx"), ("nprs-1.0", "--paper", "a3"), ("nprs-1.0", "-o")]
)
def test_a_blank_questionnaire_of_what_is_not_there_is_wrong_use(
    prom: Prom, tmp_path: Path, words: tuple[str, ...]
) -> None:
    told = prom("instruments", "paper", "-o", tmp_path / "out.pdf", *words)

    assert told.exit_code == 2
    assert list(tmp_path.glob("*.pdf*")) == []


def test_a_definition_in_order_is_said_to_be(prom: Prom) -> None:
    told = prom("instruments", "validate", str(FOLDER / "hoos-2.0.toml"))

    assert (told.exit_code, told.stdout) == (0, "hoos-2.0 is in order: 40 items, 5 scales.\n")


@pytest.mark.parametrize(("before", "after"), [('combine = "mean"', 'combine = "median"'), ("[[scales]]", "[[scales")])
def test_a_definition_that_is_wrong_is_named(prom: Prom, tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text((FOLDER / "hoos-2.0.toml").read_text().replace(before, after, 1))

    told = prom("instruments", "validate", str(file))

    assert (told.exit_code, told.stderr.startswith("Error: mine.toml: ")) == (1, True)


def test_a_complete_wording_pack_is_said_to_be(prom: Prom, tmp_path: Path) -> None:
    told = prom(
        "instruments", "wording", write_pack(tmp_path, items='Q1 = { text = "Gut genug?", options = "yes_no" }')
    )

    assert (told.exit_code, told.stdout) == (0, "The pack is complete: pass-1.0, de, official wording.\n")


def test_an_incomplete_wording_pack_is_named_item_by_item(prom: Prom, tmp_path: Path) -> None:
    told = prom("instruments", "wording", write_pack(tmp_path, items='Q2 = { text = "Gut genug?" }'))

    assert told.exit_code == 1
    assert {"items.Q1 is missing", "items.Q2: pass-1.0 has no such item"} <= set(
        told.stderr.removeprefix("Error: ").splitlines()
    )


def test_a_pack_is_loaded_into_a_clinic_listed_and_withdrawn(prom_on_both: Prom, tmp_path: Path) -> None:
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)
    path = tmp_path / "pack.toml"
    path.write_text(builders.pack_text("pass-1.0"), encoding="utf-8-sig")

    wording = ("instruments", "wording", "--clinic", "north")
    told = [prom_on_both(*wording, str(path)), prom_on_both(*wording, str(path))]
    table, listed = prom_on_both(*wording, "--list"), prom_on_both(*wording, "--list", "--json")
    withdrawn = prom_on_both(*wording, "--withdraw", "pass-1.0", "--language", "en")
    after = json.loads(prom_on_both(*wording, "--list", "--json").stdout)

    assert [one.stdout.splitlines()[-1] for one in (*told, withdrawn)] == [
        "It is in force at north for everyone who starts from now on.",
        "It was in force at north already.",
        "Whoever starts pass-1.0 at north in en from now on is asked in our own words.",
    ]
    [row] = json.loads(listed.stdout)
    assert (row["instrument"], row["language"], row["wording"], row["source"]) == (
        "pass-1.0",
        "en",
        "official",
        "A form",
    )
    assert (row["in_force"], row["withdrawn_at"], row["loaded_by"]) == (True, None, "command")
    assert "A form" in table.stdout
    assert [(one["in_force"], one["withdrawn_at"] is None) for one in after] == [(False, False)]


def test_a_pack_that_is_not_whole_is_not_loaded(prom: Prom, clinic: str, tmp_path: Path) -> None:
    bad = write_pack(tmp_path, items='Q2 = { text = "Gut genug?" }')

    told = prom("instruments", "wording", bad, "--clinic", clinic)

    assert (told.exit_code, "items.Q1 is missing" in told.stderr) == (1, True)
    assert prom("instruments", "wording", "--clinic", clinic, "--list", "--json").stdout == "[]\n"


def test_a_pack_in_a_language_that_is_not_spoken_can_be_checked_and_not_loaded(
    prom: Prom, clinic: str, tmp_path: Path
) -> None:
    german = write_pack(tmp_path, items='Q1 = { text = "Gut genug?", options = "yes_no" }')

    told = prom("instruments", "wording", german, "--clinic", clinic)

    assert (told.exit_code, told.stderr) == (1, "Error: language: Allowed are en, es.\n")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--list",),
        ("--clinic", "north"),
        ("--clinic", "north", "--list", "--withdraw", "pass-1.0", "--language", "en"),
        ("--clinic", "north", "--withdraw", "pass-1.0"),
        ("--clinic", "north", "--list", "--language", "en"),
        ("--withdraw", "pass-1.0", "--language", "en"),
        ("--clinic", "north", "--withdraw", "pass-9.9", "--language", "en"),
    ],
)
def test_it_must_be_clear_what_is_to_become_of_which_pack(prom: Prom, clinic: str, words: tuple[str, ...]) -> None:
    assert prom("instruments", "wording", *words).exit_code == 2


def test_a_file_that_is_not_text_is_refused(prom: Prom, tmp_path: Path) -> None:
    (tmp_path / "pack.toml").write_bytes(b"\xff\xfe")

    told = [prom("instruments", act, str(tmp_path / "pack.toml")) for act in ("wording", "validate")]

    assert [one.exit_code for one in told] == [1, 1]
    assert all("not UTF-8" in one.stderr for one in told)


def write_pack(folder: Path, *, items: str) -> str:
    """Write a pack for the one item of pass-1.0 and return its path."""
    section = instruments.find("pass-1.0").items[0].section
    path = folder / "pack.toml"
    path.write_text(PACK.format(language="de", sections=f'"{section}" = "Lage"', items=items), encoding="utf-8")
    return str(path)
