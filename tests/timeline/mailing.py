"""What a run of the sending job must do with every message that is due, worked out patient by patient."""

import datetime as dt
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tests.timeline.model import Administration, Model, Patient
from tests.timeline.seen import WAITING, Seen


@dataclass(frozen=True)
class Verdict:
    """It goes out, waits until a moment, or, with neither, never goes."""

    goes: bool = False
    waits_until: dt.datetime | None = None


def verdicts(model: Model, seen: Seen, now: dt.datetime) -> dict[uuid.UUID, Verdict]:
    """Decide about every message that is due: at most one goes to a patient."""
    decided: dict[uuid.UUID, Verdict] = {}
    for patient in model.patients:
        decided |= _of_patient(patient, _due(patient, seen, now), now, weekends=model.weekends)
    return decided


def _due(patient: Patient, seen: Seen, now: dt.datetime) -> dict[Administration, list[Any]]:
    due = defaultdict(list)
    for one in patient.administrations:
        for message in seen.messages[one.id]:
            if message.phase in WAITING and message.due_at <= now:
                due[one].append(message)
    return due


def _of_patient(
    patient: Patient, due: dict[Administration, list[Any]], now: dt.datetime, *, weekends: bool
) -> dict[uuid.UUID, Verdict]:
    """Of several questionnaires the one closing first is written about, by the newest of its messages."""
    decided: dict[uuid.UUID, Verdict] = {}
    mailed = False
    for one in sorted(due, key=lambda one: (one.window.closes_at, one.id)):
        newest = due[one][-1]
        decided |= dict.fromkeys((message.id for message in due[one]), Verdict())
        if mailed or one.never_again(now):
            continue
        moment = one.next_moment(now, weekends=weekends)
        if moment == now:
            decided[newest.id] = Verdict(goes=True)
            mailed = True
        elif moment < one.window.late_after:
            decided[newest.id] = Verdict(waits_until=moment)
    return decided
