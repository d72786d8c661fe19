"""What a party may say of itself."""

from __future__ import annotations

import msgspec
import pytest

from protocol.errors import ObjectError
from protocol.objects.profile import Contact, Profile
from protocol.values.place import Where
from tests.parties import make_profile, tree_of, vendor_bo

BODY = make_profile(contact=Contact(email="bo@bo.example", web="https://bo.example")).body


def test_a_whole_profile_reads_as_written():
    BODY.check()
    assert msgspec.convert(tree_of(BODY), Profile, builtin_types=(bytes,)) == BODY


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": ["electronics", "No Path"]},
        {"areas": [Where()]},
        {"areas": [Where(cell="8a26960d1a17fff")]},
        {"reply": msgspec.structs.replace(vendor_bo.reply(), at=[bytes(32)] * 2)},
    ],
)
def test_rules_between_fields(changes):
    with pytest.raises(ObjectError):
        msgspec.structs.replace(BODY, **changes).check()


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"party": "robot"},
        {"acts_for": "both"},
        {"domain": "Bo.example"},
        {"domain": "bo.example\n"},
        {"domain": ".bo"},
        {"domain": ""},
        {"terms": ["sd-base"]},
        {"categories": ["a"] * 41},
        {"contact": {"email": "x" * 121}},
    ],
)
def test_shapes(changes):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**tree_of(BODY), **changes}, Profile, builtin_types=(bytes,))


@pytest.mark.parametrize("domain", ["a", "bo.example", "xn--bcher-kva.example", "0.1"])
def test_domains_in_their_wire_form(domain):
    tree = {**tree_of(BODY), "domain": domain}
    assert msgspec.convert(tree, Profile, builtin_types=(bytes,)).domain == domain
