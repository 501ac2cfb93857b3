"""`prom pathway`: from a text in a file to a version in force, by two persons."""

import json
from pathlib import Path

import pytest

from prom_service.pathway.definition import text_of
from tests.builders import PASSWORD
from tests.cli.conftest import CLINIC, Prom

BASE = "hip-related-pain-1"
FIRST = f"{BASE}@north.1"
AUTHOR, ADMIN = "ann@example.org", "ben@example.org"


@pytest.fixture
def staffed(prom_on_both: Prom) -> Prom:
    """A clinic with a clinician and an administrator."""
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)
    for email, role in ((AUTHOR, "clinician"), (ADMIN, "clinic_admin")):
        prom_on_both("user", "add", email, "--name", email, "--clinic", "north", "--role", role, text=f"{PASSWORD}\n")
    return prom_on_both


def drafted(prom: Prom, folder: Path, old: str = "limit = 14", new: str = "limit = 18"):
    file = folder / "pathway.toml"
    file.write_text(text_of(BASE).replace(old, new, 1), encoding="utf-8")
    return prom("pathway", "draft", str(file), "--clinic", "north", "--by", AUTHOR, "--note", "As agreed")


def test_a_version_goes_from_a_file_into_force(staffed: Prom, tmp_path: Path) -> None:
    draft = drafted(staffed, tmp_path)
    early = staffed("pathway", "activate", FIRST, "--clinic", "north", "--by", ADMIN)
    seen = staffed("pathway", "preview", FIRST, "--clinic", "north", "--by", ADMIN)
    own = staffed("pathway", "activate", FIRST, "--clinic", "north", "--by", AUTHOR)
    done = staffed("pathway", "activate", FIRST, "--clinic", "north", "--by", ADMIN)
    listed = json.loads(staffed("pathway", "list", "--clinic", "north", "--json").stdout)
    shown = staffed("pathway", "show", BASE, "--clinic", "north", encoding="latin-1")

    assert (draft.exit_code, draft.stdout.splitlines()) == (
        0,
        [f"Drafted {FIRST}. Beside what is in force:", "- Visit limit: 14 → 18"],
    )
    assert (early.exit_code, own.exit_code) == (1, 1)
    assert "Look at the preview" in early.stderr
    assert seen.stdout.startswith("Nothing to go by")
    assert "Rests on 0 courses of care of 0 patients" in seen.stdout
    assert done.stdout == f"{FIRST} is in force for whoever is enrolled at north from now on.\n"
    assert {one["ref"]: one["in_force"] for one in listed} == {
        BASE: False,
        "buttock-nerve-pain-1": True,
        "hip-osteoarthritis-1": True,
        FIRST: True,
    }
    assert shown.stdout_bytes == (tmp_path / "pathway.toml").read_bytes()


def test_a_text_that_makes_no_sense_is_refused_in_one_sentence(staffed: Prom, tmp_path: Path) -> None:
    refused = drafted(staffed, tmp_path, new="limit = 11")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "Error: text: Line 17, visits.notice: must not exceed the limit.\n"


def test_a_preview_as_json_has_every_figure(staffed: Prom, tmp_path: Path) -> None:
    drafted(staffed, tmp_path)

    seen = json.loads(staffed("pathway", "preview", FIRST, "--clinic", "north", "--by", ADMIN, "--json").stdout)

    assert (seen["in_force"]["ref"], seen["draft"]["ref"]) == (BASE, FIRST)
    assert (seen["episodes"], seen["gained"], seen["gained_flags"]) == (0, 0, [])


def test_versions_are_verified(staffed: Prom, tmp_path: Path) -> None:
    drafted(staffed, tmp_path)

    verified = staffed("verify")

    assert verified.stdout == "Verified 0 responses and 0 episodes and 1 versions of pathways.\n"
