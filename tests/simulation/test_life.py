"""The life of the clinic group: everything that happens in a clinic happens in it, and one seed gives one life."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from prom_service.models import (
    Administration,
    AnswerSet,
    ClinicText,
    Episode,
    Flag,
    FlagEvent,
    Message,
    MessageEvent,
    Pace,
    Patient,
    PatientChange,
    Response,
    Visit,
)
from prom_service.models.message import DELIVERED_PHASES
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.pathway.shape import FLAG_KINDS
from prom_service.services.pace import _seconds_spent
from prom_service.simulation import demo, life
from prom_service.simulation.invariants import InvariantError
from prom_service.web.api.schemas.visit import DocumentationSchema
from tests.simulation.conftest import UNTIL
from tests.simulation.lived import Lived, newborn
from tests.support.letters import faults


@pytest.fixture(params=["sqlite", "postgres"])
def lived(request: pytest.FixtureRequest) -> Lived:
    found: Lived = request.getfixturevalue(f"lived_{request.param}")
    return found


def story(session: Session) -> list[tuple[object, ...]]:
    """Every flag of the group, told without the ids that differ from life to life."""
    rows = session.execute(
        select(
            Episode.external_id,
            Flag.kind,
            Flag.checkpoint,
            Flag.severity,
            Flag.status,
            Flag.resolution,
            Flag.why,
            Flag.raised_at,
            Flag.snoozed_until,
        ).join(Episode, Episode.id == Flag.episode_id)
    )
    return sorted((tuple(row) for row in rows), key=str)


def test_one_seed_and_one_clock_give_one_life_on_either_database(lived_sqlite: Lived, lived_postgres: Lived) -> None:
    with lived_sqlite.prom.reading() as session:
        one = story(session)
    with lived_postgres.prom.reading() as session:
        other = story(session)

    assert one == other
    assert lived_sqlite.life.counts == lived_postgres.life.counts


def test_no_letter_of_the_group_tells_too_much_or_is_out_of_form(lived_sqlite: Lived) -> None:
    with lived_sqlite.prom.reading() as session:
        people = session.execute(select(Patient.name, Patient.external_id, Patient.date_of_birth)).all()
    whose = {word for name, number, born in people for word in (*name.split(), number, str(born))}
    letters = [file.read_bytes() for file in (lived_sqlite.mailbox / "new").iterdir()]
    to_patients = [letter for letter in letters if b"List-Unsubscribe" in letter]

    found = [faults(letter.replace(b"\n", b"\r\n"), whose=whose) for letter in to_patients]

    assert len(found) > len(people)
    assert [wrong for wrong in found if wrong] == []


def test_no_email_to_the_staff_names_a_patient_or_what_was_answered(lived_sqlite: Lived) -> None:
    with lived_sqlite.prom.reading() as session:
        people = session.execute(select(Patient.name, Patient.external_id)).all()
    whose = {word.encode() for name, number in people for word in (*name.split(), number)} | {b"symptom", b"score"}
    letters = [file.read_bytes() for file in (lived_sqlite.mailbox / "new").iterdir()]
    to_staff = [letter for letter in letters if b"List-Unsubscribe" not in letter]

    assert len(to_staff) > 10
    assert [word for letter in to_staff for word in whose if word in letter] == []


def test_every_kind_of_flag_is_live_in_the_first_clinic(lived: Lived) -> None:
    with lived.prom.reading() as session:
        first = Flag.clinic_id == lived.group.clinics[0].id
        kinds = set(session.scalars(select(Flag.kind).where(first, Flag.status.in_(LIVE_STATUSES))))

    assert kinds == set(FLAG_KINDS)


def test_what_was_done_at_a_visit_is_written_as_a_clinic_could_write_it(lived: Lived) -> None:
    with lived.prom.reading() as session:
        documented = session.scalars(select(Visit.documentation)).all()

    assert DocumentationSchema(many=True).validate(documented) == {}
    assert {field for written in documented for field in written} == set(DocumentationSchema().fields)
    assert {} in documented


def test_at_least_five_questionnaires_of_the_first_clinic_wait_for_a_visitor(lived: Lived) -> None:
    with lived.prom.reading() as session:
        tokens = demo._open_tokens(session, lived.prom.settings, lived.group)

    assert len(set(tokens)) == len(tokens) >= 5


def test_letters_were_sent_until_the_last_day(lived: Lived) -> None:
    with lived.prom.reading() as session:
        last = session.scalar(select(func.max(Message.sent_at)))

    assert last is not None
    assert UNTIL - dt.timedelta(days=3) < last <= UNTIL


def test_mail_held_back_by_a_pause_goes_out_after_it_and_is_answered(lived: Lived) -> None:
    with lived.prom.reading() as session:
        paused = session.execute(
            select(Administration.state, Message.sent_at, Patient.paused_until)
            .join(Message, Message.administration_id == Administration.id)
            .join(Episode, Episode.id == Administration.episode_id)
            .join(Patient, Patient.id == Episode.patient_id)
            .where(
                exists().where(MessageEvent.message_id == Message.id, MessageEvent.reason == "paused"),
                Message.phase.in_(DELIVERED_PHASES),
            )
        ).all()

    assert any(
        state == "completed" and sent_at is not None and last_day is not None and sent_at.date() > last_day
        for state, sent_at, last_day in paused
    )


def test_flags_put_aside_wake(lived: Lived) -> None:
    with lived.prom.reading() as session:
        overslept = session.scalar(
            select(func.count()).select_from(Flag).where(Flag.status == "snoozed", Flag.snoozed_until <= UNTIL)
        )
        asleep, woken = aliased(FlagEvent), aliased(FlagEvent)
        waking = session.scalar(
            select(func.count())
            .select_from(asleep)
            .join(woken, (woken.flag_id == asleep.flag_id) & (woken.number > asleep.number))
            .where(asleep.type == "snoozed", woken.type == "reopened")
        )

    assert overslept == 0
    assert waking


def test_what_is_acknowledged_is_settled_within_six_weeks(lived: Lived) -> None:
    with lived.prom.reading() as session:
        begun = dict(
            session.execute(
                select(FlagEvent.flag_id, func.min(FlagEvent.at))
                .where(FlagEvent.type == "acknowledged")
                .group_by(FlagEvent.flag_id)
            ).all()
        )
        waiting = session.scalars(select(Flag.id).where(Flag.status == "acknowledged")).all()

    assert len(begun) > len(waiting)
    assert all(UNTIL - begun[flag] <= dt.timedelta(days=42) for flag in waiting)


def test_answers_came_on_paper_late_partial_and_complete(lived: Lived) -> None:
    with lived.prom.reading() as session:
        kinds = {tuple(row) for row in session.execute(select(Response.mode, Response.late, Response.partial))}

    assert kinds >= {("web", False, False), ("web", True, False), ("web", False, True), ("paper", False, False)}


def test_the_first_clinic_asks_in_words_of_its_own_and_every_clinic_speaks_spanish(lived: Lived) -> None:
    with lived.prom.reading() as session:
        worded = set(session.scalars(select(AnswerSet.clinic_id).where(AnswerSet.pack_id.is_not(None))))
        spoken = set(session.scalars(select(ClinicText.clinic_id).where(ClinicText.language == "es")))
        asked = select(Message.id).join(Administration).join(Episode).join(Patient).where(Patient.language == "es")
        letters = [lived.mailbox / "new" / str(one) for one in session.scalars(asked.where(Message.phase == "sent"))]

    assert worded == {lived.group.clinics[0].id}
    assert spoken == {clinic.id for clinic in lived.group.clinics}
    assert letters
    assert all("De lunes a viernes" in letter.read_text() for letter in letters)


def test_patients_left_in_every_way(lived: Lived) -> None:
    with lived.prom.reading() as session:
        changes = set(session.scalars(select(PatientChange.kind)))

    assert changes >= {"withdrawn", "deceased", "unsubscribed", "paused", "bounced"}


def test_a_job_that_does_not_do_what_is_due_stops_the_life(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(life.JOBS, "send", lambda prom: 0)

    with newborn(sqlite_url, tmp_path, seed=1, until=UNTIL) as lived, pytest.raises(InvariantError, match="send had"):
        lived.life.live(UNTIL)


def test_the_time_that_questionnaires_take_was_measured_on_those_that_came_in(lived: Lived) -> None:
    with lived.prom.reading() as session:
        paces = session.scalars(select(Pace)).all()
        newest = max(pace.computed_at for pace in paces)
        sent = (Response.mode == "web", Response.partial.is_(False), Response.recorded_at <= newest)
        came_in = session.scalar(select(func.count()).select_from(Response).where(*sent))
        spent = [seconds for one in paces for seconds in _seconds_spent(session, one.pathway, one.timepoint)]

    assert len(paces) == 9
    assert UNTIL - dt.timedelta(weeks=1) < newest <= UNTIL
    assert sum(one.responses for one in paces) == came_in
    assert {240, 540} <= set(spent) <= set(range(240, 541, 60))
