"""Facts put straight into the tables, so that each number of a report can be counted by hand."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import (
    Administration,
    AnswerSet,
    Clinic,
    Episode,
    EpisodeChange,
    EpisodeVisit,
    Flag,
    FlagEvent,
    Judgement,
    Message,
    MessageEvent,
    Organisation,
    Patient,
    Response,
    Score,
    Visit,
    VisitVersion,
)
from prom_service.pathway.definition import find
from prom_service.pathway.plan import plan_administrations

PATHWAY = "hip-related-pain-1"
BORN = dt.date(1980, 5, 17)


def instant(on: dt.date, hour: int = 12) -> dt.datetime:
    """Return an hour of a day, in UTC."""
    return dt.datetime.combine(on, dt.time(hour), dt.UTC)


def a_version(visit: Visit, at: dt.datetime, *, voided: bool = False) -> VisitVersion:
    """The visit as it now is, for good."""
    names = ("number", "visited_on", "clinician", "status", "format", "reassessed", "documentation")
    return VisitVersion(
        clinic_id=visit.clinic_id,
        visit_id=visit.id,
        voided=voided,
        actor="command",
        recorded_at=at,
        **{name: getattr(visit, name) for name in names},
    )


class Record:
    """Writes facts as the services would have left them, each recorded at the moment that is given."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.count = 0

    def organisation(self) -> Organisation:
        return self._add(
            Organisation(name=self._name("org"), rounding_key="5e" * 32, created_at=instant(dt.date(2025, 1, 1)))
        )

    def clinic(self, organisation: Organisation, code: str = "north") -> Clinic:
        return self._add(
            Clinic(
                organisation_id=organisation.id,
                code=code,
                name=f"The {code} clinic",
                time_zone="Europe/London",
                phone="1",
                reply_hours="9 to 5",
                urgent_text="Call.",
                created_at=instant(dt.date(2025, 1, 1)),
            )
        )

    def episode(
        self,
        clinic: Clinic,
        started_on: dt.date,
        *,
        visits: int = 0,
        born: dt.date = BORN,
        sex: str = "unknown",
        **details: object,
    ) -> Episode:
        """An episode with its planned administrations, and as many visits, one a day from its start."""
        enrolled_at = instant(started_on)
        patient = Patient(
            clinic_id=clinic.id,
            external_id=self._name("p"),
            name="N",
            date_of_birth=born,
            sex=sex,
            created_at=enrolled_at,
        )
        self._add(patient)
        episode = Episode(
            clinic_id=clinic.id,
            patient_id=patient.id,
            external_id=self._name("e"),
            pathway_key=PATHWAY.rpartition("-")[0],
            pathway=PATHWAY,
            started_on=started_on,
            enrolled_at=enrolled_at,
            **details,
        )
        self._add(episode)
        self.change(episode, "enrolled", {}, {"started_on": started_on.isoformat()}, enrolled_at)
        zone = ZoneInfo(clinic.time_zone)
        windows = plan_administrations(find(PATHWAY), started_on, zone, enrolled_at=enrolled_at)
        self._add(
            *(
                Administration(
                    clinic_id=clinic.id,
                    episode_id=episode.id,
                    timepoint=planned.timepoint,
                    sequence=planned.sequence,
                    opens_at=planned.opens_at,
                    target_at=planned.target_at,
                    late_after=planned.late_after,
                    closes_at=planned.closes_at,
                )
                for planned in windows
            )
        )
        days = [started_on + dt.timedelta(days=day) for day in range(visits)]
        self.visits({day: instant(day, 18) for day in days}, episode)
        return episode

    def change(self, episode: Episode, kind: str, before: dict, after: dict, at: dt.datetime) -> None:
        self._add(
            EpisodeChange(
                clinic_id=episode.clinic_id,
                episode_id=episode.id,
                kind=kind,
                before=before,
                after=after,
                actor="command",
                recorded_at=at,
            )
        )

    def move(self, episode: Episode, zone: str | None, *which: sa.ColumnElement[bool]) -> None:
        """Have the patient live by another zone (None: the clinic's), with the windows of these administrations."""
        patient = self.session.get_one(Patient, episode.patient_id)
        patient.time_zone = zone
        here = ZoneInfo(zone or self.session.get_one(Clinic, episode.clinic_id).time_zone)
        plan = plan_administrations(find(PATHWAY), episode.started_on, here, enrolled_at=episode.enrolled_at)
        of_it = (Administration.episode_id == episode.id, *which)
        planned = {one.timepoint: one for one in plan}
        for asked in self.session.scalars(select(Administration).where(*of_it)):
            for name in ("opens_at", "target_at", "late_after", "closes_at"):
                setattr(asked, name, getattr(planned[asked.timepoint], name))
        self.session.flush()

    def visit(self, on: dt.date, *episodes: Episode, at: dt.datetime | None = None, **values: object) -> Visit:
        """A visit that serves these episodes; attended and individual unless said otherwise."""
        return self.visits({on: at or instant(on, 18)}, *episodes, **values)[0]

    def visits(self, days: dict[dt.date, dt.datetime], *episodes: Episode, **values: object) -> list[Visit]:
        """A visit on each day, recorded at the moment given for it."""
        clinic_id = episodes[0].clinic_id
        values = {"clinician": episodes[0].clinician, "status": "attended", "format": "individual", **values}
        values.setdefault("documentation", {})
        visits = [
            Visit(
                clinic_id=clinic_id,
                external_id=self._name("v"),
                visited_on=on,
                recorded_at=at,
                **values,
            )
            for on, at in days.items()
        ]
        if visits:
            self._add(*visits)
            self._add(*(a_version(visit, visit.recorded_at) for visit in visits))
            self._add(
                *(
                    EpisodeVisit(
                        clinic_id=clinic_id, episode_id=episode.id, visit_id=visit.id, recorded_at=visit.recorded_at
                    )
                    for visit in visits
                    for episode in episodes
                )
            )
        return visits

    def version(self, visit: Visit, at: dt.datetime, *, voided: bool = False) -> None:
        """Keep the visit as it now is."""
        self._add(a_version(visit, at, voided=voided))

    def void(self, visit: Visit, at: dt.datetime) -> None:
        visit.number += 1
        visit.voided_at = at
        self.version(visit, at, voided=True)

    def administration(self, episode: Episode, timepoint: str) -> Administration:
        return self.session.scalars(
            select(Administration).where(Administration.episode_id == episode.id, Administration.timepoint == timepoint)
        ).one()

    def answers(
        self,
        episode: Episode,
        timepoint: str,
        at: dt.datetime,
        *,
        value: float | None = 50.0,
        wording: str = "official",
        **values: object,
    ) -> Response:
        """Answers to one timepoint with an iHOT-12 score, or with too few answers for one."""
        response = self.response(episode, timepoint, at, **values)
        self.asked(response, "ihot-12-1.0", wording)
        self.score(response, "ihot-12-1.0", "total", value)
        return response

    def response(self, episode: Episode, timepoint: str, at: dt.datetime, **values: object) -> Response:
        """What came back for one timepoint, without a score yet."""
        administration = self.administration(episode, timepoint)
        given = {"recorded_at": at, "number": 1, "mode": "web", "late": at >= administration.late_after, **values}
        return self._add(
            Response(
                clinic_id=episode.clinic_id,
                episode_id=episode.id,
                administration_id=administration.id,
                entered_by="patient",
                digest=self._name("d"),
                answered_at=at,
                **given,
            )
        )

    def asked(
        self, response: Response, instrument: str, wording: str = "official", activities: Sequence[str] = ()
    ) -> None:
        """The answers of a response to one instrument, under that wording; of their texts those of activities."""
        self._add(
            AnswerSet(
                clinic_id=response.clinic_id,
                response_id=response.id,
                instrument=instrument,
                wording=wording,
                answers={f"Q{place}.text": name for place, name in enumerate(activities, 1)},
                codes=b"",
            )
        )

    def score(self, response: Response, instrument: str, scale: str, value: float | None) -> None:
        """One score of a response, recorded with it."""
        self._add(
            Score(
                clinic_id=response.clinic_id,
                episode_id=response.episode_id,
                response_id=response.id,
                instrument=instrument,
                scale=scale,
                value=value,
                answered=0 if value is None else 12,
                items=12,
                engine="1",
                recorded_at=response.recorded_at,
            )
        )

    def judged(
        self,
        episode: Episode,
        response: Response,
        outcome: str,
        *,
        wording: str = "official",
        number: int = 1,
        checkpoint: str = "3-months",
    ) -> Judgement:
        """The judgement of a checkpoint, by default that at 3 months, recorded with the response."""
        return self._add(
            Judgement(
                clinic_id=episode.clinic_id,
                episode_id=episode.id,
                checkpoint=checkpoint,
                number=number,
                response_id=response.id,
                outcome=outcome,
                reason="",
                evidence={"wording": wording},
                pathway=episode.pathway,
                rule_version="1",
                recorded_at=response.recorded_at,
            )
        )

    def flag(self, episode: Episode, kind: str, checkpoint: str, at: dt.datetime, *, wording: str = "official") -> Flag:
        """A flag, just raised."""
        flag = self._add(
            Flag(
                clinic_id=episode.clinic_id,
                episode_id=episode.id,
                kind=kind,
                checkpoint=checkpoint,
                basis=self._name("response:"),
                severity="medium",
                queue="clinical",
                why="",
                evidence={"wording": wording},
                guidance={},
                raised_at=at,
                updated_at=at,
                number=0,
            )
        )
        self.step(flag, "raised", at)
        return flag

    def step(self, flag: Flag, kind: str, at: dt.datetime, **detail: str) -> None:
        """One more thing that happened to the flag."""
        flag.number, flag.updated_at = self._number(), at
        if kind in ("resolved", "superseded"):
            flag.status = kind
            flag.resolution = detail["reason"] if kind == "resolved" else None
        self._add(
            FlagEvent(
                clinic_id=flag.clinic_id,
                flag_id=flag.id,
                number=flag.number,
                type=kind,
                at=at,
                actor="command",
                detail=detail,
                flag={"evidence": flag.evidence},
                recorded_at=at,
            )
        )

    def email(self, episode: Episode, timepoint: str, ordinal: int, at: dt.datetime, *kinds: str) -> Message:
        """A message and what happened to it, by default sent; each step a minute after the last."""
        kinds = kinds or ("claimed", "committing", "sent")
        message = self._add(
            Message(
                clinic_id=episode.clinic_id,
                administration_id=self.administration(episode, timepoint).id,
                kind="reminder" if ordinal else "invitation",
                ordinal=ordinal,
                planned_for=at,
                due_at=at,
                phase="sent",
            )
        )
        for minute, kind in enumerate(kinds):
            moment = at + dt.timedelta(minutes=minute)
            self._add(
                MessageEvent(
                    clinic_id=episode.clinic_id, message_id=message.id, kind=kind, at=moment, recorded_at=moment
                )
            )
        return message

    def _name(self, prefix: str) -> str:
        return f"{prefix}{self._number()}"

    def _number(self) -> int:
        self.count += 1
        return self.count

    def _add(self, row: Any, *more: Any) -> Any:
        """Write the rows, and return the first."""
        self.session.add_all([row, *more])
        self.session.flush()
        return row
