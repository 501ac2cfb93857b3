"""The image and the compose file: what runs where, in which order, as whom, and with whose secrets."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from prom_service import settings
from prom_service.cli import main
from prom_service.mail.transport import Relay

ROOT = Path(__file__).parents[2]
SECRETS = ("PASSWORD", "SECRET", "TOKEN", "KEY")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return dict(compose["services"])


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, argument), continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, argument) for name, _, argument in (line.partition(" ") for line in lines)]


def test_the_parts_are_those_of_the_production_layout(services: dict[str, Any]) -> None:
    replicas = {name: service.get("deploy", {}).get("replicas", 1) for name, service in services.items()}

    assert replicas == {"postgres": 1, "migrate": 1, "web": 2, "scheduler": 2, "mail": 1}


@pytest.mark.parametrize(
    ("service", "command"),
    [("migrate", ["db", "upgrade"]), ("web", ["web"]), ("scheduler", ["scheduler"])],
)
def test_our_parts_run_our_image(services: dict[str, Any], service: str, command: list[str]) -> None:
    part = services[service]

    assert part["command"][: len(command)] == command
    assert (part["build"], part["image"]) == (".", "prom-service")


def test_the_heads_of_the_audit_are_kept_outside_the_database(
    services: dict[str, Any], instructions: list[tuple[str, str]]
) -> None:
    scheduler = services["scheduler"]
    folder = str(Path(scheduler["environment"]["PROM_AUDIT_HEAD_FILE"]).parent)

    assert scheduler["volumes"] == [f"heads:{folder}"]
    assert any(name == "RUN" and f"install -d -o 10001 -m 700 {folder}" in argument for name, argument in instructions)
    assert not any("heads" in str(services[other].get("volumes")) for other in services if other != "scheduler")


def test_every_command_they_run_is_one_the_service_has(
    services: dict[str, Any], instructions: list[tuple[str, str]]
) -> None:
    commands = [each["command"] for each in services.values() if "build" in each]
    commands += [json.loads(dict(instructions)["CMD"]), services["scheduler"]["healthcheck"]["test"][2:]]

    asked = [CliRunner().invoke(main, [*command, "--help"]) for command in commands]

    assert len(asked) == 5
    assert [answer.output for answer in asked if answer.exit_code != 0] == []


def test_the_database_is_ready_before_it_is_migrated(services: dict[str, Any]) -> None:
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"


@pytest.mark.parametrize("service", ["web", "scheduler"])
def test_nothing_serves_before_the_migration_is_done(services: dict[str, Any], service: str) -> None:
    waits = services[service]["depends_on"]

    assert waits["migrate"] == {"condition": "service_completed_successfully"}
    assert waits["postgres"] == {"condition": "service_healthy"}


def test_no_secret_has_a_default(services: dict[str, Any]) -> None:
    values = [
        f"{name}={value}"
        for each in services.values()
        for name, value in each.get("environment", {}).items()
        if value is not None
    ]
    defaulted = re.findall(r"\$\{(\w+):?-", "\n".join(values))
    plain = [
        value for value in values if any(word in value.partition("=")[0] for word in SECRETS) and "${" not in value
    ]

    assert [name for name in defaulted if any(word in name for word in SECRETS)] == []
    assert plain == []
    assert "${POSTGRES_PASSWORD:?" in services["web"]["environment"]["PROM_DATABASE_URL"]


def test_the_settings_of_the_compose_file_suit_production(services: dict[str, Any]) -> None:
    given = {
        "PROM_BASE_URL": "https://questions.example.org",
        "PROM_SECRET_KEY": "k" * 64,
        "POSTGRES_PASSWORD": "p" * 64,
    }

    environment = {
        name: filled_in(value, given) for name, value in services["web"]["environment"].items() if value is not None
    }

    assert settings.read(environment).in_production  # Raises, naming every fault, when it does not suit.
    assert Relay.from_url(environment["PROM_SMTP_URL"], tls="required").tls == "off"  # The catcher cannot do TLS.


def test_every_setting_of_production_reaches_the_service(services: dict[str, Any]) -> None:
    elsewhere = {"PROM_MAILBOX_DIR", "PROM_MAIL_ALLOW", "PROM_SECOND_FACTOR"}  # Without a choice in production.
    variables = {f"PROM_{field.name.upper()}" for field in dataclasses.fields(settings.Settings)}

    assert services["scheduler"]["environment"].keys() == variables - elsewhere
    assert services["web"]["environment"].keys() == variables - elsewhere - {"PROM_AUDIT_HEAD_FILE"}


def test_the_commands_of_the_readme_reach_the_database_of_the_compose_file(services: dict[str, Any]) -> None:
    real = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Running it for real")[2].partition("\n## ")[0]
    wanted = set(re.findall(r"\$\{(\w+):\?", str(services)))

    executed = re.findall(r"^docker compose exec (\w+) prom ([a-z ]+)", real, re.MULTILINE)
    asked = [CliRunner().invoke(main, [*words.split(), "--help"]) for _, words in executed]

    assert set(re.findall(r"^(\w+)=", real, re.MULTILINE)) == wanted
    assert len(executed) == 4
    assert {service for service, _ in executed} <= {"web", "scheduler"}
    assert [answer.output for answer in asked if answer.exit_code != 0] == []
    assert "./run" not in real


def filled_in(value: str, given: dict[str, str]) -> str:
    """Return what compose makes of ``${NAME:?wanted}`` and ``${NAME:-default}``."""
    return re.sub(r"\$\{(\w+):([?-])([^}]*)\}", lambda found: given[found[1]] if found[2] == "?" else found[3], value)


def test_every_lasting_part_says_whether_it_is_well(
    services: dict[str, Any], instructions: list[tuple[str, str]]
) -> None:
    without = {name for name, each in services.items() if "test" not in each.get("healthcheck", {})}

    assert without == {"migrate", "web"}  # The first ends; for the second the image has a check.
    assert "/healthz" in dict(instructions)["HEALTHCHECK"]


@pytest.mark.parametrize("service", ["migrate", "web", "scheduler"])
def test_the_log_does_not_fill_the_disk(services: dict[str, Any], service: str) -> None:
    assert services[service]["logging"] == {"driver": "local"}  # json-file, the default, is not rotated.


def test_our_ports_are_open_to_this_host_only(services: dict[str, Any]) -> None:
    ports = [port for each in services.values() for port in each.get("ports", [])]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_each_web_replica_has_a_port(services: dict[str, Any]) -> None:
    [port] = services["web"]["ports"]

    first, last = map(int, port.split(":")[1].split("-"))

    assert last - first + 1 == services["web"]["deploy"]["replicas"]


def test_images_are_named_with_a_version(services: dict[str, Any], instructions: list[tuple[str, str]]) -> None:
    bases = [argument.split()[0] for name, argument in instructions if name == "FROM"]
    images = [each["image"] for each in services.values() if "build" not in each]

    assert [image for image in bases + images if not re.search(r":v?\d", image)] == []
    assert all(base.endswith("-slim") for base in bases)


def test_the_image_runs_as_an_unprivileged_user(instructions: list[tuple[str, str]]) -> None:
    users = [argument for name, argument in instructions if name == "USER"]

    assert users
    assert users[-1] not in ("root", "0")


def test_the_image_installs_by_hash(instructions: list[tuple[str, str]]) -> None:
    installs = [argument for name, argument in instructions if name == "RUN" and "pip install" in argument]

    ours = [argument for argument in installs if argument.endswith(" .")]
    others = [argument for argument in installs if argument not in ours]

    assert len(others) == 1
    assert "--require-hashes -r requirements.lock" in others[0]
    assert all("--no-deps --no-build-isolation" in argument for argument in ours)


def test_only_what_the_image_needs_is_sent_to_its_build(instructions: list[tuple[str, str]]) -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    copied = {
        source.removeprefix("./")
        for name, argument in instructions
        if name == "COPY" and "--from" not in argument
        for source in argument.split()[:-1]
    }

    assert copied == allowed
