"""What is shipped: the references, items and scales that others rely on, and that they never change unnoticed."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

import instruments
from instruments import catalogue
from instruments.errors import UnknownInstrumentError

SCALES = {
    "groc-1.0": "total",
    "hagos-1.0": "symptoms pain adl sport participation qol",
    "hoos-12-1.0": "pain function qol summary",
    "hoos-2.0": "symptoms pain adl sport qol",
    "hoos-jr-1.0": "total",
    "hoos-ps-1.0": "function",
    "ihot-12-1.0": "total",
    "ihot-33-1.0": "total",
    "nprs-1.0": "total",
    "pass-1.0": "total",
    "psfs-1.0": "total",
    "s-lanss-1.0": "total",
    "safety-1.0": "",
}
FINGERPRINTS = Path(__file__).parent / "fingerprints.txt"
ALL = instruments.all_instruments()


def test_every_instrument_has_its_scales_in_order() -> None:
    shipped = {instrument.ref: " ".join(scale.key for scale in instrument.scales) for instrument in ALL}

    assert shipped == SCALES


def test_an_instrument_is_read_once_and_found_by_its_reference() -> None:
    assert instruments.find("hoos-2.0") is instruments.find("hoos-2.0")
    assert instruments.find("hoos-2.0").ref == "hoos-2.0"


@pytest.mark.parametrize("ref", ["", "hoos", "HOOS-2.0", "hoos-2.0.toml", "../instruments/hoos-2.0", "hoos-2.0\x00"])
def test_another_reference_is_unknown(ref: str) -> None:
    with pytest.raises(UnknownInstrumentError):
        instruments.find(ref)


def test_the_full_questionnaire_holds_its_short_forms() -> None:
    hoos = instruments.find("hoos-2.0")

    forms = instruments.derived_from(hoos)

    assert {form.ref for form in forms} == {"hoos-12-1.0", "hoos-ps-1.0", "hoos-jr-1.0"}
    assert all(form.item(code).text == hoos.item(code).text for form in forms for code in form.item_codes)
    assert instruments.derived_from(instruments.find("hagos-1.0")) == ()


def test_a_shipped_definition_never_changes() -> None:
    known = dict(reversed(line.split()) for line in FINGERPRINTS.read_text(encoding="utf-8").splitlines())

    shipped = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in catalogue.FOLDER.glob("*.toml")}

    assert shipped == known, "answers refer to this version: make a new version instead of changing it"


def test_every_text_is_our_own_short_english() -> None:
    for instrument in ALL:
        assert (instrument.wording, instrument.language) == ("own", "en")
        for item in instrument.items:
            assert len(item.text) <= 130, (instrument.ref, item.code)
            assert len(item.section) <= 20


def test_codes_of_loinc_stand_where_they_exist() -> None:
    hoos, junior = instruments.find("hoos-2.0"), instruments.find("hoos-jr-1.0")

    assert (hoos.loinc, hoos.scale("pain").loinc, hoos.item("P5").loinc) == ("72092-0", "72097-9", "")
    assert (junior.loinc, junior.scale("total").loinc, junior.item("P5").loinc) == ("82316-1", "82323-7", "82317-9")


def test_safety_questions_have_their_tiers() -> None:
    items = instruments.find("safety-1.0").items

    tiers = {
        tier: [item.code for item in items if item.tier == tier] for tier in ("emergency", "same_day", "background")
    }

    assert tiers == {
        "emergency": ["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"],
        "same_day": ["R9", "R10"],
        "background": ["R11", "R12", "R13"],
    }


def test_follow_ups_ask_what_is_new_or_worse_and_leave_out_the_background() -> None:
    for item in instruments.find("safety-1.0").items:
        assert item.baseline_only == (item.tier == "background")
        assert item.followup_text.startswith("Since your last answers") != item.baseline_only


def test_only_safety_questions_have_a_tier_and_only_psfs_has_activities() -> None:
    for instrument in ALL:
        assert all(bool(item.tier) == (instrument.ref == "safety-1.0") for item in instrument.items)
        assert all(item.activity == (instrument.ref == "psfs-1.0") for item in instrument.items)


def test_options_are_numbered_from_the_lowest_code() -> None:
    change = instruments.find("groc-1.0").item("Q1").choices

    assert [code for code, _ in change] == list(range(-7, 8))
    assert (change[7][1], change[-1][1]) == ("No different", "Very much better")
    assert instruments.find("hagos-1.0").item("PA1").choices[0] == (0, "Always")


def test_starting_does_not_wait_for_pandas() -> None:
    modules = "instruments, instruments.table, instruments.thresholds, instruments.wording"
    program = f"import sys, {modules}; sys.exit('pandas' in sys.modules)"

    finished = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)

    assert finished.returncode == 0
