"""Processes that start at once: forked from one that has read all our modules and does nothing else.

Reading them takes two seconds of every start. That a process starts without one is tested where `prom demo`,
`python -m scheduler` and the start itself are.
"""

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(["prom_service.cli.serving", "tests.scheduler.fast_process"])


def start_command(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Start `prom` with these arguments in this environment, all it says appended to ``log``, and return it."""
    process = NURSERY.Process(target=_run, args=(tuple(arguments), dict(environment), log))
    process.start()
    return process


def _run(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    from prom_service.cli import main  # Known to the nursery; who only asks for a process need not read it.

    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as written:
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
    main(arguments, prog_name="prom")
