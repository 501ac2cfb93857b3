"""A patient's way through the pages, walked in a browser."""

from typing import Any

from prom_service.runtime import Runtime
from scheduler import jobs


def mail_what_is_due(runtime: Runtime) -> None:
    """Open what is to be open, and mail what is to be mailed."""
    jobs.open_due_administrations(runtime)
    jobs.send_due_messages(runtime)


def open_from_mailbox(page: Any) -> None:
    """Open the newest letter and follow its link."""
    page.goto("/dev/mailbox")
    page.locator(".letters a").first.click()
    page.locator("a[href*='/s/']").first.click()


def answer_page(page: Any, line: int) -> None:
    """Answer the page that is open, and press Continue."""
    forward = page.locator("button.forward")
    forward.wait_for()  # It stands below the questions: once it is there, they all are.
    for activity in page.locator(".naming input[maxlength]").all()[:1]:
        activity.fill("Climbing stairs")
    for question in page.locator("fieldset.question:not(.line)").all():
        question.locator("label").first.click()
    for number in page.locator("[data-number]").all():
        number.fill(str(line))
    with page.expect_navigation():
        forward.click()


def walk_to_the_review(page: Any, line: int) -> int:
    """Press Start and answer everything; return how many pages that took."""
    with page.expect_navigation():
        page.locator("button.forward").click()
    for walked in range(100):
        if page.url.endswith("/review"):
            return walked
        answer_page(page, line)
    raise AssertionError("the survey has no end")


def send(page: Any) -> None:
    """Say who answered, and send."""
    page.get_by_label("I answered myself").check()
    page.get_by_role("button", name="Send my answers").click()
    page.wait_for_url("**/thanks")
