"""Patients, episodes, their plans and their mail as rows."""

from dataclasses import dataclass

import numpy as np

from prom_service.models import (
    Administration,
    Assessment,
    Episode,
    EpisodeChange,
    Message,
    MessageEvent,
    Patient,
)
from prom_service.simulation.cohort import PATHWAYS
from prom_service.simulation.population.answers import Answers
from prom_service.simulation.population.bulk import Bulk
from prom_service.simulation.population.care import CLINICIANS, REFS, TIMEPOINTS, Care
from prom_service.simulation.population.raised import was_asked
from prom_service.simulation.population.written import DAY, NEVER, Ints, at, days, instants

REMINDER_DAYS = (0, 3, 7, 12)
UNTOUCHED = 2
CLINICIAN_CHANGED, BOUNCED, REFUSED = 0.02, 0.03, 0.02


@dataclass(frozen=True)
class Ids:
    """The ids of a clinic's patients and episodes, in the order of the episodes."""

    patient: list[str]
    episode: list[str]


def clinicians() -> list[str]:
    """Return the codes of a clinic's clinicians."""
    return [f"C{number + 1}" for number in range(CLINICIANS)]


def write_care(writer: Bulk, clinic: str, number: int, care: Care) -> Ids:
    """Write patients and episodes with their changes; return their ids."""
    persons = np.cumsum(~care.second_side) - 1
    ids = _write_patients(writer, clinic, care, int(persons[-1]) + 1)
    patient, episode = at(persons, ids), writer.ids(care.count)
    diagnoses = [["", *PATHWAYS[ref]] for ref in REFS]
    side = np.where(care.second_side, 1, 0)
    writer.add(
        Episode,
        care.count,
        id=episode,
        clinic_id=clinic,
        patient_id=patient,
        external_id=[f"E{index:06}" for index in range(care.count)],
        pathway_key=at(care.pathway, [ref.rpartition("-")[0] for ref in REFS]),
        pathway=at(care.pathway, REFS),
        started_on=days(care.started),
        side=at(side, ["left", "right"]),
        diagnosis=[
            diagnoses[one][which] for one, which in zip(care.pathway.tolist(), care.diagnosis.tolist(), strict=True)
        ],
        clinician=at(care.clinician, clinicians()),
        enrolled_at=instants(care.enrolled),
        closed_on=days(care.closed),
        closed_reason=["discharged" if closed >= 0 else None for closed in care.closed.tolist()],
        version=1,
    )
    writer.add(Assessment, care.count, id=episode, clinic_id=clinic, due_at=instants(_next_look(care)))
    _write_changes(writer, clinic, care, episode)
    return Ids(patient, episode)


def _write_patients(writer: Bulk, clinic: str, care: Care, count: int) -> list[str]:
    patient = writer.ids(count)
    born = np.resize(np.arange(-18_000, 2_000, 97), count)
    mails = care.has_email[np.flatnonzero(~care.second_side)].tolist()
    writer.add(
        Patient,
        count,
        id=patient,
        clinic_id=clinic,
        external_id=[f"P{index:06}" for index in range(count)],
        name=[f"Person {index}" for index in range(count)],
        email=[f"p{index}@example.org" if has else None for index, has in enumerate(mails)],
        date_of_birth=np.datetime_as_string(born.astype("datetime64[D]")).tolist(),
        sex=at(np.arange(count) % 2, ["female", "male"]),
        language="en",
        status="active",
        email_allowed=1,
        created_at=instants(care.enrolled[~care.second_side]),
        version=1,
    )
    return patient


def _next_look(care: Care) -> Ints:
    """Return the next end of a window after the end, for episodes that still run."""
    late_after = np.where(care.windows[:, :, 2] > care.until, care.windows[:, :, 2], np.iinfo(np.int64).max)
    following = late_after.min(axis=1)
    running = (care.closed < 0) & (following < np.iinfo(np.int64).max)
    return np.where(running, following, NEVER)


def _write_changes(writer: Bulk, clinic: str, care: Care, episode: list[str]) -> None:
    first, start, closed = days(care.first_started), days(care.started), days(care.closed)
    names = at(care.clinician, clinicians())
    changed = np.flatnonzero((np.arange(care.count) * 0.618) % 1 < CLINICIAN_CHANGED).tolist()
    changes = [
        (index, "enrolled", "{}", f'{{"started_on": "{first[index]}"}}', care.enrolled[index])
        for index in range(care.count)
    ]
    changes += [
        (
            index,
            "start_changed",
            f'{{"started_on": "{first[index]}"}}',
            f'{{"started_on": "{start[index]}"}}',
            care.enrolled[index] + UNTOUCHED,
        )
        for index in np.flatnonzero(care.first_started != care.started).tolist()
    ]
    changes += [
        (index, "changed", '{"clinician": "C0"}', f'{{"clinician": "{names[index]}"}}', care.enrolled[index] + 20 * DAY)
        for index in changed
        if care.enrolled[index] + 20 * DAY < care.until
    ]
    changes += [
        (index, "closed", "{}", f'{{"closed_on": "{closed[index]}", "reason": "discharged"}}', care.closed_at[index])
        for index in np.flatnonzero(care.closed >= 0).tolist()
    ]
    which, kind, before, after, moment = zip(*changes, strict=True)
    writer.add(
        EpisodeChange,
        len(changes),
        id=writer.ids(len(changes)),
        clinic_id=clinic,
        episode_id=[episode[index] for index in which],
        kind=kind,
        before=before,
        after=after,
        actor="command",
        recorded_at=instants(np.array(moment)),
    )


def write_administrations(
    writer: Bulk, clinic: str, ids: Ids, care: Care, answers: Answers, standing: Ints
) -> list[str]:
    """Write every timepoint of every episode as far as it has come; return the ids, those of an episode together."""
    rows, steps = care.count * len(TIMEPOINTS), len(TIMEPOINTS)
    administration, stands = writer.ids(rows), standing.reshape(-1)
    opens, target, late_after, closes = care.windows.reshape(-1, 4).T
    answered = stands >= 0
    partial = answered & answers.partial[stands]
    late = answered & answers.late[stands]
    came = np.where(answered, answers.recorded[stands], NEVER)
    closed_at = np.repeat(care.closed_at, steps)
    not_asked = ~answered & (np.repeat(care.enrolled, steps) >= late_after)
    asked = was_asked(care).reshape(-1)
    cancelled = ~answered & ~not_asked & ~asked
    past, open_now = late_after < care.until, opens < care.until
    conditions = [partial, answered, not_asked, cancelled, past, open_now]
    words = ["partial", "completed", "not_asked", "cancelled", "missed", "open", "planned"]
    state = np.select(conditions, range(len(conditions)), len(conditions))
    declined = (state == words.index("missed")) & ((np.arange(rows) * 0.618) % 1 < REFUSED)
    writer.add(
        Administration,
        rows,
        id=administration,
        clinic_id=clinic,
        episode_id=np.repeat(ids.episode, steps).tolist(),
        timepoint=list(TIMEPOINTS) * care.count,
        sequence=list(range(steps)) * care.count,
        state=at(state, words),
        opens_at=instants(opens),
        target_at=instants(target),
        late_after=instants(late_after),
        closes_at=instants(closes),
        started_at=instants(np.where(answered, answers.answered[stands] - 300, NEVER)),
        completed_at=instants(np.where(answered & ~partial, came, NEVER)),
        partial_at=instants(np.where(partial, came, NEVER)),
        missed_at=instants(np.where(state == words.index("missed"), late_after, NEVER)),
        declined_at=instants(np.where(declined, target + 3600, NEVER)),
        cancelled_at=instants(np.where(cancelled, closed_at, NEVER)),
        cancelled_reason=["closed" if one else None for one in cancelled.tolist()],
        late=late.astype(np.int64).tolist(),
    )
    return administration


def write_messages(
    writer: Bulk, clinic: str, rng: np.random.Generator, care: Care, answers: Answers, administrations: list[str]
) -> None:
    """Write the emails that were due before an answer came, and what became of them."""
    first = np.full(care.windows.shape[:2], np.iinfo(np.int64).max)
    order = np.argsort(-answers.recorded, kind="stable")
    first[answers.episode[order], answers.timepoint[order]] = answers.answered[order]
    base = np.maximum(care.windows[:, :, 1], care.enrolled[:, None] // DAY * DAY)
    due = base[:, :, None] + np.array(REMINDER_DAYS) * DAY + 9 * 3600
    ends = np.minimum(first, care.windows[:, :, 2])[:, :, None]
    cut_off = np.where(care.closed_at < 0, care.until, care.closed_at)[:, None, None]
    wanted = care.has_email[:, None, None] & was_asked(care)[:, :, None] & (due < ends) & (due < cut_off)
    episode, timepoint, ordinal = np.nonzero(wanted & (due > care.enrolled[:, None, None]))
    moment = due[episode, timepoint, ordinal]
    sent = moment + rng.integers(0, 3 * 3600, len(moment))
    bounced = np.where(rng.random(len(moment)) < BOUNCED, sent + 600, NEVER)
    bounced = np.where(bounced < care.until, bounced, NEVER)
    message = writer.ids(len(moment))
    writer.add(
        Message,
        len(moment),
        id=message,
        clinic_id=clinic,
        administration_id=at(episode * len(TIMEPOINTS) + timepoint, administrations),
        kind=at((ordinal > 0).astype(np.int64), ["invitation", "reminder"]),
        ordinal=ordinal.tolist(),
        planned_for=instants(moment),
        due_at=instants(moment),
        phase="sent",
        attempts=1,
        sent_at=instants(sent),
        bounced_at=instants(bounced),
    )
    came_back = np.flatnonzero(bounced >= 0)
    for kind, rows, moments in (("sent", np.arange(len(moment)), sent), ("bounced", came_back, bounced[came_back])):
        writer.add(
            MessageEvent,
            len(rows),
            id=writer.ids(len(rows)),
            clinic_id=clinic,
            message_id=at(rows, message),
            kind=kind,
            actor="sweep",
            at=instants(moments),
            recorded_at=instants(moments),
        )
