"""A quality analyst finds the clinic that stands out, and takes the report along as a file."""

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Clinic, Episode, EpisodeVisit, Organisation
from prom_service.runtime import Runtime
from prom_service.services import access, accounts
from prom_service.simulation.population import Size, write_population
from tests.builders import PASSWORD, SECRET, a_user
from tests.fakes import Clock
from tests.support.browser import PHONE, accessibility_faults, too_wide, window

DESK = {"width": 1280, "height": 900}
EMAIL = "alex@example.org"
OUTLIER = "clinic-0003"
IN_TIME = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
"""Outside the clinic a year is seen as it stood at its end."""
ASKED = {"from": "2025-01-01", "to": "2026-01-01", "group_by": "clinic", "format": "xlsx"}


@dataclass(frozen=True)
class Team:
    page: Any
    key: str


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; a journey is walked on one."""
    return sqlite_url


@pytest.fixture
def team(browser: Any, base_url: str, runtime: Runtime, clock: Clock) -> Iterator[Team]:
    """The analyst of five clinics with two years of care, one of which treats for long."""
    write_population(runtime.engine, Size(episodes=1_500, clinics=5, until=dt.date(2026, 2, 20)))
    with runtime.transaction() as session:
        organisation = session.scalars(sa.select(Organisation)).one()
        clinics = session.scalars(sa.select(Clinic).order_by(Clinic.code)).all()
        treat_longer(session, next(clinic for clinic in clinics if clinic.code == OUTLIER), now=IN_TIME)
        user = a_user(session, clinics[0], now=clock.now(), email=EMAIL, role="quality_analyst")
        for clinic in clinics[1:]:
            accounts.set_role(session, user, clinic, "quality_analyst")
        _key, key = access.create_api_key(
            session,
            organisation_id=organisation.id,
            clinic_id=None,
            name="warehouse",
            scopes=("reports:read",),
            secret=SECRET,
            now=clock.now(),
        )
    clock.advance(days=1)
    with window(browser, base_url, viewport=DESK) as page:
        yield Team(page, key)


def treat_longer(session: Session, clinic: Clinic, *, now: dt.datetime) -> None:
    """Have the clinic's visits serve all its closed episodes, so that each has more of them than the limit."""
    closed = sa.select(Episode.id).where(Episode.clinic_id == clinic.id, Episode.closed_on.is_not(None))
    visits = session.scalars(
        sa.select(EpisodeVisit.visit_id).where(EpisodeVisit.clinic_id == clinic.id).limit(60)
    ).all()
    held = {tuple(row) for row in session.execute(sa.select(EpisodeVisit.episode_id, EpisodeVisit.visit_id))}
    more = [
        {"clinic_id": clinic.id, "episode_id": episode, "visit_id": visit, "recorded_at": now}
        for episode in session.scalars(closed)
        for visit in visits
        if (episode, visit) not in held
    ]
    session.execute(sa.insert(EpisodeVisit), more)


def cells(workbook: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def look(page: Any) -> list[str]:
    """What is wrong with the page, on a phone and on a desk."""
    faults = []
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        faults += accessibility_faults(page)
        if too_wide(page):
            faults.append(f"wider than {size['width']}")
    return faults


def test_the_analyst_finds_the_outlier_and_gets_the_same_file_by_page_and_by_key(team: Team) -> None:
    page = team.page
    page.goto("/login")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("form button")
    page.wait_for_url("**/reports")
    faults = look(page)

    page.select_option("#report", "comparison")
    page.select_option("#period", label="2025")
    page.select_option("#group_by", "clinic")
    with page.expect_navigation():
        page.get_by_role("button", name="Show the report").click()
    faults += look(page)

    plot = page.locator("#share_over_limit ~ figure svg")
    assert "over the visit limit" in plot.first.locator("title").text_content()
    row = page.locator("#share_over_limit ~ .scroll tbody tr", has_text=OUTLIER).first
    assert "above 99.8 %" in row.inner_text()
    assert page.locator("#share_over_limit ~ .scroll tbody tr", has_text="above 99.8 %").count() == 1
    assert OUTLIER in " ".join(plot.first.locator("text").all_text_contents())
    with page.expect_download() as given:
        page.get_by_role("link", name="Excel (XLSX)").click()
    by_page = given.value.path().read_bytes()
    headers = {"Authorization": f"Bearer {team.key}"}
    by_key = page.request.get("/api/v1/reports/comparison", params=ASKED, headers=headers)

    assert by_key.status == 200
    assert cells(by_page) == cells(by_key.body())
    assert faults == []
