"""One episode of one clinic, and the few things that happen to it."""

from typing import Any

from prom_service.queries.flags import FlagFilter, list_flags
from prom_service.runtime import Runtime
from prom_service.services import administrations, amendment, assessment, questions, submission, visits
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock


class Life:
    """One episode of one clinic, and the few things that happen to it in these tests."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            self.episode = builders.an_episode(session, self.clinic, now=clock.now())

    def answer(self, timepoint: str, **levels: int) -> submission.Submission:
        return self.answer_with(timepoint, "safety-1.0", levels)

    def answer_with(
        self, timepoint: str, ref: str, levels: dict[str, int], **items: int | None
    ) -> submission.Submission:
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, self.episode, timepoint)
            answers = builders.changed(builders.complete_answers(administration, self.episode, **levels), ref, **items)
            return submission.submit(session, administration, answers=answers, now=self.clock.now())

    def save(self, timepoint: str, answers: questions.Answers) -> None:
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, self.episode, timepoint)
            submission.start(session, administration, now=self.clock.now())
            submission.save_answers(session, administration, answers, now=self.clock.now())

    def amend(self, timepoint: str, changes: questions.Answers) -> submission.Submission:
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, self.episode, timepoint)
            return amendment.amend(session, administration, changes, language="en", now=self.clock.now())

    def visit(self, number: int, **changes: object) -> None:
        with self.runtime.transaction() as session:
            details = VisitDetails(**{"visited_on": self.clock.now().date(), **changes})  # type: ignore[arg-type]
            visits.record_visit(session, self.episode, f"V{number}", details, actor="test", now=self.clock.now())

    def sweep(self) -> None:
        now = self.clock.now()
        with self.runtime.transaction() as session:
            administrations.open_due(session, now=now, limit=100)
            administrations.close_late(session, now=now, limit=100)
            administrations.close_for_good(session, now=now, limit=100)
        with self.runtime.transaction() as session:
            due = assessment.claim_due_episodes(session, now=now, limit=100)
            assessment.assess_episodes(session, due, now=now)

    def flags(self) -> list[dict[str, Any]]:
        with self.runtime.reading() as session:
            return list(list_flags(session, self.clinic.id, FlagFilter()))

    def live(self) -> dict[tuple[str, str | None], str]:
        return {(flag["kind"], flag["checkpoint"]): flag["severity"] for flag in self.flags()}
