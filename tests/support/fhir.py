"""Two judges of FHIR R4 resources, neither of them ours: fhirkit (every element) and fhir.js (also the value sets)."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import fhirkit

from tests.support import archives

PACKAGE = "fhir@4.12.0"
SHA256 = "24050342e144204baa2abb34e6c7fb1c5e9c879944583edb5fc146973beeccfe"
PROGRAM = """
const {Fhir} = require(process.argv[1]);
const judge = new Fhir();
require('readline').createInterface({input: process.stdin}).on('line', line => {
    const {messages} = judge.validate(JSON.parse(line), {errorOnUnexpected: true});
    console.log(JSON.stringify(messages.filter(one => one.severity === 'error')));
});
"""


class Judges:
    """Both validators, the second of them in a process that lives as long as the judges do."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def faults(self, resource: Any) -> list[str]:
        """Return what either finds; none is good. A code of our own where FHIR only suggests some is no fault."""
        resource = json.loads(json.dumps(resource))
        return [str(issue) for issue in fhirkit.validate(resource)] + self._by_node(resource)

    def _by_node(self, resource: Any) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(resource) + "\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        return [f"{one['severity']} at {one['location']}: {one['message']}" for one in found]


@contextlib.contextmanager
def judges() -> Iterator[Judges]:
    """Yield the judges until the block ends."""
    package = archives.unpacked(PACKAGE, SHA256, archives.whole, fetch=archives.npm) / "package" / "fhir.js"
    with subprocess.Popen(
        [archives.node(), "-e", PROGRAM, str(package)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Judges(process)
        process.terminate()
