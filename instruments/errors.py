"""What can go wrong with instruments. No message repeats an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class InstrumentsError(Exception):
    """Any error of this package."""


class UnknownInstrumentError(InstrumentsError):
    """There is no instrument of this reference."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"There is no instrument {ref!r}.")
        self.ref = ref


class UnknownThresholdError(InstrumentsError):
    """There is no threshold of this id."""

    def __init__(self, threshold_id: str) -> None:
        super().__init__(f"There is no threshold {threshold_id!r}.")
        self.threshold_id = threshold_id


class DefinitionError(InstrumentsError):
    """A definition contradicts itself; says in which file, at which key, and how."""

    def __init__(self, place: str, problem: str, *, file: str = "") -> None:
        super().__init__(": ".join(part for part in (file, place, problem) if part))
        self.place = place
        self.problem = problem
        self.file = file


class InvalidAnswersError(InstrumentsError):
    """Some answers cannot be taken; `errors` says for each item what is allowed."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{item}: {message}" for item, message in errors.items()))
        self.errors = dict(errors)


class InvalidCodesError(InstrumentsError):
    """An array of codes has the wrong shape, or a code outside its item's range."""


@dataclass(frozen=True, slots=True)
class BadCell:
    """One cell of a table that cannot be taken. `row` counts from 1, the header being row 1."""

    row: int
    column: str
    problem: str
    allowed: str = ""

    def __str__(self) -> str:
        place = f"row {self.row}" + (f", column {self.column}" if self.column else "")
        return f"{place}: {self.problem}" + (f"; allowed: {self.allowed}" if self.allowed else "")


class BadTableError(InstrumentsError):
    """A table cannot be scored; `cells` holds every bad cell."""

    def __init__(self, cells: Sequence[BadCell]) -> None:
        super().__init__("\n".join(str(cell) for cell in cells))
        self.cells = tuple(cells)


class WordingError(InstrumentsError):
    """A wording pack cannot be used; `problems` holds everything that is missing or out of place."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
