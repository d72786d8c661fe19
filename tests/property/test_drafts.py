"""Any JSON is a request that can be signed, or an error with a code and a next step."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.market.drafts import Request, read_request
from node.market.requests import read_local, write_local
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.now import HOUR_MS
from protocol.objects.envelope import sign_envelope
from protocol.objects.header import Header, Kind
from protocol.objects.reply import Reply
from tests.parties import NET, NOW_MS, buyer_ana

WALL_MS = NOW_MS + HOUR_MS + 4_321
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 300)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["must", "prefer", "public", "local", "eq", "ge", "in", "present", "between", "match"]
    )
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
DATES = st.sampled_from(
    ["+3d", "+5h", "+60d", "+9999d", "2026-12-24", "2027-02-29", "9999-12-31", "0001-01-01", "soon"]
)
MONEY = st.sampled_from(["300 USD", "1 USD", "0.01 EUR", "5", "-1 USD", "1e9 USD", "9" * 30, ""])
QUANTITIES = st.sampled_from(["1", "0", "2.5", "-1", "9" * 40, "1 each", "", "½"])
KEYS = st.sampled_from(["raw", "resolution", "weight", "Megapixels", "no such thing", ""])
VALUES = ANYTHING | st.sampled_from(["12", "yes", "1e400", "400 g", ["1", "2"], "0" * 50])
PLACES = st.sampled_from(["Park City, UT", "40.6,-111.5", "91,0", "nowhere", "872696a5affffff"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these fields, each well formed or anything at all."""
    return st.fixed_dictionaries(
        {}, optional={name: likely | ANYTHING for name, likely in fields.items()}
    )


WISHES = some(
    key=KEYS,
    op=st.sampled_from(["eq", "ge", "le", "in", "between", "present", "absent", "match"]),
    value=VALUES,
    unit=st.sampled_from(["megapixels", "g", "kg", "miles"]),
    level=st.sampled_from(["must", "prefer"]),
    weight=st.integers(1, 9),
)
ITEMS = some(
    name=st.sampled_from(["camera", "x" * 121]),
    qty=QUANTITIES,
    substitute=st.sampled_from(["exact", "similar"]),
    attrs=st.lists(WISHES, max_size=4),
)
WINDOWS = some(
    start=DATES,
    end=DATES,
    tz=st.sampled_from(["UTC", "America/Denver", "Mars/Base", "/etc/passwd", "\x00", "a" * 200]),
    flex_days=st.integers(0, 9),
)
DRAFTS = some(
    title=st.sampled_from(["Camera", "x" * 120]),
    text=st.sampled_from(["", "y" * 2000, "😀" * 2000]),
    lang=st.sampled_from(["en", "de-AT"]),
    category=st.sampled_from(["electronics/cameras/digital-cameras", "camera", "travel"]),
    codes=st.just([{"scheme": "google", "code": "142"}]),
    function=st.sampled_from(["buy", "rent"]),
    items=st.lists(ITEMS, max_size=3),
    when=st.lists(WINDOWS, max_size=3),
    where=some(near=PLACES, radius_km=st.integers(0, 30), remote=st.booleans()),
    budget=MONEY | some(max=MONEY, target=MONEY, visibility=st.sampled_from(["public", "local"])),
    readiness=st.sampled_from(["ready", "browsing"]),
    decide_by=DATES,
    vendor_req=some(domain=st.booleans(), parties=st.just(["vendor"])),
    memberships=st.lists(st.text(max_size=5) | some(programme=st.text(max_size=5)), max_size=3),
    terms=st.lists(st.sampled_from(["PDC-INTENT", "SD-BASE", "?"]), max_size=3),
    max_offers=st.integers(0, 300),
    award=st.just("single"),
    audience=st.just("open"),
    standing=st.booleans(),
    disclose=st.dictionaries(st.sampled_from(["name", "N", ""]), st.text(max_size=5)),
)
SOUND = {
    "title": "Camera",
    "category": "electronics/cameras/digital-cameras",
    "items": [{"name": "camera"}],
}


def checked(draft: Any) -> Request | None:
    """Read a draft; whatever is wrong with it is said in the one shape there is."""
    refused: LocalProtocolError
    try:
        return read_request(draft, WALL_MS)
    except LocalProtocolError as error:
        refused = error
    assert refused.code.startswith("E-")
    assert refused.sentence
    assert refused.fix
    return None


def signs(request: Request) -> None:
    """What was read can be signed as it is, with the longest way back there may be."""
    until = WALL_MS + limits.box_until_ms_max
    at = [bytes([number]) * 32 for number in range(limits.mailboxes_per_reply_max)]
    reply = Reply(box=buyer_ana.box, reader=buyer_ana.key, at=at, until=until)
    body = request.body(bytes(range(16)), reply)
    now = WALL_MS - WALL_MS % 60_000
    header = Header(
        net=NET,
        kind=Kind.INTENTCAST,
        key=buyer_ana.key,
        at=now,
        exp=request.expires,
        to=None,
        thread=None,
        prev=None,
        target=0,
    )
    text = sign_envelope(header, body, buyer_ana.seed("sign"))
    assert len(text.envelope(bytes(8))) <= limits.public_bytes_max
    local = read_local(json.loads(json.dumps(write_local(request))))
    assert local.body.title == body.title
    assert dict(local.disclose) == dict(request.disclose)
    public = text.signed
    for value in request.disclose.values():
        assert len(value) < 4 or value.encode() not in public


@given(ANYTHING)
@example({"title": "x", "category": "travel", "items": ["x"], "decide_by": "9999-12-31"})
@example({**SOUND, "when": [{"start": "9999-12-31", "end": "9999-12-31", "flex_days": 1}]})
@example({**SOUND, "max_offers": 2**70})
@example({**SOUND, "codes": [{"scheme": "google", "code": float("nan")}]})
@example({**SOUND, "items": [{"name": "x", "attrs": [{"key": "raw", "op": ["eq"], "value": 1}]}]})
@example({**SOUND, "items": [{"name": "x", "attrs": [{"key": "raw", "op": {}, "value": 1}]}]})
@example({**SOUND, "items": [{"name": "x", "attrs": [{"key": "raw", "level": ["must"]}]}]})
@example({**SOUND, "items": [{"name": "x", "attrs": [{"key": "raw", "value": []}]}]})
@example({**SOUND, "title": "\ud800"})
@example({**SOUND, "disclose": {"name": "\ud800"}})
@example({**SOUND, "budget": {"max": "1 USD", "visibility": ["local"]}})
@example({**SOUND, "audience": ["open"], "award": {}})
@example({**SOUND, "terms": [{}]})
def test_any_json_is_a_request_or_an_error_with_a_code(draft: Any):
    request = checked(draft)
    if request is not None:
        signs(request)


@given(DRAFTS)
def test_nearly_right_drafts_too(draft: dict[str, Any]):
    request = checked({**SOUND, **draft})
    if request is not None:
        signs(request)


@given(st.dictionaries(st.sampled_from(sorted({*SOUND, "when", "where", "budget"})), ANYTHING))
def test_one_wrong_field_at_a_time(draft: dict[str, Any]):
    for name, value in draft.items():
        request = checked({**SOUND, name: value})
        if request is not None:
            signs(request)


def test_the_sound_draft_is_one():
    request = checked(SOUND)
    assert request is not None
    signs(request)
    with pytest.raises(LocalProtocolError):
        read_request({}, WALL_MS)
