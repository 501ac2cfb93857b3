"""Entity tags: what is known is not sent again, and only those who saw a thing as it is may change it."""

import pytest

from tests.web.api.caller import Caller, World


def _read(world: World) -> list[str]:
    episode = f"/episodes/{world.episode.id}"
    return [
        "/instruments",
        "/instruments/hoos-2.0",
        "/patients",
        f"/patients/{world.patient.id}",
        "/episodes",
        episode,
        f"{episode}/timeline",
        f"{episode}/trajectory",
        f"{episode}/visits",
        "/flags",
        f"/flags/{world.flag_id}",
        "/flag-events",
    ]


def test_what_the_caller_has_already_is_not_sent_again(ours: Caller, world: World) -> None:
    for path in _read(world):
        tag = ours.get(path).headers["ETag"]

        again = ours.get(path, If_None_Match=tag)
        weakly = ours.get(path, If_None_Match=f'"other", W/{tag}')

        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag), path
        assert weakly.status_code == 304


def test_a_tag_changes_with_the_thing(ours: Caller, world: World) -> None:
    before = {path: ours.get(path).headers["ETag"] for path in _read(world) if "instruments" not in path}

    ours.patch(f"/patients/{world.patient.id}", {"name": "Kim"}, If_Match="*")
    ours.patch(f"/episodes/{world.episode.id}", {"clinician": "DR-2"}, If_Match="*")
    ours.put(f"/episodes/{world.episode.id}/visits/V2", {"date": str(world.today)})
    ours.post(f"/administrations/{world.administration.id}/send")
    ours.post(f"/flags/{world.flag_id}/acknowledge")
    after = {path: ours.get(path, If_None_Match=tag) for path, tag in before.items()}

    assert {path for path, answer in after.items() if answer.status_code == 304} == set()


def test_a_feed_that_has_grown_is_sent_although_the_caller_has_the_earlier_one(ours: Caller, world: World) -> None:
    tag = ours.get("/flag-events?after=0").headers["ETag"]

    ours.post(f"/flags/{world.flag_id}/acknowledge")

    assert ours.get("/flag-events?after=0", If_None_Match=tag).status_code == 200


@pytest.mark.parametrize("thing", ["patients", "episodes"])
def test_a_change_needs_the_tag_of_what_was_read(thing: str, ours: Caller, world: World) -> None:
    path = f"/{thing}/{world.patient.id if thing == 'patients' else world.episode.id}"
    change = {"name": "Kim"} if thing == "patients" else {"diagnosis": "sciatica"}
    tag = ours.get(path).headers["ETag"]

    without = ours.patch(path, change)
    changed = ours.patch(path, change, If_Match=tag)
    stale = ours.patch(path, change, If_Match=tag)
    weak = ours.patch(path, change, If_Match=f"W/{changed.headers['ETag']}")

    assert [answer.status_code for answer in (without, changed, stale, weak)] == [428, 200, 412, 412]
    assert changed.headers["ETag"] == ours.get(path).headers["ETag"]


def test_a_refused_change_changes_nothing(ours: Caller, world: World) -> None:
    path = f"/patients/{world.patient.id}"

    ours.patch(path, {"name": "Kim"}, If_Match='"stale"')

    assert ours.get(path).json["name"] == world.patient.name
