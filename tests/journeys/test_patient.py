"""A patient's way from the email to the thanks page, in a real browser on a phone."""

from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Administration, Flag, Response, SavedAnswer, Score
from prom_service.runtime import Runtime
from prom_service.services import submission
from tests.builders import a_clinic, an_episode, complete_answers, the_administration
from tests.fakes import Clock
from tests.journeys.way import mail_what_is_due, open_from_mailbox, send, walk_to_the_review
from tests.web.survey.visitor import ask

SAFETY = 14
"""Place of the first safety question at the baseline of the default pathway."""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The pages are the same on both databases; a journey is walked on one."""
    return sqlite_url


def scores(runtime: Runtime) -> dict[tuple[str, str], float | None]:
    with runtime.reading() as session:
        rows = session.execute(
            select(Administration.timepoint, Score.instrument, Score.value)
            .join(Response, Response.id == Score.response_id)
            .join(Administration, Administration.id == Response.administration_id)
        )
        return {(row.timepoint, row.instrument): row.value for row in rows}


def flags(runtime: Runtime) -> set[str]:
    with runtime.reading() as session:
        return set(session.scalars(select(Flag.kind)))


def test_from_the_email_to_thanks(page: Any, runtime: Runtime, clock: Clock):
    with runtime.transaction() as session:
        an_episode(session, a_clinic(session, now=clock.now()), now=clock.now())
    clock.advance(hours=2)
    mail_what_is_due(runtime)

    open_from_mailbox(page)
    walked = walk_to_the_review(page, line=40)
    send(page)

    assert walked == 24
    assert "Thank you" in page.locator("h1").inner_text()
    assert scores(runtime) == {("baseline", "ihot-12-1.0"): 40.0, ("baseline", "nprs-1.0"): 0.0}
    assert flags(runtime) == set()


def test_without_scripts_from_the_email_to_thanks_and_the_flag_is_there(
    page_without_scripts: Any, runtime: Runtime, clock: Clock
):
    page = page_without_scripts
    with runtime.transaction() as session:
        episode = an_episode(session, a_clinic(session, now=clock.now()), now=clock.now())
        baseline = the_administration(session, episode, "baseline")
        answers = complete_answers(baseline, episode, ihot=60, nprs=0)
        submission.submit(session, baseline, answers=answers, now=clock.now())
    clock.advance(days=42, hours=2)
    mail_what_is_due(runtime)

    open_from_mailbox(page)
    walk_to_the_review(page, line=46)
    send(page)

    assert scores(runtime)["6-weeks", "ihot-12-1.0"] == 46.0
    assert "deterioration" in flags(runtime)


@pytest.mark.parametrize("pathway", ["hip-osteoarthritis-1", "buttock-nerve-pain-1"])
def test_without_scripts_every_baseline_can_be_answered(page_without_scripts: Any, runtime: Runtime, pathway: str):
    page = page_without_scripts
    page.goto(f"/s/{ask(runtime, pathway=pathway)}")

    walk_to_the_review(page, line=46)
    page.get_by_text("You have answered every question").wait_for()
    send(page)

    assert "Thank you" in page.locator("h1").inner_text()


def test_the_line_starts_empty_and_can_be_tapped_dragged_keyed_typed_and_cleared(page: Any, runtime: Runtime):
    page.goto(f"/s/{ask(runtime)}")
    page.locator("button.forward").click()
    track, number, line = page.locator("[data-track]"), page.locator("[data-number]"), page.get_by_role("slider")
    box = track.bounding_box()
    middle = box["y"] + box["height"] / 2

    def state() -> tuple[str, str | None]:
        return number.input_value(), line.get_attribute("aria-valuetext")

    assert state() == ("", "No answer yet")
    track.tap(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert state() == ("50", "50")
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 40, middle)
    page.mouse.up()
    assert state() == ("100", "100, No pain")
    for key, value in (("PageDown", "90"), ("ArrowLeft", "89"), ("ArrowRight", "90"), ("PageUp", "100"), ("Home", "0")):
        line.press(key)
        assert number.input_value() == value
    line.press("Delete")
    assert state() == ("", "No answer yet")
    number.fill("37")
    assert state() == ("37", "37")
    page.get_by_role("button", name="Clear answer").click()
    assert state() == ("", "No answer yet")


def saved_answers(runtime: Runtime) -> list[tuple[str, str | None]]:
    with runtime.reading() as session:
        rows = session.execute(select(SavedAnswer.item, SavedAnswer.value).order_by(SavedAnswer.id))
        return [(row.item, row.value) for row in rows]


def test_every_answer_is_saved_as_it_is_given(page: Any, runtime: Runtime):
    page.goto(f"/s/{ask(runtime)}")
    page.locator("button.forward").click()
    said = page.locator("[data-saving]")

    page.locator("[data-track]").tap(position={"x": 16, "y": 10})
    page.get_by_text("Saved", exact=True).wait_for()
    page.get_by_role("button", name="Clear answer").click()
    page.get_by_text("Saved", exact=True).wait_for()
    page.get_by_role("slider").press("PageUp")
    page.get_by_text("Saved", exact=True).wait_for()

    assert said.get_attribute("role") == "status"
    assert saved_answers(runtime) == [("Q1", "0"), ("Q1", None), ("Q1", "10")]
    page.locator("button.forward").click()
    page.wait_for_url("**/2")
    assert len(saved_answers(runtime)) == 3


def test_an_answer_that_could_not_be_sent_goes_with_the_next_one(page: Any, runtime: Runtime):
    page.goto(f"/s/{ask(runtime, pathway='hip-osteoarthritis-1')}")
    page.locator("button.forward").click()
    page.goto(f"{page.url.rpartition('/')[0]}/4")
    questions = page.locator("fieldset.question")
    page.wait_for_load_state()

    page.route("**/save", lambda route: route.abort())
    questions.nth(0).locator("label").nth(1).click()
    page.get_by_text("Not saved yet").wait_for()
    page.unroute("**/save")
    before = saved_answers(runtime)
    questions.nth(1).locator("label").nth(2).click()
    page.get_by_text("Saved", exact=True).wait_for()

    assert before == []
    assert [value for _, value in saved_answers(runtime)] == ["1", "2"]


def open_first_question(page: Any, runtime: Runtime) -> None:
    page.goto(f"/s/{ask(runtime)}")
    page.locator("button.forward").click()
    page.get_by_role("slider").wait_for()


def test_an_answer_given_offline_is_saved_once_the_connection_is_back(page: Any, runtime: Runtime):
    open_first_question(page, runtime)
    page.context.set_offline(True)
    page.locator("[data-number]").fill("30")
    page.locator("[data-number]").press("Tab")
    page.get_by_text("Not saved yet").wait_for()

    page.context.set_offline(False)
    page.get_by_text("Saved", exact=True).wait_for(timeout=2000)

    assert saved_answers(runtime) == [("Q1", "30")]


def test_an_answer_that_met_a_fault_is_sent_again_after_pauses_that_grow(page: Any, runtime: Runtime):
    page.clock.install()
    open_first_question(page, runtime)
    faults = []
    page.route("**/save", lambda route: (faults.append(route.request), route.fulfill(status=503)))
    page.locator("[data-number]").fill("30")
    page.locator("[data-number]").press("Tab")
    page.get_by_text("Not saved yet").wait_for()
    for pause in (3_000, 6_000):
        with page.expect_response("**/save"):
            page.clock.run_for(pause)
        page.wait_for_timeout(100)

    page.unroute("**/save")
    with page.expect_response("**/save"):
        page.clock.run_for(12_000)
    page.get_by_text("Saved", exact=True).wait_for()

    assert len(faults) == 3
    assert saved_answers(runtime) == [("Q1", "30")]


def test_an_answer_that_was_refused_is_not_sent_again_by_itself(page: Any, runtime: Runtime):
    page.clock.install()
    open_first_question(page, runtime)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/save") else None)
    page.locator("[data-number]").fill("300")
    page.locator("[data-number]").press("Tab")
    page.get_by_text("Not saved yet").wait_for()

    page.clock.run_for(120_000)
    page.wait_for_timeout(100)

    assert len(sent) == 1


def test_offline_a_page_stays_with_its_answers_and_goes_on_once_the_connection_is_back(page: Any, runtime: Runtime):
    open_first_question(page, runtime)
    page.context.set_offline(True)
    page.locator("[data-number]").fill("30")

    page.locator("button.forward").click()
    page.get_by_text("there is no connection").wait_for()
    kept = page.locator("[data-number]").input_value()
    page.context.set_offline(False)
    page.get_by_text("Saved", exact=True).wait_for()
    page.locator("button.forward").click()
    page.wait_for_url("**/2")

    assert kept == "30"
    assert saved_answers(runtime) == [("Q1", "30")]


def test_offline_the_start_the_advice_and_the_review_stay_and_go_on_once_the_connection_is_back(
    page: Any, runtime: Runtime
):
    def stays(press: Any) -> None:
        here = page.url
        page.context.set_offline(True)
        press.click()
        page.get_by_text("There is no connection. Nothing is lost").wait_for()
        assert page.url == here
        page.context.set_offline(False)
        page.get_by_text("There is no connection").wait_for(state="hidden")

    page.goto(f"/s/{ask(runtime)}")
    forward = page.locator("button.forward")
    stays(forward)
    stays(page.get_by_role("link", name="not"))
    forward.click()
    start = page.url.rpartition("/")[0]

    page.goto(f"{start}/{SAFETY}")
    page.get_by_label("Yes").check()
    forward.click()
    page.get_by_role("heading", name="now").wait_for()
    stays(forward)
    forward.click()

    page.goto(f"{start}/review")
    page.get_by_label("I answered").check()
    stays(forward)
    stays(page.locator(".lack a").first)
    assert page.get_by_label("I answered").is_checked()
    forward.click()
    page.get_by_role("heading", name="Thank you").wait_for()


def test_a_server_on_a_machine_without_a_network_is_no_missing_connection(page: Any, runtime: Runtime):
    page.add_init_script("Object.defineProperty(navigator, 'onLine', { get: () => false })")

    start = f"/s/{ask(runtime)}"
    page.goto(start)
    with page.expect_navigation():
        page.get_by_role("link", name="not").click()
    page.goto(start)
    walk_to_the_review(page, line=40)
    send(page)

    assert "Thank you" in page.locator("h1").inner_text()


def test_advice_appears_with_the_yes(page: Any, runtime: Runtime):
    page.goto(f"/s/{ask(runtime)}")
    page.locator("button.forward").click()
    page.goto(f"{page.url.rpartition('/')[0]}/{SAFETY}")

    page.get_by_label("Yes").check()
    page.get_by_role("alert").filter(has_text="Call 999 now").wait_for()
    page.get_by_label("No").check()
    page.get_by_role("alert").wait_for(state="hidden")

    assert flags(runtime) == {"red_flag_symptom"}


def test_a_change_in_a_second_tab_after_sending_is_kept_for_the_clinic(page: Any, runtime: Runtime):
    token = ask(runtime)
    other_tab = page.context.new_page()
    page.goto(f"/s/{token}")
    page.locator("button.forward").click()
    other_tab.goto(f"/s/{token}/1")
    page.goto(f"/s/{token}")
    walk_to_the_review(page, line=40)
    send(page)

    other_tab.locator("[data-number]").fill("70")
    other_tab.locator("button.forward").click()

    other_tab.get_by_role("heading", name="Your change was kept for the clinic").wait_for()
    with runtime.reading() as session:
        assert session.scalars(select(Response.amendment).order_by(Response.number)).all() == [False, True]


def test_how_the_line_was_answered_is_kept(page: Any, runtime: Runtime):
    page.goto(f"/s/{ask(runtime)}")
    page.locator("button.forward").click()

    page.locator("[data-track]").tap()
    page.locator("button.forward").click()
    page.locator("[data-number]").fill("10")
    page.locator("button.forward").click()
    page.wait_for_url("**/3")

    with runtime.reading() as session:
        used = session.scalars(select(SavedAnswer.entered_with).order_by(SavedAnswer.id))
        assert list(used) == ["line", "number"]


def test_does_not_apply_and_a_number_take_each_others_place(page: Any, runtime: Runtime):
    token = ask(runtime)
    page.goto(f"/s/{token}")
    page.locator("button.forward").click()
    page.goto(f"/s/{token}/5")
    number, tick = page.locator("[data-number]"), page.get_by_label("This does not apply to me")

    number.fill("20")
    tick.check()
    assert number.input_value() == ""
    page.locator("[data-track]").tap()
    assert not tick.is_checked()


def test_enter_goes_forward(page: Any, runtime: Runtime):
    page.goto(f"/s/{ask(runtime)}")
    page.locator("button.forward").press("Enter")

    page.locator("[data-number]").fill("20")
    page.locator("[data-number]").press("Enter")
    page.wait_for_url("**/2")


def test_a_chosen_option_can_be_cleared(page: Any, runtime: Runtime):
    token = ask(runtime)
    page.goto(f"/s/{token}")
    page.locator("button.forward").click()
    page.goto(f"/s/{token}/13")
    page.get_by_label("7", exact=True).check()
    page.locator("button.forward").click()

    page.goto(f"/s/{token}/13")
    page.get_by_role("button", name="Clear answer").click()
    page.locator("button.forward").click()
    page.goto(f"/s/{token}/13")

    assert page.locator("input:checked").count() == 0


def test_an_emergency_yes_fills_the_screen_with_advice_and_the_survey_goes_on(page: Any, runtime: Runtime):
    token = ask(runtime)
    page.goto(f"/s/{token}")
    page.locator("button.forward").click()
    page.goto(f"/s/{token}/{SAFETY}")

    page.get_by_label("Yes").check()
    page.locator("button.forward").click()

    assert page.locator("h1").inner_text() == "Please get medical help now"
    assert "Call 999 now" in page.locator(".act").inner_text()
    assert flags(runtime) == {"red_flag_symptom"}
    page.locator("button.forward").click()
    page.wait_for_url(f"**/{SAFETY + 1}")
