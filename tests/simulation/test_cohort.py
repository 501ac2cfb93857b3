"""The people of the simulation: one seed, one cohort."""

import datetime as dt
import itertools
from collections import Counter

import pytest

from prom_service.simulation import cohort

TODAY = dt.date(2026, 3, 30)
LEAST_SHOWN = 8
"""Outside a clinic smaller counts are hidden."""


def test_one_seed_gives_one_cohort() -> None:
    one, again, other = (cohort.people(60, seed=seed, today=TODAY) for seed in (1, 1, 2))

    assert one == again != other


def test_a_larger_cohort_has_the_same_cast() -> None:
    small = cohort.people(cohort.FEWEST, seed=1, today=TODAY)
    large = cohort.people(300, seed=1, today=TODAY)

    assert len(large) == 300
    assert large[: len(small)] == small


@pytest.mark.parametrize("seed", range(5))
def test_everybody_is_an_adult_of_a_clinician_of_the_clinic_and_started_within_the_time_that_is_lived_through(
    seed: int,
) -> None:
    people = cohort.people(300, seed=seed, today=TODAY)

    assert len({person.email for person in people}) == 300
    assert all(person.clinician.startswith(f"PT-{person.clinic + 1}") for person in people)
    assert all((person.started_on - person.born_on).days > 18 * 366 for person in people)
    assert all(TODAY - dt.timedelta(weeks=cohort.WEEKS) <= person.started_on < TODAY for person in people)


@pytest.mark.parametrize("seed", range(5))
def test_every_half_year_has_enough_starts_in_each_clinic_to_be_shown_outside_it(seed: int) -> None:
    people = cohort.people(300, seed=seed, today=TODAY)

    for first, after in itertools.pairwise((dt.date(2025, 3, 1), dt.date(2025, 9, 1), dt.date(2026, 3, 1))):
        starts = Counter(person.clinic for person in people if first <= person.started_on < after)

        assert len(starts) == 3
        assert min(starts.values()) >= LEAST_SHOWN


@pytest.mark.parametrize("seed", range(5))
def test_some_are_in_each_week_of_their_three_months_today(seed: int) -> None:
    people = cohort.people(300, seed=seed, today=TODAY)

    under_way = {(TODAY - person.started_on).days // 7 for person in people}

    assert under_way >= set(range(13))
