"""What the tests of the pages of the staff start from."""

from typing import Any

import pytest

from prom_service.runtime import Runtime
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk


@pytest.fixture
def staffed(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    """A desk at which somebody has logged in."""
    desk = Desk(runtime, clock, client)
    desk.log_in()
    return desk
