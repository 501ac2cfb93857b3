"""Nobody is promised a language in which the service cannot write."""

import pytest

from prom_service.errors import InvalidInputError
from prom_service.mail import letters
from prom_service.runtime import Runtime
from prom_service.services.languages import SPOKEN, check_spoken
from prom_service.web.survey import texts
from tests import builders
from tests.fakes import Clock


def test_a_language_is_spoken_when_letters_and_pages_have_it() -> None:
    both = [language for language in letters.TEXTS if texts.find(language).code == language]

    assert tuple(both) == SPOKEN == ("en", "es")


@pytest.mark.parametrize("language", ["xx", "EN", "en-GB", ""])
def test_another_language_is_refused_and_the_allowed_ones_are_named(language: str) -> None:
    with pytest.raises(InvalidInputError, match=r"language: Allowed are en, es\."):
        check_spoken(language)


def test_a_clinic_writes_to_its_patients_in_a_language_that_is_spoken(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session, pytest.raises(InvalidInputError, match="language"):
        builders.a_clinic(session, now=clock.now(), language="xx")


def test_a_patient_is_registered_in_a_language_that_is_spoken(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())

        with pytest.raises(InvalidInputError, match="language"):
            builders.a_patient(session, clinic, now=clock.now(), language="xx")
