"""Going live: what a clinic must have settled, and what it may not undo afterwards."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

import instruments
from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic
from prom_service.pathway import definition as pathways
from prom_service.runtime import Runtime
from prom_service.services import clinics, escalation, wording_packs
from prom_service.services.clinic_texts import write_texts
from prom_service.services.clinics import Activation
from tests import builders
from tests.fakes import Clock

SETTLED = Activation(approved_by="Dr A", own_wording_accepted_by="Dr A")
UNACCEPTED = replace(SETTLED, own_wording_accepted_by="")
ASKED = {ref for pathway in pathways.all_pathways() for at in pathway.timepoints for ref in at.instruments}
SCORED = sorted(ref for ref in ASKED if instruments.find(ref).scales)


def a_clinic(session: Session, clock: Clock, **clinic: Any) -> Clinic:
    """A clinic whose escalation works."""
    made = builders.a_clinic(session, now=clock.now(), **clinic)
    builders.a_proven_plan(session, made, now=clock.now())
    return made


def a_clinic_worded(session: Session, clock: Clock, *, but_for: str = "", **clinic: Any) -> Clinic:
    """A clinic with official English words for everything that has scores, but for one."""
    made = a_clinic(session, clock, **clinic)
    for ref in SCORED:
        if ref != but_for:
            builders.a_pack(session, made, ref, now=clock.now())
    return made


def test_a_clinic_goes_live_on_own_wording_that_a_clinician_accepted(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        clinic = a_clinic(session, clock)
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

    [text] = refused.value.errors.pop("own_wording_accepted_by")
    assert text.startswith("Needed before the clinic can go live. Asked in own words: ")
    assert refused.value.errors == {}


def test_a_clinic_goes_live_when_it_says_what_to_do_in_the_language_of_every_patient(
    runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        clinic = a_clinic(session, clock, code="north")
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
        clinic = a_clinic(session, clock, urgent_text=" ", reply_hours="")

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


def test_a_clinic_goes_live_only_when_owner_deputy_and_manager_have_confirmed_that_emails_reach_them(
    runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now(), code="north")
        with pytest.raises(InvalidInputError) as unnamed:
            clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())
        builders.a_plan(session, clinic, now=clock.now())
        owner, *_ = escalation.plan_test(session, clinic, now=clock.now())
        escalation.confirm(owner, now=clock.now())
        with pytest.raises(InvalidInputError) as unproven:
            clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())

    assert unnamed.value.errors == {
        "escalation": ["Needed: `prom clinic escalation north` names owner, deputy and manager."]
    }
    assert unproven.value.errors == {
        "escalation": [
            "No test email was confirmed by the deputy, manager: `prom clinic test-escalation north` sends them one."
        ]
    }


def test_what_was_approved_is_kept_with_the_activation(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        clinic = a_clinic(session, clock)
        clinics.activate_clinic(session, clinic, SETTLED, now=clock.now())

    assert clinic.activation is not None
    assert clinic.activation["escalation"] == {"owner": "Owner", "deputy": "Deputy", "manager": "Manager"}
    assert clinic.activation["pathways"] == [pathway.ref for pathway in pathways.all_pathways()]
