"""Which networks of a machine are local ones."""

from __future__ import annotations

import ipaddress

import ifaddr
import pytest

from node.network import interfaces
from node.network.interfaces import INTERFACES_MAX, Interface, is_local, local_interfaces


def adapter(name: str, *ips: tuple[str | tuple[str, int, int], int]) -> ifaddr.Adapter:
    return ifaddr.Adapter(name, name, [ifaddr.IP(ip, prefix, name) for ip, prefix in ips])


@pytest.mark.parametrize(
    ("ip", "prefix", "network"),
    [
        ("192.168.1.4", 24, "192.168.1.0/24"),
        ("10.0.0.1", 8, "10.0.0.0/8"),
        ("172.31.255.1", 16, "172.31.0.0/16"),
        ("169.254.3.4", 16, "169.254.0.0/16"),
        ("127.0.0.1", 8, None),
        ("8.8.8.8", 24, None),
        ("100.64.0.1", 10, None),
        ("172.32.0.1", 16, None),
        ("192.168.1.4", 32, None),
        ("192.168.1.4", 0, None),
        (("fe80::1", 0, 3), 64, None),
        (("fd00::1", 0, 0), 64, None),
    ],
)
def test_only_private_ones(ip: str | tuple[str, int, int], prefix: int, network: str | None):
    found = local_interfaces([adapter("eth0", (ip, prefix))])
    assert [str(each.network) for each in found] == ([network] if network else [])


def test_in_the_order_of_names_and_none_twice():
    found = local_interfaces(
        [
            adapter("wlan0", ("10.1.1.2", 24), ("10.1.1.2", 24)),
            adapter("eth0", ("10.1.0.2", 24)),
        ]
    )
    assert [(each.name, each.address) for each in found] == [
        ("eth0", "10.1.0.2"),
        ("wlan0", "10.1.1.2"),
    ]


def test_only_the_ones_that_were_named():
    adapters = [adapter("eth0", ("10.1.0.2", 24)), adapter("docker0", ("172.17.0.1", 16))]
    assert [each.name for each in local_interfaces(adapters, ["eth0"])] == ["eth0"]
    assert local_interfaces(adapters, ["wlan0"]) == ()


def test_a_host_of_containers_is_cut_short():
    adapters = [adapter(f"veth{n:02}", (f"10.{n}.0.1", 24)) for n in range(40)]
    assert len(local_interfaces(adapters)) == INTERFACES_MAX


def test_the_machine_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter("eth0", ("10.1.0.2", 24))])
    network = ipaddress.IPv4Network("10.1.0.0/24")
    wanted = Interface(name="eth0", address="10.1.0.2", network=network)
    assert interfaces.read_interfaces() == (wanted,)


def test_a_test_range_is_not_local():
    assert not is_local(ipaddress.IPv4Address("192.0.2.1"))
