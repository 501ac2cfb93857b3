"""Episodes as the rules see them, read in a fixed number of queries whatever their number."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select, type_coerce
from sqlalchemy.orm import Session, aliased

import instruments
from prom_service.db import IdText, id_among, id_read_as_text
from prom_service.models import (
    Administration,
    AnswerSet,
    Clinic,
    Episode,
    EpisodeVisit,
    Flag,
    Message,
    Patient,
    Response,
    SavedAnswer,
    Score,
    Visit,
)
from prom_service.models.message import DELIVERED_PHASES
from prom_service.pathway.dates import start_of_day
from prom_service.pathway.facts import (
    EpisodeFacts,
    FlagFacts,
    ResponseFacts,
    SafetyFacts,
    TimepointFacts,
    VisitFacts,
)
from prom_service.pathway.plan import PlannedAdministration, phone_from
from prom_service.pathway.shape import SAFETY, Pathway
from prom_service.queries.activities import activities_of, rated
from prom_service.queries.flags import Whose
from prom_service.queries.pathways import find_pathway

YES = "1"
NOT_ENOUGH = ("missed", "partial")
"""States of an administration at which nothing or not enough came."""
ADDRESS_REFUSED = "address_refused"
"""Why messages are cancelled after a mail server refused the patient's address for good."""
Row = TypeVar("Row")


def _text(id_: Any) -> Any:
    """Read an id as the text that the rules know it by; to make a UUID of each would take longer than to read it."""
    return id_read_as_text(id_).label(id_.key)


def _among(id_: Any, name: str) -> Any:
    """Whether an id is among those that were read as text."""
    return id_among(type_coerce(id_, IdText()), name)


# Written once and kept: building a statement costs more than running it on one episode.
EPISODES = (  # Columns rather than rows of the session: that is cheaper, and as of now where a row may be out of date.
    select(
        Episode.clinic_id,
        Episode.id,
        Episode.diagnosis,
        Episode.clinician,
        Episode.patient_id,
        Patient.external_id,
        Episode.pathway,
        Episode.started_on,
        Episode.closed_on,
        Episode.enrolled_at,
        Patient.time_zone,
        Clinic.time_zone.label("clinic_zone"),
        Patient.status,
    )
    .join(Patient, Patient.id == Episode.patient_id)
    .join(Clinic, Clinic.id == Episode.clinic_id)
    .where(id_among(Episode.id, "episodes"))
    .order_by(Episode.id)
)
ADMINISTRATIONS = (
    select(
        _text(Administration.id),
        _text(Administration.episode_id),
        Administration.timepoint,
        Administration.sequence,
        Administration.state,
        Administration.opens_at,
        Administration.target_at,
        Administration.late_after,
        Administration.closes_at,
        Administration.declined_at,
        Administration.started_at,
    )
    .where(id_among(Administration.episode_id, "episodes"))
    .order_by(Administration.sequence)
)
MESSAGES = select(
    _text(Message.administration_id), Message.ordinal, Message.phase, Message.reason, Message.bounced_at
).where(_among(Message.administration_id, "administrations"))
FLAGS = (  # They may be about to change, and what the session read before it held the episode may be out of date.
    select(Flag)
    .where(id_among(Flag.episode_id, "episodes"))
    .order_by(Flag.id)
    .execution_options(populate_existing=True)
)
RESPONSES = (  # The last of an administration is the one that stands.
    select(
        _text(Response.id),
        _text(Response.administration_id),
        Response.answered_at,
        Response.late,
        Response.partial,
        Response.recorded_at,
    )
    .where(_among(Response.administration_id, "administrations"), Response.amendment.is_(False))
    .order_by(Response.number)
)
SCORES = select(_text(Score.response_id), Score.instrument, Score.scale, Score.value).where(
    _among(Score.response_id, "responses")
)
WORDINGS = select(_text(AnswerSet.response_id), AnswerSet.instrument, AnswerSet.wording).where(
    _among(AnswerSet.response_id, "responses")
)
_ANY: type[Episode] = aliased(Episode)
SAFETY_ANSWERS = (  # All of the patient's: a background factor is on record whichever episode asked for it.
    select(
        _text(Episode.id),
        _text(SavedAnswer.administration_id),
        Administration.timepoint,
        SavedAnswer.item,
        SavedAnswer.value,
        func.coalesce(Response.answered_at, SavedAnswer.recorded_at).label("said_at"),
    )
    .join(_ANY, and_(_ANY.clinic_id == Episode.clinic_id, _ANY.patient_id == Episode.patient_id))
    .join(Administration, Administration.episode_id == _ANY.id)
    .join(SavedAnswer, SavedAnswer.administration_id == Administration.id)
    .outerjoin(  # What is saved with a set that is sent in was said when that was answered: of paper, on its day.
        Response,
        and_(
            Response.administration_id == SavedAnswer.administration_id,
            Response.recorded_at == SavedAnswer.recorded_at,
            Response.partial.is_(False),
        ),
    )
    .where(id_among(Episode.id, "episodes"), SavedAnswer.instrument == SAFETY)
    .order_by(SavedAnswer.id)
)
VISITS = (
    select(
        _text(EpisodeVisit.episode_id),
        _text(Visit.id),
        Visit.restorations,
        Visit.visited_on,
        Visit.recorded_at,
        Visit.format,
        Visit.reassessed,
    )
    .join(Visit, Visit.id == EpisodeVisit.visit_id)
    .where(
        id_among(EpisodeVisit.episode_id, "episodes"),
        EpisodeVisit.removed_at.is_(None),
        Visit.status == "attended",
        Visit.voided_at.is_(None),
    )
    .order_by(Visit.visited_on, Visit.recorded_at, Visit.id)
)


@dataclass(frozen=True)
class LoadedEpisode:
    """An episode: whose its flags are, every one it ever had, and what the rules may look at."""

    whose: Whose
    flags: Sequence[Flag]
    facts: EpisodeFacts

    @property
    def id(self) -> uuid.UUID:
        """The episode's own."""
        return self.whose.episode_id


def load_episodes(session: Session, episode_ids: Iterable[uuid.UUID]) -> list[LoadedEpisode]:
    """Return these episodes with their facts, ordered by id."""
    ids = sorted(set(episode_ids))
    episodes = session.execute(EPISODES, {"episodes": ids}).all()
    administrations = session.execute(ADMINISTRATIONS, {"episodes": ids}).all()
    by_episode = grouped(administrations, "episode_id")
    timepoints = _Timepoints(_messages(session, administrations), *_responses(session, administrations))
    safety = _safety(session, ids)
    visits = _visits(session, ids)
    flags = grouped(session.scalars(FLAGS, {"episodes": ids}), "episode_id")
    return [
        LoadedEpisode(
            Whose(*one[:6]),
            flags[one.id],
            _facts(
                one,
                find_pathway(session, one.pathway),
                timepoints,
                by_episode[str(one.id)],
                safety[str(one.id)],
                visits[str(one.id)],
                flags[one.id],
            ),
        )
        for one in episodes
    ]


def flag_facts(flag: Flag) -> FlagFacts:
    """Return a flag as the rules see it."""
    return FlagFacts(
        flag_id=str(flag.id),
        kind=flag.kind,
        checkpoint=flag.checkpoint,
        raised_at=flag.raised_at,
        status=flag.status,
        reviewed_at=flag.resolved_at,
        basis=flag.found_basis,
        superseded_at=flag.updated_at if flag.status == "superseded" else None,
    )


def missed_cause(administration: Any, messages: Sequence[Any]) -> str:
    """Return why nothing (or not enough) came: the furthest point that was reached.

    ``declined``, ``partial``, ``started``, ``delivered_never_started``, ``bounced`` or ``not_sent:<reason>``.
    """
    if administration.declined_at is not None:
        return "declined"
    if administration.state == "partial":
        return "partial"
    if administration.started_at is not None:
        return "started"
    if any(message.phase in DELIVERED_PHASES and message.bounced_at is None for message in messages):
        return "delivered_never_started"
    if any(message.bounced_at is not None or message.reason == ADDRESS_REFUSED for message in messages):
        return "bounced"
    if not messages:
        return "not_sent:nothing_planned"
    reasons = [message.reason for message in sorted(messages, key=lambda one: one.ordinal) if message.reason]
    return f"not_sent:{reasons[-1] if reasons else 'never_tried'}"


@dataclass(frozen=True)
class _Timepoints:
    """What came of administrations, by their ids: the emails, the response that stands, and the late one beside it."""

    messages: Mapping[str, Sequence[Any]]
    responses: Mapping[str, ResponseFacts]
    kept_late: Mapping[str, ResponseFacts]

    def facts(self, administration: Any, episode: Any, pathway: Pathway, zone: ZoneInfo) -> TimepointFacts:
        """Return an administration as the rules see it."""
        return TimepointFacts(
            timepoint=administration.timepoint,
            administration_id=administration.id,
            state=administration.state,
            opens_at=administration.opens_at,
            target_at=administration.target_at,
            late_after=administration.late_after,
            closes_at=administration.closes_at,
            phone_from=phone_from(pathway, administration, enrolled_at=episode.enrolled_at, zone=zone),
            response=self.responses.get(administration.id),
            cause=self._cause(administration),
            kept_late=self.kept_late.get(administration.id),
        )

    def _cause(self, administration: Any) -> str | None:
        asked_in_vain = administration.state in NOT_ENOUGH
        return missed_cause(administration, self.messages[administration.id]) if asked_in_vain else None


def _facts(
    episode: Any,
    pathway: Pathway,
    timepoints: _Timepoints,
    administrations: Sequence[Any],
    safety: Sequence[SafetyFacts],
    visits: Sequence[VisitFacts],
    flags: Sequence[Flag],
) -> EpisodeFacts:
    here = {one.id for one in administrations}
    zone = ZoneInfo(episode.time_zone or episode.clinic_zone)
    return EpisodeFacts(
        episode_id=str(episode.id),
        pathway=pathway,
        started_on=episode.started_on,
        zone=zone,
        closed_at=start_of_day(episode.closed_on + dt.timedelta(days=1), zone) if episode.closed_on else None,
        timepoints=tuple(timepoints.facts(one, episode, pathway, zone) for one in administrations),
        visits=tuple(visits),
        safety=tuple(
            replace(one, tier=pathway.tier(one.item, one.tier))
            for one in safety
            if one.tier != "background" and one.administration_id in here
        ),
        background=tuple(sorted({one.item for one in safety if one.tier == "background" and one.now_yes})),
        flags=tuple(flag_facts(flag) for flag in flags),
        participation=episode.status,
    )


def planned_as(administration: Any) -> PlannedAdministration:
    """Return an administration as the pathway planned it."""
    return PlannedAdministration(
        timepoint=administration.timepoint,
        sequence=administration.sequence,
        opens_at=administration.opens_at,
        target_at=administration.target_at,
        late_after=administration.late_after,
        closes_at=administration.closes_at,
        not_asked=administration.state == "not_asked",
    )


def _messages(session: Session, administrations: Sequence[Any]) -> Mapping[str, Sequence[Any]]:
    """Return the emails of each administration at which not enough came; of the others nobody asks."""
    asked = [one.id for one in administrations if one.state in NOT_ENOUGH]
    rows = session.execute(MESSAGES, {"administrations": asked}) if asked else ()
    return grouped(rows, "administration_id")


def _responses(
    session: Session, administrations: Sequence[Any]
) -> tuple[Mapping[str, ResponseFacts], Mapping[str, ResponseFacts]]:
    """Return the standing response of each administration: the newest that is not an amendment; and those beside it.

    At the baseline one in time stands before any late one, which is kept beside it: change counts from the start.
    """
    baselines = {administration.id for administration in administrations if administration.sequence == 0}
    standing: dict[str, Any] = {}
    kept_late: dict[str, Any] = {}
    for response in session.execute(RESPONSES, {"administrations": [one.id for one in administrations]}):
        earlier = standing.get(response.administration_id)
        if response.administration_id in baselines and response.late and earlier and not earlier.late:
            kept_late[response.administration_id] = response
        else:
            standing[response.administration_id] = response
    before = _recorded_before_their_baseline(administrations, standing)
    facts = _response_facts(session, [*standing.values(), *kept_late.values()], before)
    return (
        {of: facts[response.id] for of, response in standing.items()},
        {of: facts[response.id] for of, response in kept_late.items()},
    )


def _response_facts(session: Session, responses: Sequence[Any], before: Collection[str]) -> dict[str, ResponseFacts]:
    """Return each response as the rules see it, by its id; ``before`` may rate activities that others do not."""
    if not responses:
        return {}
    ids = {"responses": [response.id for response in responses]}
    scores: dict[str, dict[tuple[str, str], float | None]] = defaultdict(dict)
    for response_id, instrument, scale, value in session.execute(SCORES, ids):
        scores[response_id][instrument, scale] = value
    rating = [id_ for id_ in before if not rated().isdisjoint(instrument for instrument, _ in scores[id_])]
    activities = activities_of(session, rating)
    wordings: dict[str, dict[str, str]] = defaultdict(dict)
    for response_id, instrument, wording in session.execute(WORDINGS, ids):
        wordings[response_id][instrument] = wording
        wordings[response_id] |= dict.fromkeys(_short_forms().get(instrument, ()), wording)
    return {
        response.id: ResponseFacts(
            id=response.id,
            answered_at=response.answered_at,
            late=response.late,
            partial=response.partial,
            scores=scores[response.id],
            wordings=wordings[response.id],
            recorded_at=response.recorded_at,
            activities=activities.get(response.id, {}),
        )
        for response in responses
    }


def _recorded_before_their_baseline(administrations: Sequence[Any], standing: Mapping[str, Any]) -> set[str]:
    """Return follow-ups heard of no later than their baseline, and these baselines: they may rate other activities."""
    baselines = {one.episode_id: standing.get(one.id) for one in administrations if one.sequence == 0}
    found = set()
    for one in administrations:
        response, baseline = standing.get(one.id), baselines.get(one.episode_id)
        if one.sequence and response and baseline and response.recorded_at <= baseline.recorded_at:
            found |= {response.id, baseline.id}
    return found


@cache
def _short_forms() -> dict[str, tuple[str, ...]]:
    """The instruments whose scores are derived from each instrument: they were given in its wording."""
    return {
        long.ref: tuple(short.ref for short in instruments.derived_from(long)) for long in instruments.all_instruments()
    }


def _safety(session: Session, episode_ids: Sequence[uuid.UUID]) -> Mapping[str, list[SafetyFacts]]:
    """Return, for each episode, the safety items of all its patient's administrations that were ever answered yes."""
    tiers = {item.code: item.tier for item in instruments.find(SAFETY).items}
    given: dict[tuple[str, str, str, str], list[tuple[str | None, dt.datetime]]] = defaultdict(list)
    rows = session.execute(SAFETY_ANSWERS, {"episodes": episode_ids})
    for episode_id, administration_id, timepoint, item, value, said_at in rows:
        given[episode_id, administration_id, timepoint, item].append((value, said_at))
    facts = defaultdict(list)
    for (episode_id, administration_id, timepoint, item), values in sorted(given.items()):
        yes = [said_at for value, said_at in values if value == YES]
        last, _ = values[-1]
        if yes:
            facts[episode_id].append(
                SafetyFacts(
                    administration_id=administration_id,
                    timepoint=timepoint,
                    item=item,
                    tier=tiers[item],
                    said_at=yes[0],
                    ever_yes=True,
                    now_yes=None if last is None else last == YES,
                )
            )
    return facts


def _visits(session: Session, episode_ids: Sequence[uuid.UUID]) -> Mapping[str, list[VisitFacts]]:
    rows = session.execute(VISITS, {"episodes": episode_ids})
    visits = defaultdict(list)
    for episode_id, visit_id, restorations, visited_on, recorded_at, format_, reassessed in rows:
        basis = f"{visit_id}/{restorations}" if restorations else visit_id
        visits[episode_id].append(VisitFacts(basis, visited_on, recorded_at, format_, reassessed))
    return visits


def grouped(rows: Iterable[Row], column: str) -> defaultdict[Any, list[Row]]:
    """Return the rows by the id in ``column``, each list in the order they came in; empty where there is none."""
    groups: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, column)].append(row)
    return groups
