"""What a kind of report consists of. ``kinds.REPORTS`` lists those there are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd
from sqlalchemy.orm import Session

from prom_service.reports.layout import Layout
from prom_service.reports.query import ReportQuery

Tables = Mapping[str, pd.DataFrame]


class Facts(Protocol):
    """The counted facts that one report rests on: frames of cells, and what every report prints about its sources."""

    @property
    def rules(self) -> pd.DataFrame:
        """pathway, rule_version of the judgements used."""

    @property
    def clinics(self) -> pd.DataFrame:
        """code, name of the clinics that the report is about."""

    def frames(self) -> Tables:
        """Return every frame under its name; the checksum of the report is taken over them."""


@dataclass(frozen=True)
class ReportKind:
    """One report: what it asks of the record, and what it makes of the answer.

    ``make_tables`` returns one frame for each of ``layouts`` by its name, with every column but the shares; those are
    computed last, from what is shown. ``drawings`` make an SVG picture of the finished tables for the section of the
    table of the same name. ``notes`` are what a reader must know before the first figure. ``group_by`` divides it where
    the question does not say by what. ``statements`` is how many ``extract`` sends at most, so that it can be said how
    far it is.
    """

    name: str
    title: str
    layouts: tuple[Layout, ...]
    extract: Callable[[Session, ReportQuery], Facts]
    make_tables: Callable[[Any, ReportQuery], Tables]
    notes: Callable[[Any, Tables, ReportQuery], Iterable[str]]
    statements: int
    drawings: Mapping[str, Callable[[Tables], str]] = field(default_factory=dict)
    group_by: str | None = None
