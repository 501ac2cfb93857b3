"""The script `run`, with an environment whose python only writes down what it was asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
[ "$*" = "-c " ] || [ "$*" = "-m pip --version" ] || echo "python $*" >>"$LOG"
case "$*" in *"$FAIL_AT"*) [ -z "$FAIL_AT" ] || exit 1 ;; esac
"""
PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
"""


class Checkout:
    """A copy of the script and what it reads, beside an environment that installs nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        for name in ("run", "pyproject.toml", "requirements.lock", "requirements-test.lock"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "venv" / "bin").mkdir(parents=True)
        for name, script in {"python": PYTHON, "prom": PROGRAM, "ruff": PROGRAM}.items():
            (folder / "venv" / "bin" / name).write_text(script)
            (folder / "venv" / "bin" / name).chmod(0o755)

    def run(self, *arguments: str, fail_at: str = "") -> tuple[int, list[str]]:
        """Run the script; return its exit code, and what it asked of the programs of the environment."""
        self.log.write_text("")
        environment = {"VENV": "venv", "LOG": str(self.log), "FAIL_AT": fail_at, "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [self.folder / "run", *arguments], env=environment, cwd="/", capture_output=True, check=False, timeout=30
        )
        return done.returncode, self.log.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_first_start_installs_by_hash_and_then_runs_the_demo(checkout: Checkout) -> None:
    code, asked = checkout.run()

    assert code == 0
    assert asked == [
        "python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock",
        "python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .",
        "prom demo",
    ]


def test_a_later_start_asks_nothing_of_pip(checkout: Checkout) -> None:
    checkout.run()

    _, asked = checkout.run()

    assert asked == ["prom demo"]


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_requirement_is_installed(checkout: Checkout, changed: str) -> None:
    checkout.run()
    with (checkout.folder / changed).open("a") as file:
        file.write("# changed\n")

    _, asked = checkout.run()

    assert len(asked) == 3


@pytest.mark.parametrize("step", ["--require-hashes", "--editable"])
def test_an_installation_that_failed_is_begun_again(checkout: Checkout, step: str) -> None:
    failed, _ = checkout.run(fail_at=step)

    code, asked = checkout.run()

    assert failed != 0
    assert (code, len(asked)) == (0, 3)


def test_a_half_done_update_that_was_taken_back_is_installed_again(checkout: Checkout) -> None:
    lock = checkout.folder / "requirements.lock"
    before = lock.read_text()
    checkout.run()
    lock.write_text(before + "# changed\n")
    checkout.run(fail_at="--editable")
    lock.write_text(before)

    _, asked = checkout.run()

    assert len(asked) == 3


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("--port", "9000"), "prom demo --port 9000"),
        (("demo", "--patients", "20"), "prom demo --patients 20"),
        (("prom", "score", "hoos-2.0", "a b.csv"), "prom score hoos-2.0 a b.csv"),
        (("test",), "python -m pytest -n 2 --dist worksteal"),
        (("test", "--full"), "python -m pytest -n 2 --dist worksteal --full"),
        (("test", "tests/house", "--full"), "python -m pytest tests/house --full"),
        (("test", "-k", "window"), "python -m pytest -k window"),
    ],
)
def test_a_verb_becomes_a_command(checkout: Checkout, arguments: tuple[str, ...], command: str) -> None:
    _, asked = checkout.run(*arguments)

    assert asked[-1] == command


def test_an_unknown_verb_is_wrong_use(checkout: Checkout) -> None:
    code, asked = checkout.run("tset")

    assert (code, asked) == (2, [])


def test_a_fault_of_style_fails_lint(checkout: Checkout) -> None:
    (checkout.folder / "venv" / "bin" / "ruff").write_text("#!/bin/sh\nexit 1\n")

    code, _ = checkout.run("lint")

    assert code == 1
