"""Going live: what a clinic must have settled, and what it may not undo afterwards."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

import instruments
from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic
from prom_service.pathway import definition as pathways
from prom_service.runtime import Runtime
from prom_service.services import clinics, wording_packs
from prom_service.services.clinic_texts import write_texts
from prom_service.services.clinics import Activation
from tests import builders
from tests.fakes import Clock

SETTLED = Activation(
    owner="Olga",
    owner_email="olga@example.org",
    deputy="Dan",
    deputy_email="dan@example.org",
    approved_by="Dr A",
    own_wording_accepted_by="Dr A",
    escalation_tested_on=dt.date(2026, 3, 2),
)
UNACCEPTED = replace(SETTLED, own_wording_accepted_by="")
ASKED = {ref for pathway in pathways.all_pathways() for at in pathway.timepoints for ref in at.instruments}
SCORED = sorted(ref for ref in ASKED if instruments.find(ref).scales)


def a_clinic_worded(session: Session, clock: Clock, *, but_for: str = "", **clinic: Any) -> Clinic:
    """A clinic with official English words for everything that has scores, but for one."""
    made = builders.a_clinic(session, now=clock.now(), **clinic)
    for ref in SCORED:
        if ref != but_for:
            builders.a_pack(session, made, ref, now=clock.now())
    return made


def test_a_clinic_goes_live_on_own_wording_that_a_clinician_accepted(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())

    assert clinic.activated_at == clock.now()
    assert clinic.activation is not None
    assert clinic.activation["own_wording"] == [f"{ref} in en" for ref in SCORED]


def test_a_clinic_with_official_wording_throughout_needs_nobody_s_acceptance(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        clinic = a_clinic_worded(session, clock)
        clinics.activate_clinic(session, clinic, UNACCEPTED, now=clock.now())

    assert clinic.activation is not None
    assert (clinic.activated_at, clinic.activation["own_wording"]) == (clock.now(), [])


@pytest.mark.parametrize("but_for", ["", "hoos-2.0"])
def test_one_questionnaire_in_own_words_or_one_patient_asked_in_them_is_enough_to_need_it(
    runtime: Runtime, clock: Clock, but_for: str
) -> None:
    with runtime.transaction() as session:
        clinic = a_clinic_worded(session, clock, but_for=but_for)
        builders.a_patient(session, clinic, now=clock.now(), language="en" if but_for else "es")
        write_texts(session, clinic, "es", reply_hours="De lunes a viernes", urgent_text="Llame al 999.")

        with pytest.raises(InvalidInputError) as refused:
            clinics.activate_clinic(session, clinic, UNACCEPTED, now=clock.now())

    assert refused.value.errors == {"own_wording_accepted_by": ["Needed before the clinic can go live."]}


def test_a_clinic_goes_live_when_it_says_what_to_do_in_the_language_of_every_patient(
    runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now(), code="north")
        builders.a_patient(session, clinic, now=clock.now(), language="es")

        with pytest.raises(InvalidInputError) as refused:
            clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())
        write_texts(session, clinic, "es", reply_hours="De lunes a viernes", urgent_text="Llame al 999.")
        clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())

    assert refused.value.errors == {
        "urgent_text": [
            "Needed in es as well, for patients of the clinic: `prom clinic texts north"
            " --language es --reply-hours … --urgent-text …`."
        ]
    }


def test_a_clinic_without_words_for_what_is_urgent_does_not_go_live(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now(), urgent_text=" ", reply_hours="")

        with pytest.raises(InvalidInputError) as refused:
            clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())

    assert refused.value.errors.keys() == {"urgent_text", "reply_hours"}


@pytest.mark.parametrize("act", ["withdraw", "load own words"])
def test_official_wording_a_clinic_went_live_on_stays_until_own_wording_is_accepted(
    runtime: Runtime, clock: Clock, act: str
) -> None:
    def give_up(session: Session) -> None:
        if act == "withdraw":
            wording_packs.withdraw_pack(session, clinic, "nprs-1.0", "en", actor="test", now=clock.now())
        else:
            builders.a_pack(session, clinic, "nprs-1.0", wording="own", now=clock.now())

    with runtime.transaction() as session:
        clinic = a_clinic_worded(session, clock)
        clinics.activate_clinic(session, clinic, UNACCEPTED, now=clock.now())
        builders.a_pack(session, clinic, "safety-1.0", wording="own", now=clock.now())

        with pytest.raises(ConflictError, match="went live on official wording"):
            give_up(session)

        clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())
        give_up(session)
