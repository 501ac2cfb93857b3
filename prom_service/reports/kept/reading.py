"""The frames of a utilization report, added up from what is kept of its clinics instead of found in the record."""

import json

import numpy as np
import pandas as pd
import sqlalchemy as sa

from prom_service import __version__
from prom_service.models import Clinic, KeptCounts
from prom_service.reports.cohort import NAMED_CLINICIANS, NAMED_PATIENTS, TYPED_IN, Cohort
from prom_service.reports.kept.content import month_name, month_number
from prom_service.reports.kept.gathering import Gathered
from prom_service.reports.layout import POOLED

Frames = dict[str, pd.DataFrame]
SERVED, SHARED = dict.fromkeys(("visits", "served"), "int64"), dict.fromkeys(("shared", "again"), "int64")
OUT = -1
"""In place of a group: not in the report."""


def kept_frames(cohort: Cohort) -> Frames | None:
    """Return the frames that would be found in the record, or None where what is kept cannot tell.

    It can where it is of the instant of the report at every clinic, counted by this version of the program. Only
    outside the clinic: there instants are beginnings of months, and periods are whole months.
    """
    if cohort.query.audience != "quality" or not _are_kept(cohort):
        return None
    gathered = Gathered(cohort.query)
    tables = (KeptCounts.words, KeptCounts.episodes, KeptCounts.cells, KeptCounts.services)
    rows = sa.select(Clinic.code, *tables).join(KeptCounts, KeptCounts.clinic_id == Clinic.id)
    for row in cohort.session.execute(rows.where(Clinic.id.in_(cohort.scope.clinics))):
        gathered.add(*row)
    return _frames(gathered) if gathered.columns else None


def _are_kept(cohort: Cohort) -> bool:
    kept = sa.exists().where(
        KeptCounts.clinic_id == Clinic.id,
        KeptCounts.as_of == cohort.scope.as_of,
        KeptCounts.version == __version__,
    )
    missing = sa.select(Clinic.id).where(Clinic.id.in_(cohort.scope.clinics), ~kept).limit(1)
    return cohort.session.scalar(missing) is None


def _frames(gathered: Gathered) -> Frames:
    query = gathered.query
    who, services, doubles = (gathered.table(name) for name in ("who", "services", "doubles"))
    if query.basis == "activity":
        first, after = month_number(query.from_on), month_number(query.to_on)
        services, doubles = (table[table["month"].between(first, after - 1)] for table in (services, doubles))
        asked, chosen = who, who.index.isin(services["episode"])
    else:
        chosen = who["started_on"].between(query.from_on.toordinal(), query.to_on.toordinal() - 1).to_numpy()
        asked = who[chosen]
    shown = _shown(gathered, asked)
    groups = np.array(list(gathered.groups), dtype=object)
    services, doubles = (
        table[chosen[table["episode"]]].assign(group=lambda rows: shown[rows["group"]]) for table in (services, doubles)
    )
    frames = {**_served(services), **_shared(doubles)}
    return {
        **_counted(gathered, np.where(chosen, shown[who["group"]], OUT), groups),
        **{name: _in_order(_in_words(frame, groups)) for name, frame in frames.items()},
    }


def _shown(gathered: Gathered, asked: pd.DataFrame) -> np.ndarray:
    """Return the group that stands for each: itself, or the one of all that are too small to be named."""
    numbers = np.arange(len(gathered.groups))
    if gathered.query.group_by not in TYPED_IN:
        return numbers
    enough = asked.groupby("group")["patient"].nunique() >= NAMED_PATIENTS
    if gathered.query.group_by == "diagnosis":
        clinicians = asked[gathered.recorded_clinician(asked["clinician"])].groupby("group")["clinician"].nunique()
        enough &= clinicians.reindex(enough.index, fill_value=0) >= NAMED_CLINICIANS
    return np.where(np.isin(numbers, enough.index[enough]), numbers, gathered.groups[POOLED])


def _counted(gathered: Gathered, group: np.ndarray, groups: np.ndarray) -> Frames:
    """Return the frames of cells: how many episodes of each group count in each.

    ``rules`` names those of every judgement, whatever its episode: as ``Cohort.rules_used`` does outside the clinic.
    """
    cells, texts = gathered.table("cells"), [json.loads(text) for text in gathered.texts]
    theirs = group[cells["episode"]]
    found, episodes = np.unique((theirs * len(texts) + cells["cell"])[theirs != OUT], return_counts=True)
    whose, which = np.divmod(found, max(len(texts), 1))
    frames = {}
    for name, columns in gathered.columns.items():
        there = [place for place, text in enumerate(texts) if text[0] == name]
        values = [column for column in columns if column not in ("group", "episodes")]
        cell = pd.DataFrame([texts[place][1:] for place in there], columns=values, index=there)
        mine = np.isin(which, there)
        frame = cell.loc[which[mine]].assign(group=groups[whose[mine]], episodes=episodes[mine])
        types = {column: kind for column, kind in columns.items() if kind}
        frames[name] = cell if name == "rules" else frame.astype(types)[list(dict.fromkeys([*columns, "episodes"]))]
    frames["attempts"] = _attempts(frames["attempts"])
    return {name: _in_order(frame) for name, frame in frames.items()}


def _attempts(each: pd.DataFrame) -> pd.DataFrame:
    """Add the emails of all groups up."""
    counts = each[["delivered", "answered"]].mul(each["episodes"], axis="index")
    keys = ["timepoint", "sequence", "attempt"]
    return pd.concat([each[keys], counts], axis="columns").groupby(keys, as_index=False).sum()


def _served(services: pd.DataFrame) -> Frames:
    """Return the number of services and of distinct episodes served, by group and month, and all together."""
    counts = {"visits": ("visits", "sum"), "served": ("episode", "nunique")}
    frames = {key: services.groupby(key, as_index=False).agg(**counts) for key in ("group", "month")}
    total = pd.DataFrame({"visits": [services["visits"].sum()], "served": [services["episode"].nunique()]})
    return {name: frame.astype(SERVED) for name, frame in (frames | {"all": total}).items()}


def _shared(doubles: pd.DataFrame) -> Frames:
    """Return the distinct visits that served several of the episodes, and by how many the services are more."""
    doubles = doubles[doubles.duplicated("visit", keep=False)]
    counts = {"shared": ("visit", "nunique"), "again": ("visit", "size")}
    frames = {f"shared_{key}": doubles.groupby(key, as_index=False).agg(**counts) for key in ("group", "month")}
    frames["shared_all"] = pd.DataFrame({"shared": [doubles["visit"].nunique()], "again": [len(doubles)]})
    return {name: frame.assign(again=frame["again"] - frame["shared"]).astype(SHARED) for name, frame in frames.items()}


def _in_words(frame: pd.DataFrame, groups: np.ndarray) -> pd.DataFrame:
    """Return the frame with names in place of the numbers of groups and months."""
    words = {"group": lambda rows: groups[rows["group"]], "month": lambda rows: rows["month"].map(month_name)}
    return frame.assign(**{key: word for key, word in words.items() if key in frame})


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in the order of those that are found in the record."""
    return frame.sort_values(list(frame.columns), ignore_index=True)
