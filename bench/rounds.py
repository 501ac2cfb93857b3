"""Two web applications side by side on loopback: the same server, the same client, rounds in random order.

Each application has a process of its own (waitress, 8 threads). Per round and application the client sends the same
number of requests over kept connections. Reported are medians over rounds; CPU is that of the server's process.
"""

import http.client
import logging
import multiprocessing
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import waitress

CONNECTIONS = 8
THREADS = 8
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Request:
    """One request of the client."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    status: int
    """The status it must be answered with: a fast refusal is no result."""


@dataclass(frozen=True)
class Contender:
    """An application by name, and what is asked of it in each round."""

    name: str
    make_app: Callable[[], Any]
    requests: Callable[[int], Sequence[Request]]


@dataclass(frozen=True)
class Result:
    """One round of one contender: requests a second, median and 99th percentile in ms, CPU a request in µs."""

    rate: float
    p50: float
    p99: float
    cpu: float


def compare(contenders: Sequence[Contender], *, rounds: int) -> dict[str, Result]:
    """Return the median round of every contender, and print it."""
    results: dict[str, list[Result]] = {one.name: [] for one in contenders}
    with ExitStack() as stack:
        servers = {one.name: stack.enter_context(_served(one.make_app)) for one in contenders}
        for number in range(rounds + 1):
            for one in random.sample(list(contenders), len(contenders)):
                result = _round(*servers[one.name], one.requests(number))
                if number:  # The first round warms up.
                    results[one.name].append(result)
    medians = {name: _median(of) for name, of in results.items()}
    for name, result in medians.items():
        print(f"{name:<28}{result.rate:9.0f} req/s {result.p50:8.1f} / {result.p99:6.1f} ms {result.cpu:9.0f} µs CPU")
    return medians


def _median(results: Sequence[Result]) -> Result:
    return Result(*(statistics.median(getattr(one, name) for one in results) for name in ("rate", "p50", "p99", "cpu")))


@contextmanager
def _served(make_app: Callable[[], Any]) -> Iterator[tuple[int, int]]:
    """Yield the port and the process number of a server of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(make_app, there), daemon=True)
    process.start()
    try:
        yield here.recv(), process.pid or 0
    finally:
        process.terminate()
        process.join(timeout=10)


def _serve(make_app: Callable[[], Any], pipe: Any) -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # A queue of one is what eight clients make.
    server = waitress.create_server(make_app(), host="127.0.0.1", port=0, threads=THREADS)
    pipe.send(server.effective_port)
    server.run()


def _round(port: int, process: int, requests: Sequence[Request]) -> Result:
    shares = [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]
    times: list[float] = []
    faults: list[str] = []
    clients = [threading.Thread(target=_send, args=(port, share, times, faults)) for share in shares]
    cpu, start = _cpu(process), time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds, cpu = time.perf_counter() - start, _cpu(process) - cpu
    if faults:
        raise SystemExit(f"{len(faults)} requests were not answered as they should be, first: {faults[0]}")
    centiles = statistics.quantiles(times, n=100)
    return Result(len(times) / seconds, centiles[49] * 1e3, centiles[98] * 1e3, cpu / len(times) * 1e6)


def _send(port: int, requests: Sequence[Request], times: list[float], faults: list[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for request in requests:
        start = time.perf_counter()
        connection.request(request.method, request.path, request.body, request.headers)
        response = connection.getresponse()
        content = response.read()
        times.append(time.perf_counter() - start)
        if response.status != request.status:
            faults.append(f"{request.path} {response.status} {content[:200]!r}")
    connection.close()


def _cpu(process: int) -> float:
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
