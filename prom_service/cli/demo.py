"""`prom demo`: a synthetic clinic group, lived through and then served."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prom_service.cli.serve import Port

if TYPE_CHECKING:
    from prom_service.runtime import Runtime

Serve = Callable[["Runtime", Callable[[], None]], None]
"""Serves a runtime until told to stop, and calls its second argument once the port is open."""


@click.command()
@click.option("--port", type=Port, default=8000, show_default=True, help="Port to serve on.")
@click.option("--patients", type=click.IntRange(min=1), default=300, show_default=True, help="How many patients.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same courses.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default="var/demo",
    show_default=True,
    help="Where the demo lives. One that is finished is served as it is; any other is started over.",
)
@click.option("--database-url", help="Database in place of a SQLite file in the data directory.")
@click.option("--no-serve", is_flag=True, help="Simulate, and stop before serving.")
def demo(port: int, patients: int, seed: int, data_dir: Path, database_url: str | None, no_serve: bool) -> None:
    """Simulate a synthetic clinic group through 60 weeks of care, then serve it.

    Emails are really written, answers really submitted and visits really recorded, by the services and jobs of the
    real thing under a moving clock. Then it says where to look.
    """
    from prom_service.simulation import demo as simulation  # The simulation takes a while to import.

    simulation.run(
        port=port,
        patients=patients,
        seed=seed,
        data_dir=data_dir,
        database_url=database_url,
        serve=None if no_serve else _serve_on(port),
    )


def _serve_on(port: int) -> Serve:
    """Return what serves a finished demo on this machine until it is told to stop."""

    def serve(prom: "Runtime", ready: Callable[[], None]) -> None:
        from prom_service.cli import serving
        from scheduler import runner

        serving.log_to_stderr("WARNING")  # What it prints is read by people.
        serving.serve(prom, host="127.0.0.1", port=port, beside=lambda: runner.start_background(prom), ready=ready)

    return serve
