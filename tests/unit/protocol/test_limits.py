"""The bounds fit each other: nothing allowed in one room is too large for the next."""

from __future__ import annotations

from protocol import limits


def test_every_limit_is_a_positive_number():
    bounds = {
        name: value for name, value in vars(limits).items() if name.endswith(("_max", "_min"))
    }
    assert len(bounds) > 40
    assert all(isinstance(value, int) and value > 0 for value in bounds.values())


def test_a_pair_of_bounds_is_in_order():
    for name, low in vars(limits).items():
        if name.endswith("_min"):
            high = getattr(limits, name.removesuffix("_min") + "_max", None)
            assert high is None or low < high, name


def test_the_largest_sealed_object_travels_whole():
    assert limits.sealed_bytes_max < limits.letter_bytes_max < limits.message_bytes_max
    assert limits.message_bytes_max < limits.frame_bytes_min <= limits.frame_bytes_max
    assert limits.public_bytes_max < limits.sealed_bytes_max
    assert limits.first_letter_bytes_max <= limits.sealed_bytes_max


def test_a_full_box_holds_many_letters():
    assert limits.box_bytes_max >= 16 * limits.letter_bytes_max
    assert limits.depositor_letters_max < limits.box_letters_max


def test_times_of_a_deal_fit_each_other():
    assert limits.confirm_within_ms_min < limits.confirm_within_firm_ms
    assert limits.confirm_within_firm_ms < limits.confirm_within_ms_max
    assert limits.expiry_tolerance_ms <= limits.void_grace_ms < limits.skew_ms_max
    assert limits.cast_ttl_ms_max < limits.long_ttl_ms_max


def test_work_stays_within_its_nonce():
    assert limits.pow_base_bits_main + limits.pow_surplus_bits_max < 8 * limits.pow_bytes
    assert limits.pow_base_bits_other < limits.pow_base_bits_main
