"""The application as a whole: what it says of itself when even its own error page fails."""

from typing import Any

import pytest

from prom_service.web import problems
from prom_service.web.problems import Problem

TOKEN = "t" * 43


def test_an_error_page_that_fails_gives_way_to_a_plain_one_and_is_logged_without_the_link(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(problem: Problem) -> str:
        raise RuntimeError(f"could not show {TOKEN}")

    problems.add_page(client.application, "/s/", fail)

    answer = client.delete(f"/s/{TOKEN}")

    assert (answer.status_code, "Method Not Allowed" in answer.text) == (405, True)
    assert "RuntimeError" in caplog.text
    assert TOKEN not in caplog.text + answer.text
