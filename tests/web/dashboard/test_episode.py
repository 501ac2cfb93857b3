"""The page of an episode: past and future, with the reason for everything that was not sent."""

import datetime as dt
import html
import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Brake, PatientChange
from prom_service.models.administration import ADMINISTRATION_STATES
from prom_service.models.message import MESSAGE_PHASES
from prom_service.models.response import MODES
from prom_service.queries.missing import NEXT_STEPS
from prom_service.runtime import Runtime
from prom_service.services import access, amendment, enrolment, identity, messages, misdelivery, standing, submission
from prom_service.services.visits import VisitDetails, record_visit
from prom_service.web.dashboard.words import CAUSES, PHASES, STATES, answered, asked, explained
from prom_service.web.dashboard.words import MODES as MODE_WORDS
from tests import builders
from tests.builders import PASSWORD, SECRET
from tests.fakes import Clock
from tests.support.browser import accessibility_faults, too_wide

AMENDED = {"ihot-12-1.0": {"Q1": 90, "Q2": None}, "safety-1.0": {"R1": 1}}


class Desk:
    """A clinic in London with a patient who answered at the start, one of its staff, and a browser without a socket."""

    def __init__(self, runtime: Runtime, clock: Clock, client: Any) -> None:
        self.runtime, self.clock, self.client = runtime, clock, client
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            builders.a_user(session, self.clinic, now=clock.now(), email="sam@example.org")
            self.patient = builders.a_patient(session, self.clinic, now=clock.now(), name="Ada Nightingale")
            self.episode = builders.an_episode(session, self.clinic, self.patient, now=clock.now())
            self.baseline = builders.the_administration(session, self.episode, "baseline")
            answers = builders.complete_answers(self.baseline, self.episode, ihot=40)
            submission.submit(session, self.baseline, answers=answers, now=clock.now())

    @property
    def path(self) -> str:
        return f"/episodes/{self.episode.id}"

    def log_in(self, email: str = "sam@example.org") -> None:
        form = {"email": email, "password": PASSWORD, "csrf_token": self.token("/login")}
        assert self.client.post("/login", data=form).status_code == 303

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(path).text)
        assert found
        return found[1]

    def shown(self, path: str = "") -> str:
        """What a page says, without its marks."""
        answer = self.client.get(path or self.path)
        assert answer.status_code == 200
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())

    def lock(self) -> uuid.UUID:
        """Type the year of birth wrongly five times at the 6-week questionnaire; return its id."""
        with self.runtime.transaction() as session:
            six_weeks = builders.the_administration(session, self.episode, "6-weeks")
            self.clock.move_to(six_weeks.target_at + dt.timedelta(hours=9))
            submission.start(session, six_weeks, now=self.clock.now())
            token = access.issue_link(session, six_weeks, secret=SECRET, now=self.clock.now())
            target = access.find_link(session, token, secret=SECRET)
            assert target
            for _ in range(5):
                identity.confirm(session, target, [1900], now=self.clock.now())
            return six_weeks.id

    def amend(self, changes: Any = AMENDED) -> None:
        with self.runtime.transaction() as session:
            amendment.amend(session, self.baseline, changes, language="en", now=self.clock.now())


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    return Desk(runtime, clock, client)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The page is the same on both databases; what it asks of them is tested on both with the queries."""
    return sqlite_url


def test_it_shows_what_was_sent_what_will_be_and_why_something_was_not_in_the_clinic_s_zone(desk: Desk) -> None:
    desk.log_in()

    page = desk.shown()

    for said in (
        "Ada Nightingale",
        "The next email: invitation for 6 weeks, 13 Apr 2026, 09:00 BST.",
        "Start Answered",
        "Invitation 2 Mar 2026, 09:00 GMT Not sent The questionnaire was completed.",
        "6 weeks Not open yet Planned for 13 Apr 2026. Open from 6 Apr 2026,",
        "Invitation 13 Apr 2026, 09:00 BST Will be sent",
        "Reminder 3 25 Apr 2026, 09:00 BST Will be sent",
        "3 months Not open yet",
        "By the link, answered 2 Mar 2026, 08:00 GMT",
        "Total ihot-12-1.0 100.0 40.0",
        "No live flags.",
        "it does not say that all is well",
    ):
        assert said in page


def test_windows_are_the_days_of_a_patient_east_of_the_clinic_and_moments_stay_in_its_zone(desk: Desk) -> None:
    with desk.runtime.transaction() as session:
        patient = builders.a_patient(session, desk.clinic, now=desk.clock.now(), time_zone="Europe/Madrid")
        episode = builders.an_episode(session, desk.clinic, patient, now=desk.clock.now())
    desk.log_in()

    page = desk.shown(f"/episodes/{episode.id}")

    assert "Times are those of Europe/London, days those of Europe/Madrid, where the patient is." in page
    assert "Planned for 2 Mar 2026. Open from 16 Feb 2026, on time before 10 Mar 2026, closed from 6 Apr 2026." in page
    assert "Recorded of the patient 2 Mar 2026, 08:00 GMT: Registered" in page


def test_it_shows_the_visits_against_the_limit_and_the_live_flags(desk: Desk, clock: Clock) -> None:
    with desk.runtime.transaction() as session:
        record_visit(session, desk.episode, "V1", VisitDetails(clock.now().date()), actor="test", now=clock.now())
    desk.amend()
    desk.log_in()

    page = desk.shown()

    assert "Visits counted: 1 of 14" in page
    assert "Urgent Red-flag symptom" in page


def test_live_flags_are_listed_the_gravest_first_and_the_newest_first_within(desk: Desk, clock: Clock) -> None:
    flags = [("urgent", "a"), ("low", "b"), ("high", "c"), ("medium", "d"), ("urgent", "e"), ("low", "f")]
    with desk.runtime.transaction() as session:
        for severity, why in flags:
            values = {"severity": severity, "checkpoint": f"checkpoint-{why}", "why": f"Because {why}."}
            builders.a_flag(session, desk.episode, now=clock.advance(minutes=1), **values)
    desk.log_in()

    page = desk.shown()

    assert re.findall(r"Because (\w)\.", page) == ["e", "a", "c", "d", "f", "b"]


def test_an_amendment_is_shown_with_what_it_changes_on_the_episode_the_flag_and_the_list(desk: Desk) -> None:
    desk.amend()
    desk.log_in()
    flag = re.search(r'href="(/flags/[^"]+)"', desk.client.get("/worklist").text)
    assert flag

    shown = [desk.shown(), desk.shown(flag[1])]

    for page in shown:
        assert "Changed by the patient after sending, on 2 Mar 2026, 08:00 GMT." in page
        assert "ihot-12-1.0, Q1 40 90" in page
        assert "ihot-12-1.0, Q2 40 no answer" in page
        assert "safety-1.0, R1 No Yes" in page
    assert "2. " not in shown[0]
    assert "answered 2 Mar 2026, 08:00 GMT; an amendment" in shown[0]
    assert "changed by the patient · 2 Mar 2026, 08:00 GMT" in desk.shown("/missing")
    assert f'href="{desk.path}#baseline"' in desk.client.get("/missing").text


def test_a_change_back_after_sending_is_an_amendment_that_says_so(desk: Desk) -> None:
    desk.amend()

    desk.amend({"ihot-12-1.0": {"Q1": 40, "Q2": 40}, "safety-1.0": {"R1": 0}})

    desk.log_in()
    assert "Everything was changed back to what stands." in desk.shown()


def test_after_four_weeks_an_amendment_is_off_the_list_and_stays_with_its_episode(desk: Desk, clock: Clock) -> None:
    desk.amend()
    desk.log_in()
    seen = []
    for days in (28, 1):
        clock.advance(days=days)
        desk.log_in()
        seen.append(("changed by the patient" in desk.shown("/missing"), "Changed by the patient" in desk.shown()))

    assert seen == [(True, True), (False, True)]


def test_a_locked_identity_check_is_shown_and_unlocked_by_staff(desk: Desk) -> None:
    six_weeks = desk.lock()
    desk.log_in()

    before = desk.shown()
    listed = desk.shown("/missing")
    done = desk.client.post(f"/administrations/{six_weeks}/unlock", data={"csrf_token": desk.token(desk.path)})
    after = desk.shown()

    assert "until 14 Apr 2026, 09:00 BST; then it unlocks by itself" in before
    assert "Identity check locked Unlocks by itself 14 Apr 2026, 09:00 BST. Call, and make sure" in listed
    assert done.headers["Location"] == f"{desk.path}#6-weeks"
    assert "then it unlocks by itself" not in after
    assert "Identity check unlocked (6 weeks), by staff" in after
    with desk.runtime.reading() as session:
        [actor] = session.scalars(select(PatientChange.actor).where(PatientChange.kind == "identity_unlocked"))
    assert actor.startswith("user:")


def test_unlocking_needs_the_form_s_token(desk: Desk) -> None:
    six_weeks = desk.lock()
    desk.log_in()

    answer = desk.client.post(f"/administrations/{six_weeks}/unlock")

    assert answer.status_code == 400
    assert "then it unlocks by itself" in desk.shown()


def test_a_report_of_the_wrong_person_is_shown_with_the_next_step(desk: Desk, clock: Clock) -> None:
    clock.advance(days=42)
    with desk.runtime.transaction() as session:
        builders.the_administration(session, desk.episode, "6-weeks").state = "open"
        patient = session.merge(desk.patient)
        misdelivery.report_wrong_person(session, patient, now=clock.now())
    desk.log_in()

    page = desk.shown()

    assert "No more emails are planned. Whoever opened the link said that it was not meant for them." in page
    assert f"Answers for 6 weeks are missing. {explained('not_me')} {NEXT_STEPS['not_me'].action}" in page
    assert "The mail server refused the address" not in page
    assert "Whoever opened a link said that it was not for them, by the link of an email" in page


def _pause(session: Any, desk: Desk) -> None:
    standing.pause(
        session, session.merge(desk.patient), until=dt.date(2026, 4, 15), actor="user:1", now=desk.clock.now()
    )


def _pause_for_long(session: Any, desk: Desk) -> None:
    standing.pause(session, session.merge(desk.patient), actor="user:1", now=desk.clock.now())


def _ask_not_to_be_emailed(session: Any, desk: Desk) -> None:
    changes = {"email_allowed": False}
    enrolment.change_patient(session, session.merge(desk.patient), changes, actor="user:1", now=desk.clock.now())


def _unsubscribe(session: Any, desk: Desk) -> None:
    standing.unsubscribe(session, session.merge(desk.patient), actor="patient", now=desk.clock.now())


def _withdraw(session: Any, desk: Desk) -> None:
    standing.withdraw(session, session.merge(desk.patient), actor="user:1", now=desk.clock.now())


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            _pause,
            (
                "The next email: reminder 1 for 6 weeks, 16 Apr 2026, 09:00 BST. "
                "The follow-up is paused. Its last day is 15 Apr 2026.",
                "Invitation 13 Apr 2026, 09:00 BST Waits The follow-up is paused.",
            ),
        ),
        (
            _pause_for_long,
            (
                "No email will go out as things are. The follow-up is paused.",
                "Reminder 1 16 Apr 2026, 09:00 BST Waits The follow-up is paused.",
            ),
        ),
        (
            _ask_not_to_be_emailed,
            (
                "No email will go out as things are. The patient does not want to be emailed.",
                "Invitation 13 Apr 2026, 09:00 BST Will not be sent The patient does not want to be emailed.",
            ),
        ),
        (
            _unsubscribe,
            (
                "No more emails are planned. The patient pressed the stop link of an email.",
                "Invitation 13 Apr 2026, 09:00 BST Not sent The patient pressed the stop link of an email.",
            ),
        ),
        (_withdraw, ("6 weeks Cancelled", "The patient has withdrawn. Emails for 6 weeks")),
    ],
)
def test_what_will_not_be_sent_says_why_beforehand(desk: Desk, what: Any, said: tuple[str, ...]) -> None:
    with desk.runtime.transaction() as session:
        what(session, desk)
    desk.log_in()

    page = desk.shown()

    assert [one for one in said if one not in page] == []


def test_an_email_that_was_put_off_says_until_when_and_why(desk: Desk) -> None:
    with desk.runtime.transaction() as session:
        six_weeks = builders.the_administration(session, desk.episode, "6-weeks")
        messages.send_now(session, six_weeks, actor="user:1", now=desk.clock.now())
    desk.log_in()

    assert "Invitation 13 Apr 2026, 09:00 BST Put off to 6 Apr 2026, 09:00 BST The time to answer has not begun." in (
        desk.shown()
    )


def test_while_sending_has_stopped_the_page_says_so(desk: Desk) -> None:
    with desk.runtime.transaction() as session:
        session.add(Brake(reason="clock_jumped", detail="the clock was set", pulled_at=desk.clock.now()))
    desk.log_in()

    assert "No email goes out at present: sending has stopped by itself." in desk.shown()


def test_another_clinic_s_episode_and_its_locks_are_not_there(desk: Desk, clock: Clock) -> None:
    six_weeks = desk.lock()
    with desk.runtime.transaction() as session:
        other = builders.a_clinic(session, now=clock.now())
        builders.a_user(session, other, now=clock.now(), email="lee@example.org")
    desk.log_in("lee@example.org")

    page = desk.client.get(desk.path)
    done = desk.client.post(f"/administrations/{six_weeks}/unlock", data={"csrf_token": desk.token("/worklist")})

    assert (page.status_code, done.status_code) == (404, 404)
    assert "Nightingale" not in page.text


@pytest.mark.parametrize(("role", "status"), [("clinic_admin", 200), ("operator", 403), ("quality_analyst", 403)])
def test_it_is_for_those_who_may_read_the_clinic_s_flags(desk: Desk, clock: Clock, role: str, status: int) -> None:
    with desk.runtime.transaction() as session:
        builders.a_user(session, desk.clinic, now=clock.now(), email="lee@example.org", role=role)
    desk.log_in("lee@example.org")

    assert desk.client.get(desk.path).status_code == status


def test_without_a_log_in_it_leads_to_it(desk: Desk) -> None:
    assert desk.client.get(desk.path).headers["Location"].startswith("/login?next=")


def test_everything_that_can_be_the_case_has_its_word() -> None:
    assert set(STATES) == set(ADMINISTRATION_STATES)
    assert set(PHASES) == set(MESSAGE_PHASES)
    assert set(MODE_WORDS) == set(MODES)
    assert set(CAUSES) == set(NEXT_STEPS)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("no_address", "There is no email address that can be used."),
        ("smtp 550", "smtp 550"),
        ("bounced", "The email came back."),
        ("not_sent:no_address", "No email was sent: There is no email address that can be used."),
        ("not_sent:never_tried", "No email was sent: never tried"),
    ],
)
def test_a_reason_and_a_cause_are_said_in_words(code: str, said: str) -> None:
    assert explained(code) == said


@pytest.mark.parametrize(
    ("value", "ref", "item", "said"),
    [
        (2, "hoos-2.0", "P2", "Moderate"),
        (0, "pass-1.0", "Q1", "No"),
        (70, "ihot-12-1.0", "Q1", "70"),
        (0, "ihot-12-1.0", "Q1", "0"),
        ("NA", "ihot-12-1.0", "Q5", "does not apply"),
        (None, "hoos-2.0", "P2", "no answer"),
        ("Put on socks", "psfs-1.0", "Q1.text", "Put on socks"),
    ],
)
def test_an_answer_is_said_as_the_patient_saw_it(value: object, ref: str, item: str, said: str) -> None:
    assert answered(value, ref, item) == said


def test_a_question_is_said_by_its_text_and_an_activity_apart_from_its_rating() -> None:
    assert asked("Q1", "ihot-12-1.0", follow_up=False) == "Pain in your hip or groin altogether"
    assert (
        asked("Q1.text", "psfs-1.0", follow_up=False)
        == f"The activity itself: {asked('Q1', 'psfs-1.0', follow_up=False)}"
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_staff_find_it_from_every_list_and_it_is_accessible(desk: Desk, page: Any, width: int) -> None:
    desk.amend()
    desk.lock()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/worklist")
    page.get_by_label("Email address").fill("sam@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    page.get_by_role("cell", name="Ada Nightingale").get_by_role("link").click()
    page.wait_for_url(f"**{desk.path}")
    faults = accessibility_faults(page)
    page.get_by_role("link", name="Red-flag symptom").click()
    page.get_by_role("link", name="All that was asked, sent and answered").click()
    page.wait_for_url(f"**{desk.path}")
    page.goto("/missing")
    faults += accessibility_faults(page)
    page.get_by_role("rowheader", name="Ada Nightingale").get_by_role("link").click()
    page.get_by_role("button", name="Unlock the identity check").click()
    page.get_by_text("Identity check unlocked (6 weeks), by staff").wait_for()

    assert faults == []
    assert not too_wide(page)
