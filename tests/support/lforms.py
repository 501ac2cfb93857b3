"""LHC-Forms, the form renderer of the U.S. National Library of Medicine, in a page of the tests' browser."""

import contextlib
import datetime as dt
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import archives
from tests.support.browser import window

PACKAGE = "lforms@40.1.3"
SHA256 = "288cff4360e8a90a44e994a01422d2cf970170000ce915b5739ccc383097edd9"
FOLDER = "package/dist/lforms/"
SCRIPTS = (
    "webcomponent/assets/lib/zone.min.js",
    "webcomponent/runtime.js",
    "webcomponent/polyfills.js",
    "webcomponent/main.js",
    "fhir/R4/lformsFHIR.min.js",
)
STYLE = "webcomponent/styles.css"
ADDRESS = "http://forms.test/"
HTML = (
    f'<!doctype html><html lang="en"><meta charset="utf-8"><link rel="stylesheet" href="{STYLE}"><div id="form"></div>'
    + "".join(f'<script src="{script}"></script>' for script in SCRIPTS)
)
SHOW = """questionnaire => {
    document.getElementById('form').replaceChildren();
    return LForms.Util.addFormToPage(questionnaire, 'form', {fhirVersion: 'R4'});
}"""
RESPONSE = "() => LForms.Util.getFormFHIRData('QuestionnaireResponse', 'R4')"


class Form:
    """A page on which one Questionnaire after the other is shown and filled in, as a person would."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def show(self, questionnaire: dict[str, Any]) -> None:
        """Show the form in place of the one before."""
        self.page.evaluate(SHOW, questionnaire)
        first = questionnaire["item"][-1]["item"][0]["text"]
        self.page.locator("#form").get_by_text(first).first.wait_for()

    def invisible(self, texts: list[str]) -> list[str]:
        """Return the texts that are not to be seen, of which each must be there as often as it is named."""
        seen = [one.strip() for one in self.page.locator("#form label, #form span").all_inner_texts()]
        return [text for text in texts if seen.count(text) < texts.count(text)]

    def enter(self, link_id: str, text: str) -> None:
        """Type into the field of a question."""
        field = self.page.locator(f'[id="{link_id}/1/1"]')
        field.fill(text)
        field.blur()

    def choose(self, link_id: str, place: int) -> None:
        """Press the option at this place, from 0."""
        self.page.locator(f'input[name="radiogroup_{link_id}/1/1"]').nth(place).click()

    def is_asked(self, link_id: str) -> bool:
        """Return whether the field of a question is to be seen."""
        return bool(self.page.locator(f'[id="{link_id}/1/1"]').is_visible())

    def response(self) -> Any:
        """Return what was entered as a QuestionnaireResponse."""
        return self.page.evaluate(RESPONSE)


@contextlib.contextmanager
def forms(browser: Any, now: dt.datetime) -> Iterator[Form]:
    """Yield an empty form, of which the clock stands at ``now``."""
    home = archives.unpacked(PACKAGE, SHA256, _unpack, fetch=archives.npm)

    def answer(route: Any) -> None:
        path = route.request.url.removeprefix(ADDRESS)
        if not path:
            route.fulfill(body=HTML, content_type="text/html")
        elif path in (STYLE, *SCRIPTS):
            route.fulfill(path=home / path)
        else:
            route.abort()

    with window(browser, ADDRESS, viewport={"width": 1200, "height": 900}) as page:
        page.clock.set_fixed_time(now)
        page.route("**/*", answer)
        page.goto(ADDRESS)
        yield Form(page)


def _unpack(archive: Path, home: Path) -> None:
    """Unpack the few files that are used of a hundred."""
    with tarfile.open(archive) as package:
        for name in (STYLE, *SCRIPTS):
            member = package.extractfile(FOLDER + name)
            assert member is not None
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(member.read())
