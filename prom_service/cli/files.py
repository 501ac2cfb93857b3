"""Where a command writes: standard output, or a file that is there only once it is complete."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def writing(output: Path | None) -> Iterator[BinaryIO]:
    """Yield what to write to. The file takes its place when the block ends well; otherwise nothing is left behind.

    None or ``-`` is standard output.
    """
    if output is None or str(output) == "-":
        yield sys.stdout.buffer
        return
    unfinished = output.with_name(f".{output.name}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
