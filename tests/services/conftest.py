"""What several files of these tests start from: one course of care, and a clinic that sends files."""

import pytest

from prom_service.runtime import Runtime
from tests.fakes import Clock
from tests.services.files import ANN, Files
from tests.services.life import Life


@pytest.fixture
def life(runtime: Runtime, clock: Clock) -> Life:
    return Life(runtime, clock)


@pytest.fixture
def files(runtime: Runtime, clock: Clock) -> Files:
    return Files(runtime, clock)


@pytest.fixture
def enrolled(files: Files) -> Files:
    """The clinic after it enrolled P1 with E1 on the left and P2 with E2, yesterday week."""
    files.patients(
        ANN,
        "P2,Bob,bob@example.org,1970-01-02,male,E2,hip-related-pain-1,2026-03-02,none,C2",
    )
    files.clock.advance(days=8)
    return files
