"""Single rows as readings: doors, tilt, frequency, whatever a profile has."""

from __future__ import annotations

import pytest

from hal.test_device import f32
from hal.test_roles import RELAY, device, feed
from laddvakt_hal.adapters import sensor
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.reading import Quality

METER = "eastron-sdm72d-m-v2"


@pytest.mark.parametrize(
    ("raw", "negated", "truth"),
    [(1, False, True), (0, False, False), (1, True, False), (0, True, True)],
)
async def test_a_contact_says_yes_or_no(raw: int, negated: bool, truth: bool) -> None:
    """Closed is yes, or no where the loop is wired the other way round."""
    its, wire = device(RELAY)
    door = sensor(its, "input_3", negated=negated, urgent=True)
    assert door.truth().quality is Quality.ABSENT
    await feed(its, wire, input_3=(raw,))
    assert door.truth().value is truth
    assert door.wanted == {"input_3": ReadClass.SAFETY}


async def test_a_row_says_its_number() -> None:
    """In the row's own unit, with its own time."""
    its, wire = device(METER)
    frequency = sensor(its, "frequency")
    await feed(its, wire, frequency=f32(49.98))
    assert frequency.number().value == pytest.approx(49.98, abs=1e-3)
    assert frequency.number().taken_at_s is not None
    assert frequency.wanted == {"frequency": ReadClass.NORMAL}


def test_a_row_nobody_has_is_refused() -> None:
    """With the profile's name and where to look."""
    its, _ = device(METER)
    with pytest.raises(ProfileError, match=r"no row enclosure_temp.*laddvakt bus read"):
        sensor(its, "enclosure_temp")
