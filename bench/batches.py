"""Jobs side by side, each in a fresh process: seconds, processor seconds and peak memory; rounds in random order.

A job is the text of what is called, such as ``partial(bench.utilization.ours, 'sqlite:///x.db')``, and returns what it
found, as text. All must return the same, or there is no result, unless they are not ``alike``: then each must return
the same in every round. Neither importing nor what the text does before the call is measured.
"""

import random
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULE = re.compile(r"bench\.\w+")
MEASURED = """
import sys, time
from functools import partial
sys.path.insert(0, {root!r})
import {module}
job = {job}
start, before = time.perf_counter(), time.process_time()
found = job()
seconds, cpu = time.perf_counter() - start, time.process_time() - before
with open("/proc/self/status", encoding="ascii") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(found, seconds, cpu, peak, sep=chr(9))
"""


@dataclass(frozen=True)
class Result:
    """One run: seconds by the clock, seconds of the processor, peak memory in MiB."""

    seconds: float
    cpu: float
    memory: float


def compare(jobs: Mapping[str, str], *, rounds: int, alike: bool = True) -> dict[str, Result]:
    """Run every job ``rounds`` times, print medians and their ratio to the last job, which is ours; return medians.

    Beside them stand the median and the least of the ratios by the clock of each round.
    """
    results: dict[str, list[Result]] = {name: [] for name in jobs}
    found: dict[str, set[str]] = {name: set() for name in jobs}
    for _ in range(rounds):
        for name in random.sample(list(jobs), len(jobs)):
            said, result = _run(jobs[name])
            found[name].add(said)
            results[name].append(result)
    if any(len(of) > 1 for of in ([set().union(*found.values())] if alike else found.values())):
        raise SystemExit(f"The results differ: {found}")
    medians = {name: _median(of) for name, of in results.items()}
    ours = list(medians.values())[-1]
    ours_by_round = list(results.values())[-1]
    for name, one in medians.items():
        by_round = [a.seconds / b.seconds for a, b in zip(results[name], ours_by_round, strict=True)]
        ratios = (
            f"{one.seconds / ours.seconds:6.1f} ({one.cpu / ours.cpu:.1f} CPU, {one.memory / ours.memory:.1f} memory)"
        )
        print(
            f"{name:<40}{one.seconds:9.2f} s{one.cpu:9.2f} s CPU{one.memory:8.0f} MiB   ratio {ratios}"
            f"   by round {statistics.median(by_round):.1f}, least {min(by_round):.1f}"
        )
    return medians


def _run(job: str) -> tuple[str, Result]:
    script = MEASURED.format(root=str(ROOT), module=MODULE.search(job)[0], job=job)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found, seconds, cpu, peak = done.stdout.strip().rpartition("\n")[2].split("\t")
    return found, Result(float(seconds), float(cpu), int(peak) / 1024)


def _median(results: list[Result]) -> Result:
    return Result(*(statistics.median(getattr(one, key) for one in results) for key in ("seconds", "cpu", "memory")))
