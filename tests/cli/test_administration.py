"""`prom organisation`, `clinic`, `user`, `apikey`: who uses the service, and who may come in."""

import contextlib
import datetime as dt
import json
from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import instruments
from prom_service.db import make_engine
from prom_service.models import Alert, Clinic
from prom_service.services import access, escalation, staff
from tests import builders
from tests.cli.conftest import CLINIC, SECRET, Prom
from tests.fakes import Clock

ACTIVATION = ("--approved-by", "Dr A", "--own-wording-accepted-by", "Dr A")
PLAN = (
    *("--owner", "Olga", "--owner-email", "olga@example.org", "--deputy", "Dan", "--deputy-email", "dan@example.org"),
    *("--manager", "Maya", "--manager-email", "maya@example.org", "--working-hours", "mon-fri 09:00-17:00"),
)


def test_an_organisation_and_a_clinic_are_added_and_listed(prom_on_both: Prom) -> None:
    prom_on_both("organisation", "add", "Group")
    added = prom_on_both(*CLINIC, "--json")

    listed = prom_on_both("clinic", "list", "--json")

    assert (added.exit_code, listed.exit_code) == (0, 0)
    assert json.loads(listed.stdout) == [json.loads(added.stdout)]
    assert json.loads(listed.stdout)[0]["organisation"] == "Group"


def test_the_same_again_is_told_and_not_done(prom: Prom, clinic: str) -> None:
    again = [prom("organisation", "add", "Group"), prom(*CLINIC)]

    assert [one.exit_code for one in again] == [1, 1]
    assert [one.stderr for one in again] == [
        "Error: There is an organisation named Group already.\n",
        "Error: There is a clinic with the code north already.\n",
    ]


def test_a_time_zone_that_is_none_is_refused(prom: Prom) -> None:
    prom("organisation", "add", "Group")

    told = prom(*[word.replace("Europe/London", "Mars/Base") for word in CLINIC])

    assert (told.exit_code, told.stderr.split(":")[1]) == (1, " time_zone")


def test_activation_names_everything_that_is_missing_at_once(prom: Prom, clinic: str) -> None:
    told = prom("clinic", "activate", clinic)

    assert told.exit_code == 1
    for missing in (
        "approved_by: Needed before the clinic can go live.",
        "own_wording_accepted_by: Needed before the clinic can go live. Asked in own words: groc-1.0 in en, ",
        "escalation: Needed: `prom clinic escalation north` names owner, deputy and manager.",
    ):
        assert missing in told.stderr


def test_who_is_told_of_flags_is_written_in_parts_and_shown(prom_on_both: Prom) -> None:
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)
    escalation = ("clinic", "escalation", "north")

    nobody = prom_on_both(*escalation)
    partly = prom_on_both(*escalation, "--owner", "Olga", "--working-hours", "whenever")
    prom_on_both(*escalation, *PLAN, "--closed-on", "2026-12-25")
    shown = prom_on_both(*escalation, "--deputy", "Dora", "--json")

    assert (nobody.exit_code, nobody.stderr.split(".")[0]) == (1, "Error: north has no escalation yet")
    assert (partly.exit_code, partly.stderr) == (
        1,
        "Error: working_hours: Write them as: mon-thu 09:00-17:00, fri 09:00-13:00.\n",
    )
    told = json.loads(shown.stdout)
    assert [(one["step"], one["name"], one["confirmed"]) for one in told["people"]] == [
        ("owner", "Olga", "no"),
        ("deputy", "Dora", "no"),
        ("manager", "Maya", "no"),
    ]
    assert told["closed_on"] == ["2026-12-25"]
    assert told["working_hours"].startswith("mon 09:00-17:00, tue")


def test_texts_of_a_clinic_are_written_and_listed_by_language(prom_on_both: Prom) -> None:
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)
    texts = ("clinic", "texts", "north")

    said = ("--language", "es", "--reply-hours", "De lunes a viernes", "--urgent-text", "Llame al 999.")
    told = prom_on_both(*texts, *said)
    own = prom_on_both(*texts, "--language", "en", "--urgent-text", "Call 112.")
    listed = prom_on_both(*texts, "--json")

    assert (told.exit_code, own.exit_code) == (0, 0)
    assert "Llame al 999." in told.stdout
    assert json.loads(listed.stdout) == [
        {"language": "en", "reply_hours": "Weekdays", "urgent_text": "Call 112."},
        {"language": "es", "reply_hours": "De lunes a viernes", "urgent_text": "Llame al 999."},
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--language", "es"), 2),
        (("--urgent-text", "Llame."), 2),
        (("--language", "es", "--urgent-text", "Llame."), 1),
        (("--language", "tlh", "--urgent-text", "x", "--reply-hours", "x"), 1),
    ],
)
def test_texts_without_a_language_and_the_other_way_round_are_refused(
    prom: Prom, clinic: str, words: tuple[str, ...], code: int
) -> None:
    assert prom("clinic", "texts", clinic, *words).exit_code == code


def test_nobody_has_to_accept_own_wording_where_all_of_it_is_official(
    prom: Prom, clinic: str, sqlite_url: str, clock: Clock
) -> None:
    engine = make_engine(sqlite_url)
    with Session(engine) as session, session.begin():
        found = session.scalars(select(Clinic)).one()
        for instrument in instruments.all_instruments():
            builders.a_pack(session, found, instrument.ref, now=clock.now())
    engine.dispose()

    prove(prom, sqlite_url)
    told = prom("clinic", "activate", clinic)
    done = prom("clinic", "activate", clinic, *ACTIVATION[:2])

    assert (told.exit_code, told.stderr.count("Needed")) == (1, 1)
    assert (done.exit_code, done.stdout) == (0, "The clinic north is live.\n")


def prove(prom: Prom, url: str) -> None:
    """Have owner, deputy and manager named, emailed, and confirming that it arrived."""
    prom("clinic", "escalation", "north", *PLAN)
    assert prom("clinic", "test-escalation", "north").exit_code == 0
    engine = make_engine(url)
    with Session(engine) as session, session.begin():
        for alert in session.scalars(select(Alert)):
            escalation.confirm(alert, now=Clock(dt.datetime.now(dt.UTC)).now())
    engine.dispose()


def test_a_clinic_with_everything_settled_goes_live(prom: Prom, clinic: str, sqlite_url: str) -> None:
    prove(prom, sqlite_url)
    told = prom("clinic", "activate", clinic, *ACTIVATION)

    listed = json.loads(prom("clinic", "list", "--json").stdout)
    assert (told.exit_code, listed[0]["activated_at"] is not None) == (0, True)


def test_an_account_is_added_with_a_password_that_is_never_an_argument(
    prom: Prom, clinic: str, sqlite_url: str
) -> None:
    told = prom(
        *("user", "add", "Sam@example.org", "--name", "Sam", "--clinic", clinic, "--role", "clinician"),
        text="correct horse battery staple\n",
    )

    with session_on(sqlite_url) as session:
        user = staff.verify_password(session, "sam@example.org", "correct horse battery staple")
    assert (told.exit_code, user.name) == (0, "Sam")


@pytest.mark.parametrize(
    ("changes", "text", "code"),
    [
        ({}, "short\n", 1),
        ({}, "", 1),
        ({"clinician": "king"}, "long enough a password\n", 2),
        ({"north": "south"}, "long enough a password\n", 1),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    prom: Prom, clinic: str, changes: dict[str, str], text: str, code: int
) -> None:
    words = ("user", "add", "sam@example.org", "--name", "Sam", "--clinic", clinic, "--role", "clinician")

    told = prom(*[changes.get(word, word) for word in words], text=text)

    assert told.exit_code == code


def test_a_key_is_shown_once_works_and_is_revoked(prom: Prom, clinic: str, sqlite_url: str, clock: Clock) -> None:
    created = prom("apikey", "create", "--clinic", clinic, "--scope", "flags:read", "--scope", "flags:write", "--json")
    key = json.loads(created.stdout)
    listed = prom("apikey", "list", "--clinic", clinic)

    before = authenticate(sqlite_url, key["key"], clock)
    revoked = prom("apikey", "revoke", key["prefix"])
    after = authenticate(sqlite_url, key["key"], clock)

    assert (created.exit_code, revoked.exit_code) == (0, 0)
    assert key["prefix"] in listed.stdout
    assert key["key"] not in listed.stdout
    assert before is not None
    assert before.scopes == {"flags:read", "flags:write"}
    assert after is None


def test_a_key_is_rotated_and_the_list_warns_that_the_old_one_ends(prom: Prom, clinic: str) -> None:
    created = json.loads(prom("apikey", "create", "--clinic", clinic, "--scope", "flags:read", "--json").stdout)

    rotated = prom("apikey", "rotate", created["prefix"])
    listed = prom("apikey", "list", "--clinic", clinic)
    again = prom("apikey", "rotate", created["prefix"])

    assert (rotated.exit_code, again.exit_code) == (0, 1)
    assert rotated.stdout.startswith("prom_")
    assert f"The key {created['prefix']} works until " in rotated.stderr
    assert f"Warning: {created['prefix']} ends on " in listed.stderr
    assert rotated.stdout.strip() not in listed.stdout


def test_a_key_expires_when_its_day_begins(prom: Prom, clinic: str, sqlite_url: str) -> None:
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = today + dt.timedelta(days=2)
    clock = Clock(day - dt.timedelta(seconds=1))
    asked = ("apikey", "create", "--clinic", clinic, "--scope", "flags:read", "--expires-on")
    created = prom(*asked, f"{day:%Y-%m-%d}")

    before = authenticate(sqlite_url, created.stdout.strip(), clock)
    clock.advance(seconds=1)
    after = authenticate(sqlite_url, created.stdout.strip(), clock)

    assert (before is not None, after) == (True, None)
    assert prom(*asked, f"{today:%Y-%m-%d}").exit_code == 1


def test_a_key_of_an_organisation_reads_reports_and_nothing_else(prom: Prom, clinic: str) -> None:
    reports = prom("apikey", "create", "--organisation", "Group", "--scope", "reports:read")
    flags = prom("apikey", "create", "--organisation", "Group", "--scope", "flags:read")

    assert (reports.exit_code, flags.exit_code) == (0, 1)


@pytest.mark.parametrize("owner", [(), ("--clinic", "north", "--organisation", "Group")])
def test_a_key_belongs_to_a_clinic_or_to_an_organisation(prom: Prom, clinic: str, owner: tuple[str, ...]) -> None:
    assert prom("apikey", "create", *owner, "--scope", "reports:read").exit_code == 2


def test_a_key_that_is_not_there_cannot_be_revoked(prom: Prom) -> None:
    assert prom("apikey", "revoke", "prom_nothing").exit_code == 1


@contextlib.contextmanager
def session_on(url: str) -> Iterator[Session]:
    """Open a session on the database of a command."""
    engine = make_engine(url)
    with Session(engine) as session:
        yield session
    engine.dispose()


def authenticate(url: str, key: str, clock: Clock) -> access.Principal | None:
    with session_on(url) as session:
        return access.authenticate_key(session, key, secret=SECRET.encode(), now=clock.now())
