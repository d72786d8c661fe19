"""Events answer one object by id, and only the other party of its thread may answer."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.objects.event import (
    Agreed,
    Asked,
    Cancelled,
    Closed,
    Confirmed,
    Event,
    Here,
    Moved,
    OtherEvent,
    Refused,
    Told,
    Void,
    check_answers,
    event_shape,
)
from tests.parties import (
    buyer_ana,
    make_acceptance,
    make_cast,
    make_confirmed,
    make_offer,
    make_profile,
    tree_of,
)

OF = b"\x04" * 32
ACCEPTANCE = make_acceptance(make_offer(make_cast(), make_profile()))
CONFIRMED = make_confirmed(ACCEPTANCE)


@pytest.mark.parametrize(
    "event",
    [
        Confirmed(of=OF, review_key=OF),
        Refused(of=OF, reason="out_of_stock"),
        Agreed(of=OF),
        Void(of=OF),
        Cancelled(of=OF, reason="no_ack"),
        Moved(of=OF, reply=buyer_ana.reply()),
        Closed(of=OF),
    ],
)
def test_a_type_tells_them_apart(event):
    tree = tree_of(event)
    assert tree["type"] == type(event).__name__.lower()
    assert msgspec.convert(tree, Event, builtin_types=(bytes,)) == event


@pytest.mark.parametrize("reason", ["", "Out", "out of stock", "a" * 41, "ok\n"])
def test_a_reason_is_a_code(reason):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(
            {"type": "refused", "of": OF, "reason": reason}, Event, builtin_types=(bytes,)
        )


def hold(body=None, **header):
    confirmed = CONFIRMED.body if body is None else body
    changed = msgspec.structs.replace(CONFIRMED.header, **header)
    confirmed.check_acceptance(changed, ACCEPTANCE.id, ACCEPTANCE.header, ACCEPTANCE.body)


def test_a_confirmation_answers_its_acceptance():
    hold()


@pytest.mark.parametrize("changes", [{"of": OF}, {"review_key": OF}])
def test_a_confirmation_of_something_else_does_not(changes):
    with pytest.raises(ObjectError) as caught:
        hold(msgspec.structs.replace(CONFIRMED.body, **changes))
    assert (caught.value.reason, caught.value.field) == (Reason.MISMATCH, "of")


@pytest.mark.parametrize("header", [{"key": OF}, {"to": OF}, {"thread": OF}])
def test_a_third_party_confirms_nothing(header):
    with pytest.raises(ObjectError) as caught:
        hold(**header)
    assert caught.value.reason is Reason.NOT_PARTY


def test_an_answer_to_a_root_starts_its_thread():
    root = msgspec.structs.replace(ACCEPTANCE.header, thread=None)
    check_answers(CONFIRMED.header, root)


def test_a_type_of_a_newer_program_is_kept_as_it_is():
    tree = {"type": "progress", "of": OF, "percent": 40}
    assert event_shape(tree) is OtherEvent
    read = msgspec.convert(tree, OtherEvent, strict=True, builtin_types=(bytes,))
    assert read == OtherEvent(type="progress", of=OF)


def test_a_known_type_is_never_read_as_another():
    assert event_shape({"type": "void", "of": OF}) is Event
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "No Type", "of": OF}, OtherEvent, builtin_types=(bytes,))


@pytest.mark.parametrize(
    "event",
    [
        Asked(of=OF),
        Told(of=OF, objects=[]),
        Told(of=OF, objects=[(b"signed", b"s" * 64)] * limits.told_objects_max),
        Here(of=OF, instance=b"i" * 16, since=2**52),
    ],
)
def test_events_after_a_loss_come_back(event: Event):
    tree = tree_of(event)
    assert msgspec.convert(tree, event_shape(tree), strict=True) == event


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("asked", {}),
        ("told", {"objects": [[b"signed", b"s"]] * (limits.told_objects_max + 1)}),
        ("told", {"objects": [[b"signed"]]}),
        ("told", {"objects": [["signed", b"s"]]}),
        ("here", {"instance": b"i" * 15, "since": 1}),
        ("here", {"instance": b"i" * 16, "since": -1}),
        ("here", {"instance": b"i" * 16}),
    ],
)
def test_events_after_a_loss_are_held_to_their_form(name: str, body: dict[str, object]):
    tree = {"type": name, **({"of": OF} if body else {}), **body}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(tree, event_shape(tree), strict=True, builtin_types=(bytes,))
