"""`prom serve`, `prom web`, `prom scheduler`: the processes that keep running."""

import logging

import click

from prom_service import logs
from prom_service.cli import door

log = logging.getLogger(__name__)

Port = click.IntRange(0, 65535)


def _web_options(command: click.decorators.FC) -> click.decorators.FC:
    command = click.option("--port", type=Port, default=8000, show_default=True, help="Port to listen on.")(command)
    return click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")(command)


@click.command()
@_web_options
def serve(host: str, port: int) -> None:
    """Serve the web pages and run the scheduler, in one process.

    SIGTERM ends it within ten seconds. On SQLite there may be one such process.
    """
    from prom_service.cli import serving  # The web application takes a while to import.
    from scheduler import runner

    with door.runtime() as prom:
        serving.log_to_stderr(prom.settings.log_level)
        serving.serve(
            prom, host=host, port=port, beside=lambda: runner.start_background(prom), ready=lambda: _say(host, port)
        )


@click.command()
@_web_options
def web(host: str, port: int) -> None:
    """Serve the web pages and the API. The scheduler is a process of its own.

    On SQLite there may be one such process; PostgreSQL takes any number.
    """
    from prom_service.cli import serving

    with door.runtime() as prom:
        serving.log_to_stderr(prom.settings.log_level)
        serving.serve(prom, host=host, port=port, ready=lambda: _say(host, port))


@click.command()
def scheduler() -> None:
    """Run the jobs: open windows, send mail, close what is late, assess.

    On SQLite there may be one such process; PostgreSQL takes any number.
    """
    from scheduler import runner

    with door.runtime() as prom:
        logs.to_stderr(prom.settings.log_level)
        runner.run(prom)


def _say(host: str, port: int) -> None:
    log.info("Serving on http://%s:%d", host, port)
