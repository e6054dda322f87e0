"""Who was let in last, what platforms ordered, and how the card readers are, in words; pure."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.cli.client import Json, JsonObject


def permit_lines(told: Json) -> Iterator[str]:
    """The last authorisation at a connector; nothing where there was none."""
    if not isinstance(told, dict):
        return
    outcome = "let in" if told.get("allowed") else "refused"
    info = f' ("{told.get("info")}")' if told.get("info") else ""
    yield f"  card {told.get('uid')} {outcome}: {told.get('why')}{info}"


def ordered_lines(connector: JsonObject) -> Iterator[str]:
    """What platforms have ordered there: a reservation, a limit; nothing without."""
    kept, profile = connector.get("reserved"), connector.get("profile")
    if isinstance(kept, dict):
        yield f"  reserved for a customer of {kept.get('for')} until {kept.get('until')}"
    if isinstance(profile, dict) and profile.get("decides"):
        limit = f"at most {profile.get('limit_a')} A"
        yield f"  limited by a charging profile of {profile.get('of')}: {limit}"


def reader_lines(reader: JsonObject) -> Iterator[str]:
    """A reader that is away, or that nobody can understand; nothing of a good one."""
    name = reader.get("name")
    if reader.get("down"):
        yield f"reader {name}: DOWN - {reader.get('down')}"
    elif reader.get("refused") and reader.get("card_ago_s") is None:
        yield f"reader {name}: it says things, but no card was understood yet"
        yield "  check format and baud of its [[reader]]"
