"""`prom user`: adding accounts and looking after them."""

import json

from tests.cli.conftest import CLINIC, Prom

ADD = ("user", "add", "Sam@example.org", "--name", "Sam Staff", "--clinic", "north", "--role", "clinician")
PASSWORD = "correct horse battery staple\n"


def test_an_account_is_added_given_another_role_reset_and_closed(prom_on_both: Prom) -> None:
    prom = prom_on_both
    prom("organisation", "add", "Group")
    prom(*CLINIC)
    prom(*ADD, text=PASSWORD)

    told = [
        prom("user", "set-role", "sam@example.org", "--clinic", "north", "--role", "clinic_admin"),
        prom("user", "reset-totp", "SAM@example.org"),
        prom("user", "deactivate", "sam@example.org"),
    ]

    assert [one.exit_code for one in told] == [0, 0, 0]
    [row] = json.loads(prom("user", "list", "--clinic", "north", "--json").stdout)
    assert (row["email"], row["clinic"], row["role"]) == ("sam@example.org", "north", "clinic_admin")
    assert row["codes_since"] is None
    assert row["deactivated_at"] is not None


def test_an_account_gets_no_role_at_a_clinic_of_another_organisation(prom: Prom, clinic: str) -> None:
    prom(*ADD, text=PASSWORD)
    prom("organisation", "add", "Elsewhere")
    prom(*("south" if word == "north" else "Elsewhere" if word == "Group" else word for word in CLINIC))

    told = prom("user", "set-role", "sam@example.org", "--clinic", "south", "--role", "clinician")

    assert told.exit_code == 1
    assert "another organisation" in told.stderr


def test_an_account_that_is_not_there_is_said_to_be_missing(prom: Prom, clinic: str) -> None:
    for command in (("deactivate",), ("reset-totp",), ("set-role", "--clinic", "north", "--role", "operator")):
        told = prom("user", command[0], "nobody@example.org", *command[1:])

        assert (told.exit_code, told.stderr) == (1, "Error: There is no account with this address.\n")
