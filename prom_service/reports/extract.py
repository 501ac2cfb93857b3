"""The one place where SQL becomes frames: what the record knew at an instant, already counted by the database.

Every frame is a table of cells, one row for each combination that occurs, with the number of episodes in it; its size
follows the number of groups and of distinct visit counts, not the number of patients.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from prom_service.models import Administration, Clinic, Message, Score
from prom_service.pathway.shape import Pathway
from prom_service.queries.pathways import known_pathways
from prom_service.reports import known
from prom_service.reports.query import ReportQuery
from prom_service.reports.windows import Windows, windows_at

CHECKPOINT = "3-months"
ASSESSED = ("improved", "uncertain", "not_improved", "worse")
EVERYTHING = "All"
AT_ONCE = "MATERIALIZED"
"""Both databases compute a part so marked once; left to itself SQLite computes it anew for each row that needs it."""


@dataclass(frozen=True)
class Extract:
    """What a utilization report rests on.

    ``episodes``: group, pathway, visit_limit, closed, visits, outcome, wording, due, episodes.
    ``timepoints``: group, timepoint, sequence, due, excluded, declined, invited, delivered, started, partial, late,
    mode, answered, scorable, baseline (``in_time``, ``late``, ``none``), with_baseline, by_email, episodes.
    ``attempts``: timepoint, sequence, attempt, delivered, answered.
    ``activity``: group, visits, shared, served. ``months``: month, visits, shared, served.
    ``rules``: pathway, rule_version of the judgements used. ``clinics``: code, name.
    """

    episodes: pd.DataFrame
    timepoints: pd.DataFrame
    attempts: pd.DataFrame
    activity: pd.DataFrame
    months: pd.DataFrame
    rules: pd.DataFrame
    clinics: pd.DataFrame

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return every frame under its name."""
        return vars(self)


def extract(session: Session, query: ReportQuery) -> Extract:
    """Return the counted facts of ``query``; a fixed number of statements, whatever the number of patients."""
    builder = _Builder(session, query)
    return Extract(
        episodes=builder.episodes(),
        timepoints=builder.timepoints(),
        attempts=builder.attempts(),
        activity=builder.activity("group"),
        months=builder.activity("month"),
        rules=builder.rules(),
        clinics=builder.clinics(),
    )


class _Builder:
    """The selects that several frames share, built once for one query."""

    def __init__(self, session: Session, query: ReportQuery) -> None:
        self.session, self.query = session, query
        self.scope = known.scope_of(query)
        self.windows: Windows = windows_at(session, self.scope)
        self.pathways = known_pathways(session, self.scope.clinics)
        period = (query.from_on, query.to_on)
        known_then = known.episodes(self.scope, period if query.basis == "episodes" else None)
        candidates = known_then.cte("candidate").prefix_with(AT_ONCE)
        self.chosen, self.served = candidates, self._served(candidates, "served")
        if query.basis == "activity":
            visited = self.served.c.visited_on
            self.served = sa.select(self.served).where(visited >= period[0], visited < period[1]).cte("in_period")
            self.chosen = (
                sa.select(candidates).where(candidates.c.id.in_(sa.select(self.served.c.episode_id))).cte("chosen")
            )

    def episodes(self) -> pd.DataFrame:
        """Count the episodes by group, visits so far and outcome at the checkpoint; own or mixed wording is ``own``."""
        chosen, judged = self.chosen, known.judgements(self.scope, CHECKPOINT).subquery()
        visited = self._visits_of_each()
        assessed = judged.c.outcome.in_(ASSESSED)
        cells = (
            sa.select(
                self._group(chosen, chosen.c.clinician).label("group"),
                chosen.c.pathway,
                chosen.c.closed,
                sa.func.coalesce(visited.c.visits, 0).label("visits"),
                sa.case((assessed, judged.c.outcome), else_="not_assessable").label("outcome"),
                sa.case((assessed & (judged.c.wording == "official"), "official"), (assessed, "own"), else_="").label(
                    "wording"
                ),
                sa.case((Administration.id.is_(None), 1), else_=self.windows.was_due()).label("due"),
            )
            .select_from(chosen)
            .outerjoin(visited, visited.c.episode_id == chosen.c.id)
            .outerjoin(judged, judged.c.episode_id == chosen.c.id)
            .outerjoin(
                Administration,
                sa.and_(Administration.episode_id == chosen.c.id, Administration.timepoint == CHECKPOINT),
            )
        )
        frame = self._counted(cells, flags=("closed", "due"))
        limits = {pathway.ref: pathway.visit_limit for pathway in self.pathways}
        frame.insert(2, "visit_limit", frame["pathway"].map(limits).astype("int64"))
        return frame

    def timepoints(self) -> pd.DataFrame:
        """Count the episodes by timepoint and by how far their administration came."""
        flags = ("due", "declined", "invited", "delivered", "started", "partial", "late", "answered", "scorable")
        cells = self._administrations().subquery()
        columns = [column for column in cells.c if column.key != "answered_at"]
        return self._counted(sa.select(*columns), flags=(*flags, "with_baseline", "by_email"))

    def attempts(self) -> pd.DataFrame:
        """Count, for each message of a due administration, how many were delivered and answered before the next."""
        later, rows = aliased(Message), self._administrations()
        answered_at = rows.selected_columns.answered_at
        reminded = sa.exists().where(
            later.administration_id == Administration.id,
            later.ordinal > Message.ordinal,
            known.delivered_at(later, self.scope) <= answered_at,
        )
        sent_at = known.delivered_at(Message, self.scope)
        sent = (
            rows.join(Message, Message.administration_id == Administration.id)
            .add_columns(Message.ordinal.label("attempt"), sent_at.label("sent_at"), _yes(reminded).label("reminded"))
            .subquery()
            .c
        )
        by_it = sa.and_(sent.answered == 1, sent.mode == "web", sent.answered_at >= sent.sent_at, sent.reminded == 0)
        keys = (sent.timepoint, sent.sequence, sent.attempt)
        counts = (sa.func.count().label("delivered"), sa.func.sum(_yes(by_it)).label("answered"))
        counted = (
            sa.select(*keys, *counts)
            .where(sent.due == 1, sent.excluded == "", sent.sent_at.is_not(None))
            .group_by(*keys)
        )
        return self._frame(counted, counts=("sequence", "attempt", "delivered", "answered"))

    def activity(self, key: str) -> pd.DataFrame:
        """Count distinct visits by ``group`` or by ``month``: a visit serving two episodes is one visit."""
        served = self.served
        month = sa.func.substr(sa.cast(served.c.visited_on, sa.String), 1, 7)
        rows = sa.select(
            {"group": served.c.group, "month": month}[key].label(key),
            served.c.visit_id,
            served.c.episode_id,
            sa.func.count().over(partition_by=served.c.visit_id).label("serves"),
        ).subquery()
        shared = sa.case((rows.c.serves > 1, rows.c.visit_id))
        counts = {"visits": rows.c.visit_id, "shared": shared, "served": rows.c.episode_id}
        sums = [sa.func.count(sa.distinct(column)).label(name) for name, column in counts.items()]
        divided = sa.select(rows.c[key], *sums).group_by(rows.c[key])
        if key == "month" or self.query.group_by is None:  # Everything is then the one group.
            return self._frame(divided, counts=tuple(counts))
        overall = self._frame(sa.select(sa.literal(EVERYTHING).label(key), *sums), counts=tuple(counts))
        return pd.concat([overall, self._frame(divided, counts=tuple(counts))], ignore_index=True)

    def rules(self) -> pd.DataFrame:
        """Return the pathway and rule versions of the judgements used."""
        judged = known.judgements(self.scope, CHECKPOINT).subquery()
        used = sa.select(judged.c.pathway, judged.c.rule_version).where(
            judged.c.episode_id.in_(sa.select(self.chosen.c.id))
        )
        return self._frame(used.distinct())

    def clinics(self) -> pd.DataFrame:
        """Return code and name of the clinics that the report is about."""
        return self._frame(sa.select(Clinic.code, Clinic.name).where(Clinic.id.in_(self.scope.clinics)))

    def _served(self, candidates: sa.CTE, name: str) -> sa.CTE:
        """Which visit that counts towards the limit served which candidate."""
        visits = known.visits(self.scope).subquery()
        services = known.services(self.scope).subquery()
        formats = [
            sa.and_(candidates.c.pathway == pathway.ref, visits.c.format.in_(pathway.counted_formats))
            for pathway in self.pathways
        ]
        return (
            sa.select(
                services.c.episode_id,
                visits.c.visit_id,
                visits.c.visited_on,
                self._group(candidates, visits.c.clinician).label("group"),
            )
            .join(visits, visits.c.visit_id == services.c.visit_id)
            .join(candidates, candidates.c.id == services.c.episode_id)
            .where(sa.or_(*formats))
            .cte(name)
            .prefix_with(AT_ONCE)
        )

    def _visits_of_each(self) -> sa.Subquery:
        """All counted visits of each chosen episode, in and out of the period."""
        served = self._served(self.chosen, "ever_served") if self.query.basis == "activity" else self.served
        return sa.select(served.c.episode_id, sa.func.count().label("visits")).group_by(served.c.episode_id).subquery()

    def _administrations(self) -> known.Rows:
        """How far each administration of the chosen episodes had come at the instant."""
        chosen, as_of = self.chosen, self.scope.as_of
        answer = known.responses(self.scope).subquery()
        baseline = known.baselines(self.scope).subquery()
        mail = known.mailings(self.scope).subquery()
        answered = answer.c.id.is_not(None)
        started = sa.or_(answered, _by(Administration.started_at, as_of))
        with_baseline = sa.and_(sa.not_(baseline.c.late), self._scored(answer.c.id, baseline.c.id))
        cells = {
            "group": self._group(chosen, chosen.c.clinician),
            "timepoint": Administration.timepoint,
            "sequence": Administration.sequence,
            "due": self.windows.was_due(),
            "excluded": sa.case((answered, ""), else_=self._exclusion()),
            "declined": _yes(_by(Administration.declined_at, as_of)),
            "invited": _yes(sa.or_(started, mail.c.delivered.is_not(None))),
            "delivered": _yes(sa.or_(started, mail.c.delivered == 1)),
            "started": _yes(started),
            "partial": _yes(answer.c.partial),
            "late": _yes(answer.c.late),
            "mode": sa.func.coalesce(answer.c.mode, ""),
            "answered": _yes(answered),
            "scorable": _yes(self._scored(answer.c.id)),
            "baseline": sa.case((baseline.c.id.is_(None), "none"), (baseline.c.late, "late"), else_="in_time"),
            "with_baseline": _yes(with_baseline),
            "by_email": _yes(mail.c.delivered == 1),
            "answered_at": answer.c.answered_at,
        }
        return (
            sa.select(*(column.label(name) for name, column in cells.items()))
            .select_from(chosen)
            .join(Administration, Administration.episode_id == chosen.c.id)
            .outerjoin(answer, answer.c.administration_id == Administration.id)
            .outerjoin(baseline, baseline.c.episode_id == chosen.c.id)
            .outerjoin(mail, mail.c.administration_id == Administration.id)
        )

    def _exclusion(self) -> sa.ColumnElement[str]:
        """Why an administration was not to be answered at all; empty when it was."""
        cancelled = _by(Administration.cancelled_at, self.scope.as_of)
        return sa.case(
            (cancelled, sa.func.coalesce(Administration.cancelled_reason, "cancelled")),
            (self.windows.was_not_asked(), "not_asked"),
            else_="",
        )

    def _scored(self, response: Any, baseline: Any = None) -> sa.ColumnElement[bool]:
        """Return whether a primary scale of the response has a score, and of the baseline too when one is given."""
        scored = sa.exists().where(
            Score.response_id == response,
            Score.value.is_not(None),
            Score.recorded_at <= self.scope.as_of,
            _on_primary(self.pathways, self.chosen.c.pathway, Score.instrument, Score.scale),
        )
        if baseline is None:
            return scored
        earlier = aliased(Score)
        return scored.where(
            earlier.response_id == baseline,
            earlier.value.is_not(None),
            earlier.recorded_at <= self.scope.as_of,
            earlier.instrument == Score.instrument,
            earlier.scale == Score.scale,
        )

    def _group(self, episodes: sa.CTE, clinician: Any) -> sa.ColumnElement[str]:
        """The label of the group; a clinician is named with the clinic unless there is only one clinic."""
        chosen = episodes.c
        several = len(self.query.clinic_ids) != 1
        labels = {
            None: sa.literal(EVERYTHING),
            "clinic": chosen.clinic,
            "clinician": chosen.clinic + " / " + _recorded(clinician) if several else _recorded(clinician),
            "pathway": chosen.pathway,
            "diagnosis": _recorded(chosen.diagnosis),
        }
        return labels[self.query.group_by]

    def _counted(self, rows: known.Rows, *, flags: tuple[str, ...]) -> pd.DataFrame:
        """Return one row for each combination in ``rows`` with the number of ``episodes``; ``flags`` as booleans."""
        cells = rows.subquery()
        counted = sa.select(*cells.c, sa.func.count().label("episodes")).group_by(*cells.c)
        numbers = tuple(name for name in ("visits", "sequence") if name in cells.c)
        return self._frame(counted, counts=(*numbers, "episodes")).astype(dict.fromkeys(flags, "bool"))

    def _frame(self, statement: Any, counts: tuple[str, ...] = ()) -> pd.DataFrame:
        """Return the rows in one order on every database."""
        found = self.session.execute(statement)
        frame = pd.DataFrame(found.all(), columns=list(found.keys()))
        return frame.astype(dict.fromkeys(counts, "int64")).sort_values(list(frame.columns), ignore_index=True)


def _by(column: Any, as_of: dt.datetime) -> sa.ColumnElement[bool]:
    return sa.and_(column.is_not(None), column <= as_of)


def _yes(condition: Any) -> sa.ColumnElement[int]:
    """Return 1 where the condition holds, 0 where it does not or is unknown."""
    return sa.case((condition, 1), else_=0)


def _recorded(text: Any) -> sa.ColumnElement[str]:
    return sa.case((text == "", known.NOT_RECORDED), else_=text)


def _on_primary(known: Iterable[Pathway], pathway: Any, instrument: Any, scale: Any) -> sa.ColumnElement[bool]:
    """Return whether a scale is one by which the pathway judges."""
    keys = [(one.ref, primary.measure) for one in known for primary in one.primary]
    same = [(pathway == ref) & (instrument == key.instrument) & (scale == key.scale) for ref, key in keys]
    return sa.or_(*same)
