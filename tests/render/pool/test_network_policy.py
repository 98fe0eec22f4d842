"""`networkPolicy`: who gets in, and what gets out."""

from __future__ import annotations

from typing import Any

import pytest

from kit.charts import Manifest, only, render

DNS = [53, 53, 5353, 5353]  # UDP and TCP; the DNS pods of OpenShift listen on 5353


def policy(name: str, provider: str = "bare", **values: Any) -> Manifest:
    whole = {"provider": provider, "networkPolicy": {"enabled": True, **values}}
    manifests = render("inferencepool", "pool-old", whole)
    found: Manifest = only(manifests, "NetworkPolicy", name)["spec"]
    return found


def test_an_epp_reaches_what_its_egress_names_in_place_of_the_api_server_s_usual_ports() -> None:
    usual = {"ports": [{"port": 443}, {"port": 6443}]}
    own = {"ports": [{"port": 8443}], "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}
    before, after = policy("pool-old-epp")["egress"], policy("pool-old-epp", eppEgress=[own])["egress"]
    assert usual in before
    assert after == [own if rule == usual else rule for rule in before]


def test_no_egress_that_is_named_is_none_but_to_names_and_to_the_pool() -> None:
    servers, epp = (policy(name, eppEgress=[], modelServerEgress=[])["egress"] for name in ("pool-old", "pool-old-epp"))
    assert [[port["port"] for port in rule.get("ports", [])] for rule in servers] == [DNS, []]
    assert [[port["port"] for port in rule["ports"]] for rule in epp] == [DNS, [8000]]
    assert all("podSelector" in rule["to"][0] for rule in (servers[1], epp[1]))


GATEWAY = {"podSelector": {"matchLabels": {"gateway": "mine"}}}
BALANCERS = [{"ipBlock": {"cidr": cidr}} for cidr in ("35.191.0.0/16", "130.211.0.0/22")]


@pytest.mark.parametrize(("provider", "more", "ports"), [("gke", BALANCERS, [9002, 9003]), ("eks", [], [9002])])
def test_the_health_checks_of_gke_get_in(provider: str, more: list[Manifest], ports: list[int]) -> None:
    servers, epp = (policy(name, provider, gateways=[GATEWAY])["ingress"][0] for name in ("pool-old", "pool-old-epp"))
    assert servers == {"ports": [{"port": 8000}], "from": [GATEWAY, *more]}
    assert epp == {"ports": [{"port": port} for port in ports], "from": [GATEWAY, *more]}


def test_without_gateways_anyone_gets_in_at_every_provider() -> None:
    assert [policy("pool-old", provider)["ingress"][0] for provider in ("gke", "bare")] == [
        {"ports": [{"port": 8000}]}
    ] * 2
