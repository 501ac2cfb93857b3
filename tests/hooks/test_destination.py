"""Where a webhook may lead: to public addresses only, whatever its name means."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prom_service.hooks.destination import Border, Destination, DestinationError, Resolve, is_public, resolve

PUBLIC = "93.184.215.14"
PRODUCTION = Border()
ELSEWHERE = Border(production=False)

NOT_PUBLIC = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "255.255.255.255"),
    *("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "239.1.2.3", "240.0.0.1"),
    *("192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
    *("::", "::1", "fe80::1", "fe80::1%1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::10.0.0.1", "100::1"),
    *("64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:a00:1::", "2002:7f00:1::1"),
    *("2001:0:5ef5:79fd::1", "4000::1"),
]


def leading_to(*addresses: str) -> Resolve:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def refused(url: str, border: Border = PRODUCTION, *addresses: str) -> str:
    with pytest.raises(DestinationError) as error:
        border.check(url, leading_to(*(addresses or (PUBLIC,))))
    return error.value.reason


def admitted(url: str, border: Border = PRODUCTION, *addresses: str) -> Destination:
    return border.check(url, leading_to(*(addresses or (PUBLIC,))))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_not_everybody_can_reach_is_not_public(address: str) -> None:
    assert not is_public(address)
    assert refused("https://a.example/", PRODUCTION, address) == "address_not_public"
    assert refused("https://a.example/", ELSEWHERE, address) == "address_not_public"


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "2002:101:101::1"])
def test_an_address_that_everybody_can_reach_is_public(address: str) -> None:
    assert admitted("https://a.example/", PRODUCTION, address).addresses == (address,)


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_is_judged_by_the_ipv4_address_that_it_carries(inner: object) -> None:
    carried = is_public(f"64:ff9b::{inner}")

    assert carried == is_public(str(inner))
    assert not is_public(f"::ffff:{inner}")


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    assert refused("https://a.example/", PRODUCTION, PUBLIC, "10.0.0.1") == "address_not_public"


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "[::1]"])
def test_however_the_loopback_address_is_written_it_is_refused(host: str) -> None:
    with pytest.raises(DestinationError) as error:
        PRODUCTION.check(f"https://{host}/", resolve)

    assert error.value.reason == "address_not_public"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.example/", "url_unusable"),
        ("ftp://a.example/", "url_unusable"),
        ("https:///path", "url_unusable"),
        ("a.example", "url_unusable"),
        ("", "url_unusable"),
        ("https://user@a.example/", "url_unusable"),
        ("https://user:word@a.example/", "url_unusable"),
        ("https://@a.example/", "url_unusable"),
        ("https://a.example/#top", "url_unusable"),
        ("https://a.example:port/", "url_unusable"),
        ("https://a.example:0/", "url_unusable"),
        ("https://a.example:99999/", "url_unusable"),
        ("https://[::1/", "url_unusable"),
        ("https://[fe80::1%25eth0]/", "url_unusable"),
        ("https://a.example\\@b.example/", "url_unusable"),
        ("https://a.example/a b", "url_unusable"),
        ("https://ä.example/", "url_unusable"),
        ("https://a..example/", "url_unusable"),
        ("https://a.example:8443/", "port_not_allowed"),
        ("https://a.example:80/", "port_not_allowed"),
    ],
)
def test_a_url_that_production_does_not_take_is_refused(url: str, reason: str) -> None:
    assert refused(url) == reason


def test_outside_production_any_port_is_taken_and_no_encryption_is_needed() -> None:
    found = admitted("http://a.example:8080/hook?clinic=1", ELSEWHERE)

    assert found == Destination(False, "a.example", 8080, "/hook?clinic=1", (PUBLIC,))
    assert found.authority == "a.example:8080"


def test_the_usual_port_is_not_named_to_the_receiver() -> None:
    assert admitted("https://A.example").authority == "a.example"
    assert admitted("https://A.example:443").target == "/"
    assert admitted("https://[2606:4700::1111]/").authority == "[2606:4700::1111]"


@pytest.mark.parametrize("entry", ["hooks.internal", "HOOKS.internal", "10.1.0.0/16", "10.1.2.3"])
def test_a_host_or_network_of_ones_own_may_be_private(entry: str) -> None:
    border = Border(allow=(entry,))

    assert admitted("https://hooks.internal/", border, "10.1.2.3").addresses == ("10.1.2.3",)
    assert refused("https://other.internal/", border, "10.2.0.1") == "address_not_public"
    assert refused("http://hooks.internal/", border, "10.1.2.3") == "url_unusable"


def test_a_host_of_ones_own_may_be_on_any_port() -> None:
    border = Border(allow=("hooks.internal", "10.1.0.0/16"))

    assert admitted("https://hooks.internal:8443/", border, "10.9.9.9").port == 8443
    assert admitted("https://10.1.2.3:8443/", border, "10.1.2.3").port == 8443
    assert refused("https://a.example:8443/", border) == "port_not_allowed"


def test_a_name_that_leads_nowhere_is_refused() -> None:
    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(DestinationError, match="leads to no address"):
        PRODUCTION.check("https://a.example/", unknown)
    with pytest.raises(DestinationError, match="leads to no address"):
        PRODUCTION.check(f"https://{'a' * 80}.example/", resolve)
