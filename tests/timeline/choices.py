"""What there is in a timeline that something could happen to."""

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from prom_service.models import Flag
from tests.timeline.answers import BUTTOCK, HIP
from tests.timeline.clinic import Clinic
from tests.timeline.findings import LIVE
from tests.timeline.model import ENDED, TO_BE_ANSWERED, Administration, Episode, Letter, Patient

SETTLED = ("completed", "partial", "missed")
MOST_PATIENTS, MOST_GOING, MOST_EPISODES = 3, 3, 6
COURSES = tuple(itertools.product((HIP, BUTTOCK), ("left", "right")))


def one_of_the(name: str) -> st.SearchStrategy[Any]:
    """One of what there is under this name."""
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine.there, name)))


def some(name: str) -> Callable[[Any], Any]:
    """The rule applies when there is any of these."""
    return precondition(lambda machine: bool(getattr(machine.there, name)))


class Choices:
    """The patients, episodes, administrations, letters and flags of a clinic as they are now, by what may be done."""

    def __init__(self, clinic: Clinic) -> None:
        self._clinic = clinic

    @property
    def patients(self) -> list[Patient]:
        return self._clinic.model.patients

    @property
    def living(self) -> list[Patient]:
        return [one for one in self._clinic.model.patients if one.status != "deceased"]

    @property
    def dead(self) -> list[Patient]:
        return [one for one in self._clinic.model.patients if one.status == "deceased"]

    @property
    def taking_part(self) -> list[Patient]:
        return [one for one in self._clinic.model.patients if one.status not in ENDED]

    @property
    def experienced(self) -> list[Patient]:
        """Those who have been through something; with others life would end before it begins."""
        return [
            one
            for one in self.living
            if len(one.letters) > 1 or any(each.state in SETTLED for each in one.administrations)
        ]

    @property
    def unreachable(self) -> list[Patient]:
        return [one for one in self._clinic.model.patients if one.unsubscribed or one.bounced]

    @property
    def crowded(self) -> bool:
        going = [
            one
            for one in self._clinic.model.episodes
            if not one.ended and not all(a.over for a in one.administrations.values())
        ]
        return len(going) >= MOST_GOING or len(self._clinic.model.episodes) >= MOST_EPISODES

    @property
    def courses(self) -> list[tuple[Patient, str, str]]:
        """Whom else could be enrolled on what: nobody twice on one pathway for one side."""
        if self.crowded:
            return []
        taken = {(one.patient, one.pathway, one.side) for one in self._clinic.model.episodes if one.closed_on is None}
        return [(who, *course) for who in self.taking_part for course in COURSES if (who, *course) not in taken]

    @property
    def episodes(self) -> list[Episode]:
        return self._clinic.model.episodes

    @property
    def old_episodes(self) -> list[Episode]:
        """Those that go on, of patients who have been through something."""
        return [each for one in self.experienced for each in one.episodes if each.closed_on is None]

    @property
    def begun_episodes(self) -> list[Episode]:
        """Those in which there may have been visits."""
        return [one for one in self._clinic.model.episodes if one.started_on <= self._clinic.today(one)]

    @property
    def visited_episodes(self) -> list[Episode]:
        return [one for one in self._clinic.model.episodes if one.visits]

    @property
    def administrations(self) -> list[Administration]:
        return self._clinic.model.administrations

    @property
    def answerable(self) -> list[Administration]:
        return [one for one in self._clinic.model.administrations if one.takes_answers(self._clinic.now)]

    @property
    def begun(self) -> list[Administration]:
        return [one for one in self.answerable if one.started]

    @property
    def closed(self) -> list[Administration]:
        return [
            one
            for one in self._clinic.model.administrations
            if not one.takes_answers(self._clinic.now) and not one.takes_amendments()
        ]

    @property
    def finished(self) -> list[Administration]:
        return [one for one in self._clinic.model.administrations if one.takes_amendments()]

    @property
    def late_ones(self) -> list[Administration]:
        return [one for one in self.answerable if self._clinic.now >= one.window.late_after]

    @property
    def once_open(self) -> list[Administration]:
        """Those for which there may be paper with a date inside the window."""
        return [
            one
            for one in self._clinic.model.administrations
            if one.window.opens_at < self._clinic.now and not one.episode.ended and one.state != "cancelled"
        ]

    @property
    def unanswered(self) -> list[Administration]:
        return [one for one in self._clinic.model.administrations if one.state in TO_BE_ANSWERED and not one.declined]

    @property
    def letters(self) -> list[Letter]:
        return self._clinic.model.letters

    @property
    def mailed(self) -> list[Patient]:
        return [one for one in self.experienced if one.letters]

    @property
    def live_flags(self) -> list[Any]:
        return [flag for flag in self._clinic.seen.all(Flag) if flag.status in LIVE]

    @property
    def ended_flags(self) -> list[Any]:
        return [flag for flag in self._clinic.seen.all(Flag) if flag.status not in LIVE]
