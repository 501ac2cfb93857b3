"""Everything computed is computed again: every score from the stored answers, every judgement from the stored facts."""

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

import instruments
from instruments.activities import all_rated, ratings
from instruments.codes import Codes
from instruments.definition import Instrument
from instruments.errors import InstrumentsError
from prom_service.models import (
    AnswerSet,
    Clinic,
    ClinicPathway,
    Episode,
    EpisodeVisit,
    Judgement,
    Response,
    Score,
    Visit,
    VisitVersion,
)
from prom_service.pathway import rules
from prom_service.pathway.evidence import Judgement as Judged
from prom_service.pathway.toml_table import PathwayDefinitionError
from prom_service.queries.facts import load_episodes
from prom_service.queries.pathways import read_version

RESPONSES_AT_ONCE = 500
EPISODES_AT_ONCE = 200

ScoreKey = tuple[uuid.UUID, str, str]
"""Response, instrument, scale."""
StoredAnswers = tuple[uuid.UUID, Mapping[str, object], bytes]
"""Response, answers as given, answers as codes."""


class Computed(NamedTuple):
    """What is compared of a score."""

    value: float | None
    answered: int
    items: int
    derived: bool


class InForce(NamedTuple):
    """What is compared of a judgement."""

    response_id: str
    outcome: str
    reason: str
    evidence: Mapping[str, Any]
    rule_version: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on record that is not what it is computed to be. Named by ids and columns only, never by a value."""

    kind: str
    """``answers``, ``score``, ``judgement``, ``pathway`` or ``visit``."""
    row_id: uuid.UUID
    """The response of answers or a score; the episode of a judgement, or that a visit left; the version of a pathway.
    """
    place: str
    """Instrument, instrument and scale, checkpoint, reference, or the id of the visit."""
    problem: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of one batch: how many things were computed again, and which of them differ."""

    checked: int
    differences: tuple[Difference, ...]


def count_responses(session: Session) -> int:
    """Return how many responses there are to verify."""
    return session.scalar(select(func.count()).select_from(Response)) or 0


def count_episodes(session: Session) -> int:
    """Return how many episodes there are to verify."""
    return session.scalar(select(func.count()).select_from(Episode)) or 0


def count_pathways(session: Session) -> int:
    """Return how many versions of clinics' pathways there are to verify."""
    return session.scalar(select(func.count()).select_from(ClinicPathway)) or 0


def count_visits(session: Session) -> int:
    """Return how many visits there are to verify."""
    return session.scalar(select(func.count()).select_from(Visit)) or 0


def verify_scores(session: Session) -> Iterator[Batch]:
    """Compute the scores of every response again, from the answers as they were given; a batch of responses at a time.

    A score must be the same to the last bit, and there must be neither one too few nor one too many.
    """
    for ids in _batches(session, Response, RESPONSES_AT_ONCE):
        computed, differences = _compute_scores(session, ids)
        differences += _score_differences(_stored_scores(session, ids), computed)
        yield Batch(len(ids), _in_order(differences))


def verify_judgements(session: Session) -> Iterator[Batch]:
    """Judge every checkpoint again and compare with the judgement in force; a batch of episodes at a time."""
    for ids in _batches(session, Episode, EPISODES_AT_ONCE):
        in_force = _judgements_in_force(session, ids)
        differences: list[Difference] = []
        for loaded in load_episodes(session, ids):
            stored = in_force[loaded.id]
            judged = rules.judge_episode(loaded.facts).checkpoints
            differences += _judgement_differences(loaded.id, stored, judged)
        yield Batch(len(ids), _in_order(differences))


def verify_pathways(session: Session) -> Iterator[Batch]:
    """Read every version of a clinic's pathway again: its text is the one that was drafted, and still makes sense."""
    for row, code in session.execute(
        select(ClinicPathway, Clinic.code).join(Clinic, Clinic.id == ClinicPathway.clinic_id).order_by(ClinicPathway.id)
    ):
        yield Batch(1, tuple(_pathway_differences(row, code)))


def verify_visits(session: Session) -> Iterator[Batch]:
    """Find the visits that count where they were voided and where they were brought back, as they once did.

    A void visit is taken off where it was when it comes back. Who wants it on both voids it where it was left, and puts
    it there again.
    """
    back, void = aliased(VisitVersion), aliased(VisitVersion)
    left, joined = aliased(EpisodeVisit), aliased(EpisodeVisit)
    doubled = (
        select(left.episode_id, Visit.id)
        .join(left, left.visit_id == Visit.id)
        .join(void, and_(void.visit_id == Visit.id, void.voided))
        .join(back, and_(back.visit_id == Visit.id, back.number == void.number + 1, ~back.voided))
        .join(joined, and_(joined.visit_id == Visit.id, joined.recorded_at == back.recorded_at))
        .where(
            Visit.restorations > 0,
            Visit.voided_at.is_(None),
            left.removed_at.is_(None),
            left.recorded_at < back.recorded_at,
            joined.removed_at.is_(None),
            joined.episode_id != left.episode_id,
        )
        .distinct()
    )
    found = [
        Difference("visit", episode_id, str(visit_id), "counts here too, where it was voided before it was moved")
        for episode_id, visit_id in session.execute(doubled)
    ]
    yield Batch(count_visits(session), _in_order(found))


def _pathway_differences(row: ClinicPathway, code: str) -> Iterator[Difference]:
    if hashlib.sha256(row.text.encode()).hexdigest() != row.digest:
        yield Difference("pathway", row.id, row.ref, "the digest is not the text's")
    try:
        ref = read_version(row, code).ref
    except PathwayDefinitionError:
        yield Difference("pathway", row.id, row.ref, "the text makes no sense any more")
        return
    if ref != row.ref:
        yield Difference("pathway", row.id, row.ref, "the text is that of another version")


def _batches(session: Session, table: type[Response | Episode], size: int) -> Iterator[Sequence[uuid.UUID]]:
    """Yield the ids of all rows in order, ``size`` at a time; what was loaded for a batch is let go after it."""
    query = select(table.id).order_by(table.id).limit(size)
    ids = session.scalars(query).all()
    while ids:
        yield ids
        session.expunge_all()
        ids = session.scalars(query.where(table.id > ids[-1])).all()


def _in_order(differences: list[Difference]) -> tuple[Difference, ...]:
    return tuple(sorted(differences, key=lambda one: (one.kind, one.row_id, one.place)))


def _stored_scores(session: Session, ids: Sequence[uuid.UUID]) -> dict[ScoreKey, Computed]:
    rows = session.execute(
        select(
            Score.response_id,
            Score.instrument,
            Score.scale,
            Score.value,
            Score.answered,
            Score.items,
            Score.derived,
        ).where(Score.response_id.in_(ids))
    )
    return {
        (response_id, instrument, scale): Computed(value, answered, items, derived)
        for response_id, instrument, scale, value, answered, items, derived in rows
    }


def _compute_scores(session: Session, ids: Sequence[uuid.UUID]) -> tuple[dict[ScoreKey, Computed], list[Difference]]:
    """Return every score that the answers give, and the answers that do not give any."""
    sets: defaultdict[str, list[StoredAnswers]] = defaultdict(list)
    for response_id, ref, answers, codes in session.execute(
        select(AnswerSet.response_id, AnswerSet.instrument, AnswerSet.answers, AnswerSet.codes).where(
            AnswerSet.response_id.in_(ids)
        )
    ):
        sets[ref].append((response_id, answers, codes))
    scores: dict[ScoreKey, Computed] = {}
    differences: list[Difference] = []
    for ref, stored in sets.items():
        try:
            instrument = instruments.find(ref)
        except InstrumentsError:
            differences += [Difference("answers", one[0], ref, "the instrument is unknown") for one in stored]
            continue
        good, codes, wrong = _encode(instrument, stored)
        differences += wrong
        left_out = {response_id for response_id, answers, _ in stored if not all_rated(answers)}
        for key, score in _score(instrument, good, codes).items():
            scores[key] = score._replace(value=None) if key[0] in left_out else score
    return scores, differences


def _encode(instrument: Instrument, stored: Sequence[StoredAnswers]) -> tuple[list[uuid.UUID], Codes, list[Difference]]:
    """Return the responses whose answers can be scored, their codes, and the answers that are not as they should be."""
    good, rows, differences = [], [], []
    for response_id, answers, codes in stored:
        try:
            row = instruments.encode(instrument, [ratings(answers)])
        except InstrumentsError:
            differences.append(Difference("answers", response_id, instrument.ref, "an answer is not allowed"))
            continue
        if row.tobytes() != codes:
            differences.append(Difference("answers", response_id, instrument.ref, "the codes are not the answers'"))
        good.append(response_id)
        rows.append(row)
    empty = np.empty((0, len(instrument.items)), dtype=np.int8)
    return good, np.concatenate([empty, *rows]), differences


def _score(instrument: Instrument, ids: Sequence[uuid.UUID], codes: Codes) -> dict[ScoreKey, Computed]:
    """Return the scores of these rows, those of the short forms among the items included."""
    scores = dict(_score_as(instrument, ids, codes, derived=False))
    for short in instruments.derived_from(instrument):
        columns = [instrument.item_codes.index(code) for code in short.item_codes]
        scores |= _score_as(short, ids, codes[:, columns], derived=True)
    return scores


def _score_as(
    instrument: Instrument, ids: Sequence[uuid.UUID], codes: Codes, *, derived: bool
) -> Iterator[tuple[ScoreKey, Computed]]:
    scored = instruments.score_codes(instrument, codes)
    for scale in instrument.scales:
        items = sum(1 for _ in instrument.items_of(scale))
        values, answered = scored[scale.key].values.tolist(), scored[scale.key].answered.tolist()
        for response_id, value, count in zip(ids, values, answered, strict=True):
            missing = value != value
            yield (response_id, instrument.ref, scale.key), Computed(None if missing else value, count, items, derived)


def _score_differences(
    stored: Mapping[ScoreKey, Computed], computed: Mapping[ScoreKey, Computed]
) -> Iterator[Difference]:
    for key in stored.keys() | computed.keys():
        response_id, instrument, scale = key
        for problem in _problems(stored.get(key), computed.get(key), Computed._fields):
            yield Difference("score", response_id, f"{instrument} {scale}", problem)


def _judgements_in_force(session: Session, ids: Sequence[uuid.UUID]) -> defaultdict[uuid.UUID, dict[str, Judgement]]:
    """Return the newest judgement of each checkpoint of each episode."""
    in_force: defaultdict[uuid.UUID, dict[str, Judgement]] = defaultdict(dict)
    for row in session.scalars(select(Judgement).where(Judgement.episode_id.in_(ids)).order_by(Judgement.number)):
        in_force[row.episode_id][row.checkpoint] = row
    return in_force


def _judgement_differences(
    episode_id: uuid.UUID, stored: Mapping[str, Judgement], judged: Mapping[str, Judged]
) -> Iterator[Difference]:
    for checkpoint in stored.keys() | judged.keys():
        before, after = stored.get(checkpoint), judged.get(checkpoint)
        for problem in _problems(_as_stored(before), _as_computed(after), InForce._fields):
            yield Difference("judgement", episode_id, checkpoint, problem)


def _as_stored(row: Judgement | None) -> InForce | None:
    if row is None:
        return None
    response_id = str(row.response_id) if row.response_id else ""
    return InForce(response_id, row.outcome, row.reason, row.evidence, row.rule_version)


def _as_computed(judged: Judged | None) -> InForce | None:
    if judged is None:
        return None
    evidence = json.loads(json.dumps(dict(judged.evidence)))  # As the database gives it back.
    return InForce(judged.response_id, judged.outcome, judged.reason, evidence, judged.rule_version)


def _problems(
    stored: tuple[object, ...] | None, computed: tuple[object, ...] | None, names: tuple[str, ...]
) -> list[str]:
    if stored is None:
        return ["is not on record"]
    if computed is None:
        return ["is on record, and nothing gives it"]
    return [f"{name} differs" for name, before, after in zip(names, stored, computed, strict=True) if before != after]
