"""The funnel plots and the page around them: readable with nobody, one unit, five or two hundred."""

import datetime as dt
import random
import re
import uuid
from pathlib import Path

import pandas as pd
import pypdfium2
import pytest

from prom_service.reports import ReportQuery
from prom_service.reports.comparison import KIND
from prom_service.reports.comparison.charts import improved_funnels, over_limit_funnel
from prom_service.reports.comparison.extract import Extract
from prom_service.reports.comparison.labels import Label, labels
from prom_service.reports.comparison.layouts import SHARE_OVER
from prom_service.reports.forms import export
from prom_service.reports.layout import finish
from prom_service.reports.report import Report, report_of
from tests.support.browser import accessibility_faults, texts_cut_off, too_wide

FRAME = (44.0, 58.0, 392.0, 286.0)
HOLLOW, CIRCLE, SQUARE, DIAMOND = 'fill="#fff" fill-opacity="0"', "<circle", 'width="7"', "l5 5l-5 5l-5 -5z"
UNCLEAR = "h6v6h-6z"
NONE_DRAWN = {HOLLOW: 1, CIRCLE: 2, SQUARE: 1, DIAMOND: 1, UNCLEAR: 1}  # The key alone.


def with_units(number: int, *, audience: str = "clinic") -> Report:
    """A report of that many units, each with 20 to 400 episodes; every third of them asks in our own wording."""
    chance = random.Random(number)
    columns = ["group", "closed", "over", "due", "eligible", "responded", "wording", "improved", "episodes"]
    cells = []
    for unit in range(number):
        share = chance.gauss(0.6, 0.1)
        for answered, count in ((True, chance.randint(15, 320)), (False, chance.randint(5, 80))):
            better = round(count * share) if answered else 0
            wording = ("own" if unit % 3 == 2 else "official") if answered else ""
            same = (f"clinic-{unit:03}", True, unit % 4 == 0, True, True, answered, wording)
            cells += [(*same, True, better), (*same, False, count - better)]
    people = [(True, "age", "", 45.0, 9), (False, "age", "", 50.0, 9), (True, "sex", "female", 0.0, 9)]
    facts = Extract(
        units=pd.DataFrame(cells, columns=columns),
        people=pd.DataFrame(people, columns=["responded", "characteristic", "category", "value", "episodes"]),
        rules=pd.DataFrame({"pathway": ["hip-related-pain-1"], "rule_version": ["1"]}),
        clinics=pd.DataFrame({"code": ["north"], "name": ["North"]}),
    )
    period = dt.date(2026, 1, 1), dt.date(2026, 7, 1)
    as_of = dt.datetime(2026, 8, 1, tzinfo=dt.UTC)
    return report_of(KIND, facts, ReportQuery((), uuid.uuid4(), *period, as_of, group_by="clinic", audience=audience))


def drawn(*units: tuple[str, int, int], audience: str = "clinic") -> str:
    """The funnel plot of units with so many closed episodes, so many of them over the limit."""
    counts = pd.DataFrame(units, columns=["group", "closed", "over"])
    return over_limit_funnel({"share_over_limit": finish(counts, SHARE_OVER, audience=audience)})


def marks(drawing: str) -> dict[str, int]:
    """How many marks of each kind there are beside those of the key."""
    return {mark: drawing.count(mark) - few for mark, few in NONE_DRAWN.items()}


def test_a_unit_is_marked_by_its_position_and_hollow_when_it_is_not_compared():
    drawing = drawn(("All", 1000, 500), ("in", 100, 50), ("over", 100, 60), ("far", 100, 30), ("few", 29, 10))

    assert marks(drawing) == {HOLLOW: 1, CIRCLE: 2, SQUARE: 1, DIAMOND: 1, UNCLEAR: 0}
    assert re.findall(r">(in|over|far|few)</text>", drawing) == ["far", "over"]
    assert "4 units, 4 drawn, 3 compared. Outside the limits: far: 30" in drawing


def test_a_unit_near_a_limit_has_a_mark_of_its_own():
    drawing = drawn(("All", 1000, 500), ("near", 100, 60), ("in", 400, 200), audience="quality")

    assert marks(drawing) == {HOLLOW: 0, CIRCLE: 1, SQUARE: 0, DIAMOND: 0, UNCLEAR: 1}
    assert "2 compared. Outside the limits: none. Unclear: 1." in drawing


def test_a_hidden_figure_is_not_drawn():
    drawing = drawn(("All", 1000, 500), ("a", 100, 7), ("b", 7, 0), ("c", 100, 50), audience="quality")

    assert marks(drawing) == {HOLLOW: 0, CIRCLE: 1, SQUARE: 0, DIAMOND: 0, UNCLEAR: 0}
    assert "2 units, 1 drawn, 1 compared. Outside the limits: none." in drawing


def test_each_wording_has_a_plot_of_its_own():
    drawing = improved_funnels(with_units(6).tables)

    assert re.findall(r'class="label">([^<]+)<', drawing) == ["Official wording", "Provisional wording"]
    assert drawing.count("Episodes judged") == 2
    assert drawing.count("<svg") == 1


def test_a_plot_on_which_no_unit_would_stand_is_not_drawn():
    assert drawn(("All", 50, 4), ("a", 30, 4), ("b", 20, 0), audience="quality") == ""


def test_nobody_is_no_plot():
    report = with_units(0)

    assert improved_funnels(report.tables) == over_limit_funnel(report.tables) == ""


def test_one_unit_is_compared_with_no_other():
    report = with_units(1)

    assert report.tables["share_over_limit"]["reason"].tolist() == ["", "nothing to compare with"]


@pytest.mark.parametrize("number", [1, 5, 200])
def test_names_on_a_plot_overlap_no_mark_and_no_other_name(number):
    chance = random.Random(number)
    points = [(chance.uniform(50, 390), chance.uniform(70, 280)) for _ in range(number)]
    outside = [(x, y, f"clinic-{place}", 1 if y > 180 else -1) for place, (x, y) in enumerate(points[:12])]

    written = [label for _, label in labels(outside, points, frame=FRAME)]

    boxes = [label.box() for label in written]
    assert len(written) >= min(number, 5)
    for place, box in enumerate(boxes):
        assert FRAME[0] <= box[0] < box[2] <= FRAME[2]
        assert FRAME[1] <= box[1] < box[3] <= FRAME[3]
        assert not any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in points)
        for other in boxes[:place]:
            assert box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]


def test_a_long_name_is_cut_on_the_plot():
    [(_, label)] = labels([(200.0, 150.0, "A clinic with a very long name", 1)], [(200.0, 150.0)], frame=FRAME)

    assert label == Label(207.0, 154.0, "A clinic with a v…", "start", 150.0)


def test_a_reader_is_told_how_many_units_chance_alone_puts_outside():
    few, many = (" ".join(with_units(number).notes) for number in (5, 200))

    assert "by chance alone" not in few
    assert re.search(r"Share over the limit: (\d+) figures are compared; about (\d+) of them", many).groups() == (
        "200",
        "10",
    )


def test_two_plots_fit_on_one_sheet_of_the_pdf():
    paper = pypdfium2.PdfDocument(export.render(with_units(6), "pdf"))
    sheets = [sheet.get_textpage().get_text_bounded() for sheet in paper]
    paper.close()

    [sheet] = [sheet for sheet in sheets if sheet.count("Episodes judged") == 2]
    assert "Share improved at 3 months" in sheet
    assert "Provisional wording" in sheet


@pytest.mark.parametrize("number", [0, 1, 5, 200])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_accessible_and_fits_the_screen(browser, tmp_path: Path, number, width):
    path = tmp_path / "report.html"
    path.write_bytes(export.render(with_units(number, audience="quality"), "html"))

    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())

    assert accessibility_faults(page) == []
    assert not too_wide(page)
    assert texts_cut_off(page) == []
    page.close()


def test_a_limit_is_not_parted_from_its_sign_over_a_column():
    page = export.render(with_units(3), "html").decode()

    heads = re.findall(r'<th scope="col"[^>]*>([^<]*99\.8[^<]*)</th>', page)
    assert set(heads) == {"99.8\u00a0% limit, low", "99.8\u00a0% limit, high"}
