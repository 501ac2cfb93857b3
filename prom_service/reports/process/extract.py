"""What the process report rests on: how many episodes each measure is about, counted by the database."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db import local_day, months_later
from prom_service.models import Clinic, Episode, Flag
from prom_service.pathway.shape import EDUCATION_TOPICS
from prom_service.reports import known
from prom_service.reports.cohort import Cells, Cohort, added_up, count_cells, yes
from prom_service.reports.findings import REASSESSED, findings
from prom_service.reports.known import AT_ONCE
from prom_service.reports.process.documentation import THREE_MONTHS, attended, documented, drugs, names, only
from prom_service.reports.process.measures import DOSE, KEYS
from prom_service.reports.query import ReportQuery

COUNTS = ("applies", "documented", "met")
CHECKPOINTS = ("6-weeks", "3-months")
NOT_JUDGED = "not_assessable"


@dataclass(frozen=True)
class Extract:
    """What a process report rests on.

    ``measures``: group, measure, wording, applies, documented, met: numbers of episodes.
    ``short``: group, checkpoint, outcome, wording, episodes: of those that ended before three months, now past.
    ``rules``: pathway, rule_version of the judgements used. ``clinics``: code, name.
    """

    measures: pd.DataFrame
    short: pd.DataFrame
    rules: pd.DataFrame
    clinics: pd.DataFrame

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return every frame under its name."""
        return vars(self)


def extract(session: Session, query: ReportQuery) -> Extract:
    """Return the counted facts of ``query``; a fixed number of statements, whatever the number of patients.

    What visits document is joined to the episodes from its own side, and the counts are added up: joined from the side
    of the episodes, SQLite, which takes what it grouped for a hundred rows, may go through it for each of them.
    """
    cohort = Cohort(session, query)
    visits = attended(cohort)
    said = documented(visits, _red_flags(cohort))
    frames = cohort.frames(
        {
            "said": _of_said(cohort, said),
            "drugs": _of_drugs(cohort, drugs(visits)),
            "programmes": _of_programmes(cohort),
            "findings": _of_findings(cohort),
            **{f"short {checkpoint}": _short(cohort, checkpoint) for checkpoint in CHECKPOINTS},
            **{f"rules {checkpoint}": cohort.rules_used(checkpoint) for checkpoint in CHECKPOINTS},
        }
    )
    rules = pd.concat([frames[f"rules {checkpoint}"] for checkpoint in CHECKPOINTS]).drop_duplicates()
    of_all = _of_episodes([_long(frames["said"]), frames["drugs"], _long(frames["programmes"])])
    return Extract(
        measures=pd.concat([of_all, _long(frames["findings"])], ignore_index=True),
        short=pd.concat([frames[f"short {checkpoint}"] for checkpoint in CHECKPOINTS], ignore_index=True),
        rules=rules.sort_values(list(rules.columns), ignore_index=True),
        clinics=cohort.clinics(),
    )


def _of_episodes(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the counts of every measure of all episodes, and of every group, added up."""
    counted = pd.concat(parts).groupby(["measure", "group"])[list(COUNTS)].sum()
    every = [key for key in KEYS if key in counted.index.levels[0]]
    rows = pd.MultiIndex.from_product([every, counted.index.levels[1]], names=["measure", "group"])
    return counted.reindex(rows, fill_value=0).reset_index().assign(wording="")


def _of_said(cohort: Cohort, said: sa.CTE) -> Cells:
    """Count what the episodes with a visit say of the measures of visits, and what else applies to them."""
    change = known.later_change(cohort.scope, "pathology_excluded_on")
    excluded_on = known.as_it_was(change, sa.cast(Episode.pathology_excluded_on, sa.String))
    in_time = excluded_on <= sa.cast(said.c.first_visit_on, sa.String)
    measures = {
        **dict(_of_visits(said.c)),
        "opioid_first": (sa.true(), sa.false(), sa.false()),  # The rest of it is told by ``_of_drugs``.
        "pathology_excluded": (sa.true(), excluded_on != "", in_time),
    }
    rows = (
        _summed(cohort, measures)
        .select_from(said)
        .join(cohort.chosen, cohort.chosen.c.id == said.c.episode_id)
        .join(Episode, Episode.id == said.c.episode_id)
        .outerjoin(change, change.c.episode_id == said.c.episode_id)
    )
    return added_up(rows, _wide(measures))


def _of_drugs(cohort: Cohort, drug: sa.CTE) -> Cells:
    """Count the episodes whose visits document a medication, and those where an opioid came first."""
    rows = sa.select(
        cohort.group().label("group"),
        sa.literal("opioid_first").label("measure"),
        sa.literal(0).label("applies"),
        sa.func.count().label("documented"),
        sa.func.sum(drug.c.first).label("met"),
    ).join_from(drug, cohort.chosen, cohort.chosen.c.id == drug.c.episode_id)
    return added_up(rows.group_by("group"), COUNTS)


def _of_programmes(cohort: Cohort) -> Cells:
    chosen = cohort.chosen
    measures = {"short_programme": (_months_have_passed(cohort), sa.true(), _is_short(chosen))}
    return added_up(_summed(cohort, measures).select_from(chosen), _wide(measures))


def _summed(cohort: Cohort, measures: Mapping[str, tuple[Any, Any, Any]]) -> known.Rows:
    """Select by group how many episodes meet the first, the first two and all conditions of each measure."""
    sums = [
        sa.func.sum(yes(sa.and_(*conditions[: number + 1]))).label(f"{key} {count}")
        for key, conditions in measures.items()
        for number, count in enumerate(COUNTS)
    ]
    group = cohort.group().label("group")
    return sa.select(group, *sums).group_by(group)


def _of_visits(said: Any) -> Iterator[tuple[str, tuple[Any, Any, Any]]]:
    """The measures of what visits document, by key."""
    visited = sa.true()
    dosed = sa.or_(*(said[name] == 1 for name in DOSE))
    treated, taught = said.interventions != "", said.education != ""
    topics = [names(said.education, topic) for topic in EDUCATION_TOPICS]
    for name in ("exercise_complete", *DOSE):
        yield name, (visited, dosed, said[name] == 1)
    for kind in ("strengthening", "movement_reeducation"):
        yield kind, (visited, treated, names(said.interventions, kind))
    yield "stretching_only", (visited, treated, only(said.interventions, "stretching"))
    yield "education_complete", (visited, taught, sa.and_(*topics))
    for topic, taught_it in zip(EDUCATION_TOPICS, topics, strict=True):
        yield f"education_{topic}", (visited, taught, taught_it)
    yield "early_mri", (said.early == 1, said.early_imaging != "", names(said.open_imaging, "mri"))


def _of_findings(cohort: Cohort) -> Cells:
    """Count by group and wording the episodes with a non-response at 6 weeks, and those looked at again since.

    An episode whose finding came back was looked at again when each of its flags was.
    """
    found = findings(cohort)
    responded = sa.and_(found.c.kind == "non_responder", found.c.checkpoint == "6-weeks")
    again = sa.or_(found.c.reassessed_on.is_not(None), found.c.resolution == REASSESSED)
    of_each = (
        sa.select(
            found.c.episode_id,
            sa.func.max(found.c.wording).label("wording"),
            sa.func.min(yes(again)).label("reassessed"),
            sa.func.min(yes(found.c.reviewed_on.is_not(None))).label("reviewed"),
        )
        .where(responded)
        .group_by(found.c.episode_id)
        .subquery()
    )
    chosen, group = cohort.chosen, cohort.group().label("group")
    measures = {f"{key}_after_6_weeks": of_each.c[key] for key in ("reassessed", "reviewed")}
    sums = [
        (sa.func.sum(met) if count == "met" else sa.func.count()).label(f"{measure} {count}")
        for measure, met in measures.items()
        for count in COUNTS
    ]
    rows = (
        sa.select(group, of_each.c.wording, *sums)
        .select_from(chosen)
        .join(of_each, of_each.c.episode_id == chosen.c.id)
        .group_by(group, of_each.c.wording)
    )
    return added_up(rows, _wide(measures))


def _short(cohort: Cohort, checkpoint: str) -> Cells:
    """Count the episodes that ended before three months, once these have passed, by what a checkpoint was judged."""
    chosen, judged = cohort.chosen, known.judgements(cohort.scope, checkpoint).subquery()
    assessed = judged.c.outcome.is_not(None) & (judged.c.outcome != NOT_JUDGED)
    official = assessed & (judged.c.wording == "official")
    cells = (
        sa.select(
            cohort.group().label("group"),
            sa.literal(checkpoint).label("checkpoint"),
            sa.case((assessed, judged.c.outcome), else_=NOT_JUDGED).label("outcome"),
            sa.case((official, "official"), (assessed, "own"), else_="").label("wording"),
        )
        .select_from(chosen)
        .outerjoin(judged, judged.c.episode_id == chosen.c.id)
        .where(_months_have_passed(cohort), _is_short(chosen))
    )
    return count_cells(cells, flags=())


def _months_have_passed(cohort: Cohort) -> sa.ColumnElement[bool]:
    """Return whether three months have passed since the start: before that, who is known to be short has ended."""
    day = cohort.scope.as_of.astimezone(dt.UTC).date()
    return months_later(cohort.chosen.c.started_on, THREE_MONTHS) <= day.isoformat()


def _is_short(chosen: Any) -> sa.ColumnElement[bool]:
    three_months_on = months_later(chosen.c.started_on, THREE_MONTHS)
    return sa.and_(chosen.c.closed_on != "", chosen.c.closed_on < three_months_on)


def _red_flags(cohort: Cohort) -> sa.CTE:
    """The day, by the clinic's clock, from which a red-flag symptom was on record of an episode."""
    scope = cohort.scope
    return (
        sa.select(Flag.episode_id, sa.func.min(local_day(Flag.raised_at, Clinic.time_zone)).label("on"))
        .select_from(Flag)
        .join(Clinic, Clinic.id == Flag.clinic_id)
        .where(Flag.clinic_id.in_(scope.clinics), Flag.kind == "red_flag_symptom", Flag.raised_at <= scope.as_of)
        .group_by(Flag.episode_id)
        .cte("red_flag")
        .prefix_with(AT_ONCE)
    )


def _wide(measures: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{measure} {count}" for measure in measures for count in COUNTS)


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each measure of a row with columns named ``<measure> <count>``."""
    keys = [name for name in ("group", "wording") if name in wide]
    parts = [
        wide[[*keys, *(f"{measure} {count}" for count in COUNTS)]]
        .set_axis([*keys, *COUNTS], axis="columns")
        .assign(measure=measure)
        for measure in KEYS
        if f"{measure} {COUNTS[0]}" in wide
    ]
    return pd.concat(parts, ignore_index=True)
