"""Objects of both versions go in and come out the same, and by two transcriptions of the tables."""

from __future__ import annotations

import json

import pytest

from agent.uplink.ocpi_data import (
    NEW,
    Sample,
    changed,
    patches,
    samples,
    steps,
    without,
)
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.text import Content, Json
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.validate import check

SAMPLES = samples()
# One wrong thing that any peer might write.
WRONG: tuple[Json, ...] = (7, 1.23456, "", "å\x07", "x" * 600, [], {})
# Our rules that are in no table of the specification, only in its sentences, or that are our own.
BEYOND = {
    "a credit CDR needs it",
    "it is for credit CDRs alone",
    "only a credit CDR may have over 36",
    "a completed session needs it",
    "a visual_number needs it",
    "a uid needs it",
    "give it, a visual_number or a group_id",
    "leave it out",
    "leave them out",
    "tell each once",
    "give each its own",
    "write the latest of them",
    "write a string of 1 to 255 characters",  # values of OpenEnums, tax accounts
    "write printable ASCII of 1 to 255 characters",  # a Parking's apds_reference
}
UNSHARED = {("Credentials", "behind a hub"), ("Terminal", "everything")}
OWN_FIELDS = {"faults"}  # ours


@pytest.mark.parametrize("one", SAMPLES, ids=str)
def test_an_object_comes_out_as_it_went_in(one: Sample) -> None:
    """And may be sent: what is read by the tolerant rules and written passes the strict ones."""
    made = structs.decode(one.version, one.what, one.object)
    back = structs.encode(one.version, made)
    assert back == one.object
    assert structs.checked(one.version, one.what, one.object) == one.object
    assert structs.decode(one.version, one.what, json.loads(json.dumps(back))) == made


@pytest.mark.parametrize("one", patches(), ids=str)
def test_a_patch_may_be_sent(one: Sample) -> None:
    assert structs.checked(one.version, one.what, one.object, patch=True) == one.object
    with pytest.raises(structs.Invalid, match="last_updated is missing"):
        structs.checked(one.version, one.what, without(one.object, ("last_updated",)), patch=True)


def test_every_class_has_an_object_of_each_version() -> None:
    """A class without one would be tested by nothing here."""
    new = {"Terminal", "FinancialAdviceConfirmation"}
    classes = {one.what for one in SAMPLES}
    assert classes >= set(structs.CLASSES) - {"OfferedVersion"} - _parts()
    for version in Version:
        had = {one.what for one in SAMPLES if one.version is version}
        assert had == (classes if version is NEW else classes - new)


def _parts() -> set[str]:
    """Classes that stand only within others."""
    names = (
        "AdditionalGeoLocation BusinessDetails CdrDimension CdrLocation CdrToken ChargingPeriod "
        "ChargingProfile ChargingProfilePeriod CredentialsRole EVSEParking Endpoint EnergyContract "
        "EnergySource EnvironmentalImpact EvseFault ExceptionalPeriod GeoLocation Image Object "
        "Parking Price PriceComponent PriceLimit PublishTokenType RegularHours SignedData "
        "SignedValue StatusSchedule TariffElement TariffRestrictions TaxAmount"
    )
    return set(names.split())


# The simulator's tables know neither the role PTP, nor terminals in towns with an ö.
SHARED = [one for one in SAMPLES if (one.what, one.name) not in UNSHARED]
LARGEST = {
    one.what: one
    for one in sorted(SHARED, key=lambda one: len(str(one.object)))
    if one.version is NEW and one.what != "Fault"
}


@pytest.mark.parametrize("one", SHARED, ids=str)
def test_the_simulated_platform_takes_it(one: Sample) -> None:
    """Its tables were written without ours."""
    assert check(one.what, one.object, version=one.version.value) == []


@pytest.mark.parametrize("one", LARGEST.values(), ids=str)
def test_two_transcriptions_agree(one: Sample) -> None:
    """On the fullest object of each class, with one thing missing or wrong in it."""
    paths = [path for path in steps(one.object) if not _is_elsewhere(path)]
    spoilt = [without(one.object, path) for path in paths]
    spoilt += [changed(one.object, path, wrong) for path in paths for wrong in WRONG]
    refused = 0
    for body in spoilt:
        ours, theirs = _rights(one, body), check(one.what, body, version=one.version.value)
        assert bool(ours) == bool(theirs) or ours <= BEYOND, (body, ours, theirs)
        assert ours or not theirs, (body, theirs)
        refused += bool(ours)
    assert refused > len(paths)


def _is_elsewhere(path: tuple[str | int, ...]) -> bool:
    """Of no table of the simulator's, or within an object that is tested by itself."""
    return bool(set(path) & OWN_FIELDS or set(path[:-1]) & {"evses", "energy_mix", "token"})


def _rights(one: Sample, body: Content) -> set[str]:
    """What would be right, for each problem that we see."""
    try:
        structs.checked(one.version, one.what, body)
    except structs.Invalid as invalid:
        return {problem.right for problem in invalid.problems}
    return set()
