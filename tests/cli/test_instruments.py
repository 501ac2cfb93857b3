"""`prom instruments`: what is asked and how it is scored, and whether a file says so rightly."""

import json
from pathlib import Path

import pytest

import instruments
from instruments.catalogue import FOLDER
from tests.cli.conftest import Prom
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
