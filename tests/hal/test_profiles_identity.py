"""Which codes a device may say: a genuine one is never refused."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from laddvakt_hal.profile import load_profile


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("abb-b23-b24", [0x42323120, 0x42323320, 0x42323420]),  # B21, B23, B24
        ("cg-em24-e1-tcp", range(1648, 1654)),
        ("cg-em300-et300", [331, 332, 335, 336, 341, 345, 346]),
        ("eastron-sdm630", [0x0070, 0x0079]),
        ("eastron-sdm72d-m-v2", [0x0089]),
        ("bender-rcmb300", [0x12345678]),
        ("sunspec-meter-20x", range(201, 205)),
        ("sunspec-meter-21x", range(211, 215)),
    ],
)
def test_no_genuine_meter_is_refused(name: str, codes: Iterable[int]) -> None:
    """Every code the vendors list."""
    point = load_profile(name).identity[0]
    assert all(point.matches(code) for code in codes)
