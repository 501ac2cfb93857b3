"""Whatever happens to patients, in whatever order, and whenever the jobs run: every rule of the timeline holds."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from prom_service.runtime import Runtime
from tests.timeline.machine import Timeline


def test_the_rules_of_the_timeline_hold_whatever_happens(runtime: Runtime, full: bool) -> None:
    counts = (
        {"max_examples": 300, "stateful_step_count": 60} if full else {"max_examples": 14, "stateful_step_count": 30}
    )

    run_state_machine_as_test(
        lambda: Timeline(runtime), settings=settings(**counts, suppress_health_check=list(HealthCheck))
    )
