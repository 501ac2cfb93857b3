"""Which episodes a report is about, as SQL that every report builds on.

A frame made here is a table of cells, one row for each combination that occurs, with the number of ``episodes`` in it:
its size follows the number of groups and of distinct values, not the number of patients.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db import Id, id_text
from prom_service.models import Clinic, Episode
from prom_service.pathway.shape import Pathway
from prom_service.queries.pathways import known_pathways
from prom_service.reports import known
from prom_service.reports.abreast import Found, Read, execute_each, portions, readers_of
from prom_service.reports.known import AT_ONCE
from prom_service.reports.layout import POOLED
from prom_service.reports.planners import as_many, at_most, gone_through
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import EVERYTHING, ROUNDED_TO
from prom_service.reports.windows import Windows, windows_at

PACKED = "flags"
TYPED_IN = ("clinician", "diagnosis")
"""Groups whose names a clinic types in: a rare one could tell who it is."""
WRITTEN = {"": known.NOT_RECORDED} | {word: f"“{word}”" for word in (EVERYTHING, POOLED, known.NOT_RECORDED)}
"""How a name stands that is not typed in, or could be taken for a row of the report itself; any other as it is."""
NAMED_PATIENTS, NAMED_CLINICIANS = 2 * ROUNDED_TO, 2
"""Such a group is named outside the clinic from this many patients on, a diagnosis from so many clinicians."""


@dataclass(frozen=True)
class Cells:
    """A select of one frame: ``counts`` are whole numbers, every other column is text.

    ``flags`` are truths. They come packed in one column of this name, a bit for each, the first the lowest.
    ``added`` are the counts that add up over the clinics; cells that agree in all else are one cell.
    """

    rows: known.Rows
    counts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def as_text(self, name: str, width: int) -> known.Rows:
        """Select the same under the ``name``, every value as text, so that frames of other columns can follow."""
        texts = [_text(column) for column in self.rows.subquery().c]
        texts += [_text(sa.null())] * (width - len(texts))
        named = (text.label(f"value_{place}") for place, text in enumerate(texts))
        return sa.select(sa.literal(name).label("frame"), *named)

    def together(self, portions: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Return the rows of several portions of the clinics as those of all together, as ``as_text`` selects them."""
        if len(portions) == 1:
            return portions[0]
        adding = [name in self.added for name in ("frame", *self.names)]
        cells: dict[tuple[Any, ...], list[int]] = {}
        for row in chain.from_iterable(portions):
            key, counts = tuple(_where(adding, row, False)), [int(count) for count in _where(adding, row, True)]
            cells[key] = [a + b for a, b in zip(cells[key], counts, strict=True)] if key in cells else counts
        return [_merged(adding, key, counts) for key, counts in cells.items()]

    @property
    def names(self) -> list[str]:
        """The columns in their order."""
        return list(self.rows.selected_columns.keys())

    def frame(self, rows: Iterable[Any]) -> pd.DataFrame:
        """Return the rows, as ``as_text`` selected them, in one order on every database."""
        names = self.names
        frame = pd.DataFrame([row[1 : len(names) + 1] for row in rows], columns=names)
        if self.flags:
            packed = frame.pop(PACKED).to_numpy(dtype="int64")
            frame = frame.assign(**{name: (packed >> place & 1).astype(bool) for place, name in enumerate(self.flags)})
        return frame.astype(dict.fromkeys(self.counts, "int64")).sort_values(list(frame.columns), ignore_index=True)


class Cohort:
    """The episodes of one query and the visits that served them.

    ``chosen`` are the episodes in the report, with the columns of ``known.episodes``; ``served`` says which counted
    visit served which of them: episode_id, visit_id, visited_on, group; ``ever_served`` in and out of the period.
    ``attended`` has the visits that do not count, too (``counted``), and says at which the clinician ``reassessed``.
    ``baselines`` has the columns of ``known.baselines``. With ``of_each`` every episode is a group, named by its id,
    and a visit that served it belongs to a group of its clinician.
    """

    def __init__(self, session: Session, query: ReportQuery, *, of_each: bool = False) -> None:
        self.session, self.query, self.of_each = session, query, of_each
        self.scope = known.scope_of(query)
        self.pathways = known_pathways(session, self.scope.clinics)
        period = (query.from_on, query.to_on)
        known_then = known.episodes(self.scope, period if query.basis == "episodes" else None)
        candidates = known_then.cte("candidate").prefix_with(AT_ONCE)
        self.baselines = known.baselines(self.scope).cte("baseline").prefix_with(AT_ONCE)
        self._named = self._names(candidates)
        self.attended = self._attended(candidates)
        served = sa.select(self.attended).where(gone_through(self.attended.c.counted == 1))
        self.ever_served = served.subquery("ever_served")
        if query.basis == "activity":
            visited = self.attended.c.visited_on
            served = served.where(visited >= period[0], visited < period[1])
            of_them = candidates.c.id.in_(served.with_only_columns(self.attended.c.episode_id))
            candidates = sa.select(candidates).where(of_them).cte("chosen").prefix_with(AT_ONCE)
        self.chosen = at_most(session, candidates, self._enrolled)
        self.served = served.subquery("served")

    @cached_property
    def windows(self) -> Windows:
        """How the windows of administrations stood."""
        return windows_at(self.session, self.scope)

    @cached_property
    def _enrolled(self) -> int:
        """Return how many episodes the clinics have on record, in or out of the report."""
        there = sa.select(sa.func.count()).where(Episode.clinic_id.in_(self.scope.clinics))
        return self.session.scalars(there).one()

    def part(self, name: str, rows: known.Rows) -> sa.CTE:
        """Return the rows as a part of the statement that is computed once and joined to others."""
        if len(self.query.clinic_ids) == 1:
            rows = as_many(self.session, rows)
        return rows.cte(name).prefix_with(AT_ONCE)

    def group(self, episodes: sa.FromClause | None = None, clinician: Any = None) -> sa.ColumnElement[str]:
        """Return the label of the group, the same for all groups too small to be named to these readers."""
        label = self._label(episodes, clinician)
        if self._named is None:
            return label
        return sa.case((label.in_(sa.select(self._named.c.label)), label), else_=POOLED)

    def _names(self, candidates: sa.CTE) -> sa.CTE | None:
        """The groups of which enough is known, in and out of the period, to name them; None where all are named."""
        if self.query.audience != "quality" or self.query.group_by not in TYPED_IN:
            return None
        label, who = self._label(candidates, None), candidates.c
        clinicians = sa.func.count(sa.distinct(sa.case((who.clinician != "", who.clinic + " " + who.clinician))))
        enough = [sa.func.count(sa.distinct(who.patient_id)) >= NAMED_PATIENTS]
        if self.query.group_by == "diagnosis":
            enough.append(clinicians >= NAMED_CLINICIANS)
        return sa.select(label.label("label")).group_by(label).having(*enough).cte("named").prefix_with(AT_ONCE)

    def _label(self, episodes: sa.FromClause | None, clinician: Any) -> sa.ColumnElement[str]:
        """Return the name of the group; a clinician is named with the clinic unless there is only one clinic."""
        chosen = (self.chosen if episodes is None else episodes).c
        if self.of_each:
            return id_text(chosen.id) if clinician is None else clinician
        clinician = chosen.clinician if clinician is None else clinician
        several = len(self.query.clinic_ids) != 1
        labels = {
            None: sa.literal(EVERYTHING),
            "clinic": _written(chosen.clinic),
            "clinician": chosen.clinic + " / " + _written(clinician) if several else _written(clinician),
            "pathway": chosen.pathway,
            "diagnosis": _written(chosen.diagnosis),
            "side": chosen.side,
            "period": sa.func.substr(chosen.started_on, 1, len("2026-01")),
        }
        return labels[self.query.group_by]

    def visits_of_each(self) -> sa.Subquery:
        """Select the number of counted ``visits`` by ``episode_id``, in and out of the period; none is no row."""
        served = self.ever_served
        return sa.select(served.c.episode_id, sa.func.count().label("visits")).group_by(served.c.episode_id).subquery()

    def on_primary(self, instrument: Any, scale: Any) -> sa.ColumnElement[bool]:
        """Return whether a scale is one by which the pathway of the chosen episode judges."""
        return _on_primary(self.pathways, self.chosen.c.pathway, instrument, scale)

    def clinics(self) -> pd.DataFrame:
        """Return code and name of the clinics that the report is about."""
        there = Clinic.id.in_(self.scope.clinics), Clinic.created_at <= self.scope.as_of
        return self.frame(sa.select(Clinic.code, Clinic.name).where(*there))

    def rules(self, checkpoint: str) -> pd.DataFrame:
        """Return the pathway and rule versions of the judgements of a checkpoint that were used."""
        return self.frames({"rules": self.rules_used(checkpoint)})["rules"]

    def rules_used(self, checkpoint: str) -> Cells:
        """Return the same as cells, for one statement with others.

        Outside the clinic of all judgements, so that none tells of the only patient of a pathway in the period.
        """
        judged = known.judgements(self.scope, checkpoint).subquery()
        used = sa.select(judged.c.pathway, judged.c.rule_version)
        if self.query.audience == "clinic":
            used = used.where(judged.c.episode_id.in_(sa.select(self.chosen.c.id)))
        return Cells(used.distinct())

    def frames(self, wanted: Mapping[str, Cells]) -> dict[str, pd.DataFrame]:
        """Return every frame by one statement: what several of them rest on is then computed once."""
        width = max(len(cells.names) for cells in wanted.values())
        arms = (cells.as_text(name, width) for name, cells in wanted.items())
        each = self.each(sa.select(sa.union_all(*arms).subquery()), sa.Result.all)
        found: defaultdict[str, list[list[Any]]] = defaultdict(lambda: [[] for _ in each])
        for place, rows in enumerate(each):
            for row in rows:
                found[row[0]][place].append(row)
        return {name: cells.frame(cells.together(found[name])) for name, cells in wanted.items()}

    def each(self, statement: sa.Select[Any], read: Callable[[Found], Read], **options: Any) -> list[Read]:
        """Return what is ``read`` of the statement's result for each portion of the clinics; see ``execute_each``."""
        return execute_each(self.session, statement, self._portions(), read, **options)

    def _portions(self) -> list[Mapping[str, uuid.UUID]]:
        """Return the clinics of each portion of them that is counted by itself; one of all where no more are needed.

        A group is named by what all clinics have of it, where not every one may be.
        """
        if len(readers_of(self.session)) == 1 or len(self.query.clinic_ids) == 1 or self._named is not None:
            return [{}]
        clinics = self.session.scalars(self.scope.clinics.order_by(Clinic.id)).all()
        return [known.between(some[0], some[-1]) for some in portions(self.session, clinics, self._enrolled)] or [{}]

    def frame(self, statement: Any, counts: tuple[str, ...] = ()) -> pd.DataFrame:
        """Return the rows in one order on every database."""
        found = self.session.execute(statement)
        frame = pd.DataFrame(found.all(), columns=list(found.keys()))
        return frame.astype(dict.fromkeys(counts, "int64")).sort_values(list(frame.columns), ignore_index=True)

    def _attended(self, candidates: sa.CTE) -> sa.CTE:
        """Which attended visit served which candidate, and whether it counts towards the limit of its pathway."""
        visits = known.attended(self.scope).subquery()
        counted = [
            sa.and_(candidates.c.pathway == pathway.ref, visits.c.format.in_(pathway.counted_formats))
            for pathway in self.pathways
        ]
        attended = (
            sa.select(
                visits.c.episode_id,
                visits.c.visit_id,
                visits.c.visited_on,
                visits.c.reassessed,
                yes(sa.or_(*counted)).label("counted"),
                self.group(candidates, visits.c.clinician).label("group"),
            )
            .select_from(visits)
            .join(candidates, candidates.c.id == visits.c.episode_id)
        )
        return self.part("attended", attended)


def count_cells(rows: known.Rows, *, flags: tuple[str, ...]) -> Cells:
    """Return one row for each combination in ``rows``, with the number of ``episodes``."""
    cells = rows.subquery()
    keys: list[sa.ColumnElement[Any]] = [column for column in cells.c if column.key not in flags]
    if flags:
        keys.append(_packed([cells.c[name] for name in flags]))
    numbers = tuple(name for name in ("visits", "sequence") if name in cells.c)
    told_apart = reversed(keys)  # SQLite sorts by them: the flags differ the most.
    counted = sa.select(*keys, sa.func.count().label("episodes")).group_by(*told_apart)
    return Cells(counted, counts=(*numbers, "episodes"), flags=flags, added=("episodes",))


def added_up(rows: known.Rows, counts: tuple[str, ...]) -> Cells:
    """Return the rows, whose ``counts`` are sums over episodes; every other column is text."""
    return Cells(rows, counts=counts, added=counts)


def _where(marked: Sequence[bool], row: Sequence[Any], mark: bool) -> Iterator[Any]:
    return (value for value, one in zip(row, marked, strict=False) if one is mark)


def _merged(marked: Sequence[bool], others: Sequence[Any], those: Sequence[Any]) -> list[Any]:
    """Return the values that are marked, and the others, in their places."""
    rest, these = iter(others), iter(those)
    return [next(these if one else rest) for one in marked]


def yes(condition: Any) -> sa.ColumnElement[int]:
    """Return 1 where the condition holds, 0 where it does not or is unknown."""
    return sa.case((condition, 1), else_=0)


def _text(value: Any) -> sa.ColumnElement[str]:
    return id_text(value) if isinstance(value.type, Id) else sa.cast(value, sa.String)


def _packed(truths: Iterable[Any]) -> sa.ColumnElement[int]:
    """Return one number for all: to group by it costs what one column costs."""
    bits = (yes(one) if isinstance(one.type, sa.Boolean) else one for one in truths)
    return sum((bit * 2**place for place, bit in enumerate(bits)), sa.literal(0)).label(PACKED)


def by(column: Any, as_of: dt.datetime) -> sa.ColumnElement[bool]:
    """Return whether an instant on record had come."""
    return sa.and_(column.is_not(None), column <= as_of)


def _written(name: Any) -> sa.ColumnElement[str]:
    return sa.case(WRITTEN, value=name, else_=name)


def _on_primary(known: Iterable[Pathway], pathway: Any, instrument: Any, scale: Any) -> sa.ColumnElement[bool]:
    keys = [(one.ref, primary.measure) for one in known for primary in one.primary]
    same = [(pathway == ref) & (instrument == key.instrument) & (scale == key.scale) for ref, key in keys]
    return sa.or_(*same)
