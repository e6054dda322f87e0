"""What the status says of cards and readers."""

from __future__ import annotations

import pytest

from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.cli.words import status_lines

REFUSED: JsonObject = {
    "uid": "04A2…", "allowed": False, "why": "BLOCKED, says backend", "info": "Call us",
}  # fmt: skip
LET_IN: JsonObject = {"uid": "04A2…", "allowed": True, "why": "listed in the configuration"}
READER: JsonObject = {"name": "front", "down": None, "refused": 3, "card_ago_s": 1.0}


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (REFUSED, '  card 04A2… refused: BLOCKED, says backend ("Call us")'),
        (LET_IN, "  card 04A2… let in: listed in the configuration"),
        (None, None),
    ],
    ids=["refused", "let in", "nobody yet"],
)
def test_the_last_card_at_a_connector(told: JsonObject | None, line: str | None) -> None:
    connector: JsonObject = {"id": "1", "state": "available", "authorisation": told}
    lines = [part for part in status_lines({"connectors": [connector]}) if "card" in part]
    assert lines == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"down": "/dev/ttyUSB7: port missing"}, "reader front: DOWN - /dev/ttyUSB7"),
        ({"card_ago_s": None}, "no card was understood yet"),
        ({"card_ago_s": None, "refused": 0}, ""),
    ],
    ids=["well", "away", "not understood", "silent"],
)
def test_a_reader_is_only_spoken_of_when_something_is_wrong(changes: JsonObject, said: str) -> None:
    text = "\n".join(status_lines({"readers": [{**READER, **changes}]}))
    assert bool(text) is bool(said)
    assert said in text
