"""The people of the simulation: one seed, one cohort."""

import datetime as dt

import pytest

from prom_service.simulation import cohort

TODAY = dt.date(2026, 3, 30)


def test_one_seed_gives_one_cohort() -> None:
    one, again, other = (cohort.people(60, seed=seed, today=TODAY) for seed in (1, 1, 2))

    assert one == again != other


def test_a_larger_cohort_has_the_same_cast() -> None:
    small = cohort.people(cohort.FEWEST, seed=1, today=TODAY)
    large = cohort.people(300, seed=1, today=TODAY)

    assert len(large) == 300
    assert large[: len(small)] == small


@pytest.mark.parametrize("seed", range(5))
def test_everybody_is_an_adult_with_an_address_and_started_within_the_time_that_is_lived_through(seed: int) -> None:
    people = cohort.people(300, seed=seed, today=TODAY)

    assert len({person.email for person in people}) == 300
    assert all((person.started_on - person.born_on).days > 18 * 366 for person in people)
    assert all(TODAY - dt.timedelta(weeks=cohort.WEEKS) <= person.started_on < TODAY for person in people)
