"""What is kept of a clinic for its utilization reports, found by the selects on which such a report rests."""

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db import id_text
from prom_service.reports import denominators, known
from prom_service.reports.cohort import Cells, Cohort
from prom_service.reports.continued.extract import flagged, improved
from prom_service.reports.kept.content import DOUBLE, SERVICE, WHO, Content, month_number
from prom_service.reports.known import AT_ONCE
from prom_service.reports.query import ReportQuery
from prom_service.reports.utilization.extract import CHECKPOINT, by_month, doubles, episode_cells, summed

COUNTED = ("episodes", "improved", "flagged", "timepoints", "attempts", "rules")
"""The frames that are kept cell by cell."""
SINCE_EVER = dt.date(1, 1, 1), dt.date(9999, 12, 31)

Frames = Mapping[str, pd.DataFrame]


def content_of(session: Session, clinic_id: uuid.UUID, *, as_of: dt.datetime) -> Content:
    """Return what a report counts of every episode of the clinic, as it was known then."""
    query = ReportQuery((clinic_id,), None, *SINCE_EVER, as_of)
    frames = _frames(Cohort(session, query, of_each=True))
    who, visits, shared = frames["who"], frames["services"], frames["doubles"]
    clinicians = sorted({*who["clinician"], *visits["group"], *shared["group"]})
    words: dict[str, Any] = {"clinician": clinicians}
    for name in ("diagnosis", "side", "pathway"):
        who[name], words[name] = _numbered(who[name])
    who["patient"], _ = _numbered(who["patient"])
    who["clinician"] = _places(who["clinician"], clinicians)
    who["started_on"] = [dt.date.fromisoformat(day).toordinal() for day in who["started_on"]]
    for frame in (visits, shared):
        frame["episode"] = _places(frame["episode_id"], who["group"])
        frame["clinician"] = _places(frame["group"], clinicians)
        frame["month"] = [month_number(dt.date.fromisoformat(f"{month}-01")) for month in frame["month"]]
    shared["visit"], _ = _numbered(shared["visit_id"])
    words["doubles"] = shared[list(DOUBLE)].to_numpy(dtype="int64").tolist()
    words["columns"] = {name: _types(frames[name]) for name in COUNTED}
    words["cells"], cells = _cells(frames, who["group"])
    return Content(words, who[list(WHO)].to_numpy(dtype="int64"), cells, visits[list(SERVICE)].to_numpy(dtype="int64"))


def _frames(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Return the frames of a report in which every episode is a group, and who the episodes are."""
    chosen, judged = cohort.chosen.c, known.judgements(cohort.scope, CHECKPOINT).subquery().c
    visits = by_month(cohort).cte("by_month").prefix_with(AT_ONCE)
    visited = summed(visits, "episode_id").cte("visited").prefix_with(AT_ONCE)
    who = (chosen.patient_id.label("patient"), *(chosen[name] for name in WHO[1:]))
    rules = sa.select(id_text(judged.episode_id).label("group"), judged.pathway, judged.rule_version)
    of = denominators.administrations(cohort)
    return cohort.frames(
        {
            "who": Cells(sa.select(cohort.group().label("group"), *who)),
            "services": Cells(sa.select(visits), counts=("visits",)),
            "doubles": Cells(doubles(cohort)),
            "episodes": episode_cells(cohort, visited),
            "improved": improved(cohort, of.asked),
            "flagged": flagged(cohort),
            **denominators.cells(cohort, of),
            "rules": Cells(rules),
        }
    )


def _cells(frames: Frames, episodes: pd.Series) -> tuple[list[str], np.ndarray]:
    """Return every cell that occurs, as text, and which episodes count in which."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    rows = []
    for name in COUNTED:
        frame = frames[name]
        values = (frame[column].tolist() for column in frame if column not in ("group", "episodes"))
        cells = [numbers[json.dumps([name, *row])] for row in zip(*values, strict=True)]
        found = np.column_stack([_places(frame["group"], episodes), np.array(cells, dtype="int64")])
        rows.append(np.repeat(found, frame.get("episodes", 1), axis=0))
    return list(numbers), np.concatenate(rows)


def _types(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns in their order, and what each of them holds; nothing said is text."""
    kinds = {"i": "int64", "b": "bool"}
    return {column: kinds.get(frame[column].dtype.kind, "") for column in frame}


def _numbered(texts: pd.Series) -> tuple[np.ndarray, list[str]]:
    numbers, words = pd.factorize(texts, sort=True)
    return numbers, list(words)


def _places(texts: pd.Series, among: Any) -> np.ndarray:
    """Return at which place of ``among`` each text stands."""
    places: np.ndarray = pd.Index(among).get_indexer(pd.Index(texts))
    return places
