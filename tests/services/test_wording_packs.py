"""Wording packs: whose words a patient is asked in, and that every answer knows whose they were."""

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from instruments.errors import WordingError
from prom_service.db import new_id
from prom_service.errors import InvalidInputError, NotFoundError
from prom_service.models import AnswerSet, Clinic, Episode, Patient, PinnedPack, WordingPack
from prom_service.queries.flags import FlagFilter, list_flags
from prom_service.queries.wording import Words, list_packs, words_in_force
from prom_service.runtime import Runtime
from prom_service.services import administrations, enrolment, submission, wording_packs
from tests import builders
from tests.fakes import Clock

IHOT, NPRS = "ihot-12-1.0", "nprs-1.0"


class World:
    """A clinic with one patient and one episode, and the few things that happen to its words."""

    def __init__(self, runtime: Runtime, clock: Clock, **patient: Any) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            self.patient = builders.a_patient(session, self.clinic, now=clock.now(), **patient)
            self.episode = builders.an_episode(session, self.clinic, self.patient, now=clock.now())

    def load(self, ref: str = NPRS, **changes: str) -> WordingPack:
        with self.runtime.transaction() as session:
            return builders.a_pack(session, self.clinic, ref, now=self.clock.now(), **changes)

    def withdraw(self, ref: str = NPRS, language: str = "en") -> None:
        with self.runtime.transaction() as session:
            wording_packs.withdraw_pack(session, self.clinic, ref, language, actor="test", now=self.clock.now())

    def words(self, language: str = "en", clinic: Clinic | None = None) -> Words:
        with self.runtime.reading() as session:
            return words_in_force(session, (clinic or self.clinic).id, language)

    def start(self, timepoint: str = "baseline") -> None:
        with self.runtime.transaction() as session:
            submission.start(session, self.asked(session, timepoint), now=self.clock.now())

    def submit(self, timepoint: str = "baseline", ihot: int = 40, **how: Any) -> dict[str, AnswerSet]:
        """Send complete answers; return what is kept of them by instrument."""
        with self.runtime.transaction() as session:
            administration = self.asked(session, timepoint)
            answers = builders.complete_answers(administration, self.episode, ihot=ihot)
            given = submission.submit(session, administration, answers=answers, now=self.clock.now(), **how)
            kept = session.scalars(select(AnswerSet).where(AnswerSet.response_id == given.response.id))
            return {one.instrument: one for one in kept}

    def asked(self, session: Any, timepoint: str) -> Any:
        return builders.the_administration(session, session.get_one(Episode, self.episode.id), timepoint)


@pytest.fixture
def world(runtime: Runtime, clock: Clock) -> World:
    return World(runtime, clock)


def pain(words: Words) -> tuple[str, str]:
    """Return in which words the one question about pain is asked."""
    instrument = words.instrument(NPRS)
    return instrument.wording, instrument.items[0].text.split()[0]


def test_a_pack_words_its_instrument_for_its_clinic_in_its_language(world: World) -> None:
    with world.runtime.transaction() as session:
        other = builders.a_clinic(session, now=world.clock.now())

    world.load()

    assert pain(world.words()) == ("official", "Official")
    assert (pain(world.words("es")), pain(world.words("en", other))) == (("own", "¿Qué"), ("own", "How"))
    assert world.words().instrument(IHOT).wording == "own"


def test_without_words_of_ours_in_a_language_it_is_english(world: World) -> None:
    assert pain(world.words("tlh")) == ("own", "How")


def test_the_newest_pack_is_in_force_until_it_is_withdrawn_and_then_our_own_words(world: World) -> None:
    seen = []
    for act in (lambda: world.load(mark="First"), lambda: world.load(mark="Second"), world.withdraw):
        act()
        seen.append(pain(world.words()))

    with world.runtime.reading() as session:
        listed = [
            (pack.wording, pack.in_force, bool(pack.withdrawn_at)) for pack in list_packs(session, world.clinic.id)
        ]
    assert seen == [("official", "First"), ("official", "Second"), ("own", "How")]
    assert listed == [("official", False, True), ("official", False, False)]


def test_the_pack_in_force_loaded_again_is_the_same_and_after_its_withdrawal_a_new_one(world: World) -> None:
    first, again = world.load(), world.load()
    world.withdraw()
    anew = world.load()

    assert (again.id == first.id, anew.id == first.id, anew.digest == first.digest) == (True, False, True)
    assert pain(world.words()) == ("official", "Official")


def test_the_words_of_a_past_instant_are_those_in_force_then(world: World) -> None:
    instants = [world.clock.now()]
    for act in (world.load, world.withdraw):
        world.clock.advance(days=1)
        act()
        instants += [world.clock.now() - dt.timedelta(microseconds=1), world.clock.now()]

    with world.runtime.reading() as session:
        then = [words_in_force(session, world.clinic.id, "en", at=instant) for instant in instants]
    assert [words.instrument(NPRS).wording for words in then] == ["own", "own", "official", "official", "own"]


def test_a_pack_that_is_not_whole_is_refused_with_everything_that_is_wrong(world: World) -> None:
    text = builders.pack_text("pass-1.0").replace("Q1 = {", "Q2 = {").replace('"total"', '"sum"')

    with world.runtime.transaction() as session, pytest.raises(WordingError) as refused:
        wording_packs.load_pack(session, world.clinic, text, actor="test", now=world.clock.now())

    assert {"items.Q1 is missing", "items.Q2: pass-1.0 has no such item", "scales.sum: pass-1.0 has no such scale"} <= {
        *refused.value.problems
    }
    assert world.words().packs == {}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"language" = "en"', '"language" = "de"', "language: Allowed are en, es"),
        ('"A form"', '" "', "source: Say where the words come from in at most 200"),
        ('"A form"', f'"{201 * "x"}"', "source: Say where the words come from in at most 200"),
    ],
)
def test_a_pack_nobody_could_be_asked_in_or_from_nowhere_is_refused(
    world: World, old: str, new: str, problem: str
) -> None:
    text = builders.pack_text(NPRS).replace(old, new)

    with world.runtime.transaction() as session, pytest.raises(InvalidInputError, match=problem):
        wording_packs.load_pack(session, world.clinic, text, actor="test", now=world.clock.now())


def test_what_is_not_in_force_cannot_be_withdrawn(world: World) -> None:
    world.load()
    world.withdraw()

    for ref, language in ((NPRS, "en"), (NPRS, "es"), (IHOT, "en")):
        with pytest.raises(NotFoundError, match="is in force"):
            world.withdraw(ref, language)


def test_answers_know_the_wording_and_the_pack_they_were_given_under(world: World) -> None:
    official, own = world.load(), world.load("pass-1.0", wording="own")
    world.clock.advance(days=42)

    kept = world.submit("6-weeks")

    assert {ref: (one.wording, one.pack_id) for ref, one in kept.items()} == {
        NPRS: ("official", official.id),
        "pass-1.0": ("own", own.id),
        **dict.fromkeys((IHOT, "groc-1.0", "safety-1.0"), ("own", None)),
    }


def test_what_was_begun_is_finished_in_the_same_words(world: World) -> None:
    loaded = world.load(IHOT)
    world.start()
    world.withdraw(IHOT)
    world.load(NPRS)

    kept = world.submit()

    assert (kept[IHOT].wording, kept[IHOT].pack_id) == ("official", loaded.id)
    assert (kept[NPRS].wording, kept[NPRS].pack_id) == ("own", None)


def test_pressing_start_again_does_not_change_the_words(world: World) -> None:
    world.start()
    world.load()
    world.start()

    assert world.submit()[NPRS].wording == "own"


def test_a_change_of_language_on_the_way_is_never_taken_for_official_words(world: World) -> None:
    for language in ("en", "es"):
        world.load(language=language)
    world.start()
    with world.runtime.transaction() as session:
        patient = session.get_one(Patient, world.patient.id)
        enrolment.change_patient(session, patient, {"language": "es"}, actor="test", now=world.clock.now())

    kept = world.submit()

    assert (kept[NPRS].wording, kept[NPRS].pack_id) == ("own", None)


def test_a_draft_that_is_scored_when_its_time_has_passed_is_in_the_words_it_was_begun_in(world: World) -> None:
    pack = world.load()
    world.start()
    with world.runtime.transaction() as session:
        administration = world.asked(session, "baseline")
        answers = {IHOT: {f"Q{number}": 40 for number in range(1, 13)}, NPRS: {"Q1": 4}}
        submission.save_answers(session, administration, answers, now=world.clock.now())
    world.withdraw()
    world.clock.advance(days=9)

    with world.runtime.transaction() as session:
        administrations.close_late(session, now=world.clock.now(), limit=10)
        kept = session.scalars(select(AnswerSet).where(AnswerSet.instrument == NPRS)).one()

    assert (kept.wording, kept.pack_id) == ("official", pack.id)


def test_paper_is_in_the_words_in_force_on_its_day(world: World) -> None:
    world.clock.advance(days=3)
    pack = world.load()

    before = world.submit(mode="paper", answered_at=world.clock.now() - dt.timedelta(days=1))
    after = world.submit("baseline", ihot=41, mode="paper", answered_at=world.clock.now())

    assert (before[NPRS].wording, before[NPRS].pack_id) == ("own", None)
    assert (after[NPRS].wording, after[NPRS].pack_id) == ("official", pack.id)


def test_staff_may_say_in_which_words_paper_was_answered(world: World) -> None:
    pack, _ = world.load(), world.load(IHOT)

    said = {NPRS: "official", IHOT: "own", "safety-1.0": "own"}
    kept = world.submit(mode="paper", wording=said)
    other = world.submit(ihot=41, mode="paper", wording={"safety-1.0": "official"})

    assert (kept[NPRS].wording, kept[NPRS].pack_id) == ("official", pack.id)
    assert (kept[IHOT].wording, kept[IHOT].pack_id) == ("own", None)
    assert (other["safety-1.0"].wording, other["safety-1.0"].pack_id) == ("official", None)


def test_a_word_for_the_wording_that_is_none_is_named(world: World) -> None:
    with pytest.raises(InvalidInputError) as refused:
        world.submit(mode="paper", wording={NPRS: "offical", "hoos-2.0": "own"})

    assert refused.value.errors == {
        f"wording.{NPRS}": ["Allowed are own, official."],
        "wording.hoos-2.0": [f"Not asked here. Asked are {IHOT}, {NPRS}, safety-1.0."],
    }


def test_own_words_at_the_start_and_official_ones_later_are_called_mixed_and_provisional(world: World) -> None:
    world.submit()
    world.load(IHOT)
    world.clock.advance(days=42)
    world.submit("6-weeks")

    with world.runtime.reading() as session:
        [flag] = list_flags(session, world.clinic.id, FlagFilter(kind="non_responder"))

    assert (flag["evidence"]["wording"], flag["evidence"]["provisional_wording"]) == ("mixed", True)


def test_a_text_is_read_once_whatever_the_number_of_pages(world: World) -> None:
    fetched: list[str] = []
    text = f"Words of {world.clinic.id}"
    world.load(mark=text)
    sa.event.listen(
        world.runtime.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_rest: fetched.append(statement),
    )

    seen = [world.words().instrument(NPRS) for _ in range(3)]

    assert len([statement for statement in fetched if "wording_pack.text" in statement]) == 1
    assert seen[0] is seen[1] is seen[2]
    assert seen[0].items[0].text.startswith(text)


def test_of_two_packs_loaded_at_one_moment_one_is_in_force(world: World) -> None:
    first, table = world.load(), WordingPack.__table__
    with world.runtime.reading() as session:
        row = session.execute(select(table)).mappings().one()

    with pytest.raises(sa.exc.IntegrityError), world.runtime.transaction() as session:
        session.execute(sa.insert(table), {**row, "id": new_id(), "digest": "of another text"})

    assert world.words().packs[NPRS].id == first.id


def test_a_pack_of_another_clinic_cannot_be_pinned(world: World) -> None:
    with world.runtime.transaction() as session:
        other = builders.a_clinic(session, now=world.clock.now())
        foreign = builders.a_pack(session, other, NPRS, now=world.clock.now())

    with pytest.raises(sa.exc.IntegrityError), world.runtime.transaction() as session:
        session.add(
            PinnedPack(
                clinic_id=world.clinic.id,
                administration_id=world.asked(session, "baseline").id,
                instrument=NPRS,
                pack_id=foreign.id,
                recorded_at=world.clock.now(),
            )
        )
