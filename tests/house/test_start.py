"""A process starts quickly: what only some requests need is loaded when they come."""

import subprocess
import sys

HEAVY = ("alembic", "pandas", "segno", "typst", "xlsxwriter")


def test_the_web_application_starts_without_what_only_some_requests_need() -> None:
    program = "import prom_service.app, sys; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert [name for name in HEAVY if name in loaded.stdout.split()] == []
