"""A definition that contradicts itself is refused, and the message names the file and the key."""

from pathlib import Path

import pytest

import instruments
from instruments import definition_file
from instruments.errors import DefinitionError

SOUND = """
key = "knee"
version = "1.0"
title = "Knee"
recall = "today"
intro = "Think of your knee."
source = "A paper"
licence = "Free"
wording = "own"
language = "en"
na_text = "Does not apply"
items = [
    { code = "K1", section = "Pain", kind = "choice", options = "three", text = "Pain" },
    { code = "K2", section = "Pain", kind = "choice", options = "three", text = "More pain" },
    { code = "V1", section = "Life", kind = "vas", low_label = "Bad", high_label = "Good", text = "Life" },
]
[options]
three = ["None", "Some", "Much"]
[[scales]]
key = "pain"
title = "Pain"
items = ["K1", "K2"]
combine = "mean"
min_answered = 1
map = { from = [0, 2], to = [100, 0] }
range = [0, 100]
best = 100
"""

SUM = (
    'combine = "mean"\nmin_answered = 1\nmap = { from = [0, 2], to = [100, 0] }',
    'combine = "sum"\nmin_answered = 2',
)


def parse(text: str) -> instruments.Instrument:
    return definition_file.parse(text, find=instruments.find)


def test_a_sound_definition_is_read() -> None:
    knee = parse(SOUND)

    assert (knee.ref, knee.item_codes) == ("knee-1.0", ("K1", "K2", "V1"))
    assert instruments.score(knee, {"K1": 1})["pain"].value == 50.0


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('key = "knee"', "", "key"),
        ('wording = "own"', 'wording = "mine"', "wording"),
        ('recall = "today"', "recall = 7", "recall"),
        ('source = "A paper"', 'source = "A paper"\nsauce = "x"', "sauce"),
        ('code = "K2"', 'code = "K1"', "items"),
        ('code = "K1"', 'code = "K 1"', "items.K 1"),
        ('text = "Pain"', 'text = ""', "items.K1"),
        ('text = "Pain"', 'text = "Pain", minimum = true', "items.K1.minimum"),
        ('text = "Pain"', 'text = "Pain", colour = "red"', "items.K1.colour"),
        ('text = "Pain"', 'text = "Pain", maximum = 3', "items.K1"),
        ('text = "Pain"', 'text = "Pain", minimum = -127', "items.K1"),
        ('text = "Pain"', 'text = "Pain", tier = "urgent"', "items.K1"),
        ('kind = "choice", options = "three", text = "Pain"', 'kind = "slider", text = "Pain"', "items.K1"),
        ('options = "three", text = "Pain"', 'options = "four", text = "Pain"', "items.K1.options"),
        ('options = "three", text = "Pain"', 'text = "Pain"', "items.K1"),
        ('["None", "Some", "Much"]', '["None", "", "Much"]', "items.K1"),
        ('["None", "Some", "Much"]', "[1, 2, 3]", "options.three"),
        ('low_label = "Bad"', 'low_label = ""', "items.V1"),
        ('text = "Life"', 'text = "Life", maximum = 10', "items.V1"),
        ('na_text = "Does not apply"', "derives_from = 3", "derives_from"),
        ('na_text = "Does not apply"', 'derives_from = "no-such-1.0"', "derives_from"),
        ("items = [\n", 'items = [ "P1",\n', "items.P1"),
        ("items = [\n", "items = [ 7,\n", "items"),
        ('items = ["K1", "K2"]', 'items = ["K1", "K9"]', "scales.pain"),
        ('items = ["K1", "K2"]', 'items = ["K1", "K1"]', "scales.pain"),
        ('items = ["K1", "K2"]', 'items = ["K1", 2]', "scales.pain.items"),
        ('items = ["K1", "K2"]', 'items = ["K1", "V1"]', "scales.pain"),
        ('items = ["K1", "K2"]', 'scales = ["total"]', "scales.pain"),
        ('items = ["K1", "K2"]\n', "", "scales.pain"),
        ('combine = "mean"', 'combine = "median"', "scales.pain"),
        ('combine = "mean"', 'combine = "sum"', "scales.pain.min_answered"),
        ('combine = "mean"', 'combine = "mean"\nweights = [1, 2]', "scales.pain.weights"),
        ('combine = "mean"', 'combine = "weighted_sum"', "scales.pain.weights"),
        ('combine = "mean"', 'combine = "weighted_sum"\nweights = [1]', "scales.pain.weights"),
        ("min_answered = 1\n", "", "scales.pain"),
        ("min_answered = 1", "min_answered = 0", "scales.pain.min_answered"),
        ("min_answered = 1", "min_answered = 3", "scales.pain.min_answered"),
        ("min_answered = 1", "min_answered_share = 1.5", "scales.pain.min_answered_share"),
        ("min_answered = 1", "min_answered = 1\nmin_answered_share = 0.5", "scales.pain"),
        ("from = [0, 2]", "from = [0, 4]", "scales.pain.map"),
        ("from = [0, 2]", "from = [2, 0]", "map.from"),
        ("from = [0, 2]", "from = [0]", "scales.pain.map.from"),
        ("to = [100, 0]", "to = [100.5, 0]", "scales.pain.map.to"),
        ("to = [100, 0]", "to = [50, 0]", "scales.pain.range"),
        ("range = [0, 100]", "range = [100, 0]", "scales.pain.range"),
        ("best = 100", "best = 50", "scales.pain.best"),
        ("best = 100", 'best = 100\nkeys = "x"', "scales.pain.keys"),
        (SUM[0], SUM[1] + "\ntable = [100, 50, 0]", "scales.pain.table"),
        (SUM[0], SUM[1] + "\ntable = [100, 80, 90, 20, 0]", "scales.pain.table"),
        (SUM[0], SUM[1] + "\ntable = [90, 80, 50, 20, 0]", "scales.pain.range"),
    ],
)
def test_a_contradiction_is_refused_by_its_key(old: str, new: str, place: str) -> None:
    assert old in SOUND

    with pytest.raises(DefinitionError) as refused:
        parse(SOUND.replace(old, new, 1))

    assert refused.value.place == place


def test_a_sum_takes_no_item_that_may_not_apply() -> None:
    text = SOUND.replace(*SUM, 1).replace("range = [0, 100]\nbest = 100", "range = [0, 4]\nbest = 0")
    parse(text)
    text = text.replace('text = "Pain"', 'text = "Pain", na_allowed = true')

    with pytest.raises(DefinitionError, match="a sum needs items that apply"):
        parse(text)


def test_a_scale_of_scales_needs_them_before_it() -> None:
    summary = """
[[scales]]
key = "all"
title = "All"
scales = ["{}"]
combine = "mean"
min_answered = 1
range = [0, 100]
best = 100
"""

    known = parse(SOUND + summary.format("pain"))

    with pytest.raises(DefinitionError, match="unknown mood"):
        parse(SOUND + summary.format("mood"))

    assert instruments.score(known, {"K1": 1})["all"].value == 50.0


def test_the_message_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "knee-1.0.toml"
    file.write_text(SOUND.replace("best = 100", "best = 50"), encoding="utf-8")

    with pytest.raises(DefinitionError, match=r"knee-1\.0\.toml: scales\.pain\.best: must be one end"):
        definition_file.read(file, find=instruments.find)


def test_what_is_not_toml_is_refused() -> None:
    with pytest.raises(DefinitionError, match="not TOML"):
        parse("items = [")


@pytest.mark.parametrize(("share", "applicable", "required"), [(0.5, 9, 5), (0.5, 10, 5), (0.28, 25, 7), (0.5, 0, 1)])
def test_a_share_is_rounded_up_and_at_least_one(share: float, applicable: int, required: int) -> None:
    text = SOUND.replace("min_answered = 1", f"min_answered_share = {share}")

    assert parse(text).scale("pain").required(applicable) == required
