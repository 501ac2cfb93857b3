"""The requirement files: every package pinned by hash, nothing about the machine they were resolved on."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-test.lock"]
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def text(lock: str) -> str:
    return (ROOT / lock).read_text(encoding="utf-8")


def pins(lock: str) -> set[tuple[str, str]]:
    """Return each package with its version; one that left an older Python behind is there twice."""
    return set(PIN.findall(text(lock)))


def declared(lock: str) -> list[str]:
    """Return what pyproject.toml asks for in this file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    extra = {
        "requirements.lock": [],
        "requirements-test.lock": groups["test"],
    }
    return [*project["project"]["dependencies"], *groups["build"], *extra[lock]]


def is_met(wanted: Requirement, pinned: set[tuple[str, str]]) -> bool:
    versions = [version for name, version in pinned if name == canonicalize_name(wanted.name)]
    return versions != [] and all(version in wanted.specifier for version in versions)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_requirement_file_names_no_address_and_no_path(lock: str) -> None:
    lines = [line for line in text(lock).splitlines() if not line.lstrip().startswith(("#", "--hash=sha256:"))]

    assert "://" not in text(lock)
    assert not [line for line in lines if re.search(r"(^|\s)(-|/|\.|file:)|@", line)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_a_hash(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", text(lock).strip())

    assert len(blocks) == len(pins(lock))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_what_pyproject_asks_for_is_pinned(lock: str) -> None:
    pinned = pins(lock)

    wanted = [Requirement(line) for line in declared(lock)]

    assert [str(each) for each in wanted if not is_met(each, pinned)] == []


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_tests_and_the_image_use_the_versions_that_a_user_gets(lock: str) -> None:
    assert pins("requirements.lock") <= pins(lock)
