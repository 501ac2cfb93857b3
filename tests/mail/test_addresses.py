"""Which addresses a letter can be written to."""

import pytest

from prom_service.mail.addresses import is_usable

REFUSED = (
    "",
    "ada",
    "anna.@example.org",
    "a..b@example.org",
    ".a@example.org",
    "a@example..org",
    "a@example.org.",
    "a b@example.org",
    "a@example.org\n",
    "a@example.org\r\nBcc: b@example.org",
    "a@example.org, b@example.org",
    "Dr Smith <a@example.org>",
    '"a"@example.org',
    "=?utf-8?q?a?=@example.org",
    "jörg@example.org",
    "a@münchen.example.org",
    f"{'a' * 250}@example.org",
)


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_no_letter_can_be_written_to_is_not_usable(text: str) -> None:
    assert not is_usable(text)


@pytest.mark.parametrize("text", ["ada@example.org", "o'hara+hip@mail.example.org", "a.b-c_d@xn--mnchen-3ya.example"])
def test_an_address_as_people_have_them_is_usable(text: str) -> None:
    assert is_usable(text)
