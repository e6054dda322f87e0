"""A receiver in memory that refuses to see anything get older, or a bill come twice."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

from laddvakt_agent.uplink.client import Answer
from laddvakt_agent.uplink.errors import Missing, Unanswered
from laddvakt_agent.uplink.objects import Content


@dataclass(slots=True)
class Receiver:
    """Takes what it is told; `objects` by URL. Nothing gets older there, nor anything above it."""

    objects: dict[str, Content] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    bills: list[Content] = field(default_factory=list)
    loses: int = 0  # so many answers

    def new_id(self) -> str:
        return "00000000-0000-4000-8000-000000000000"

    async def send(
        self, method: str, url: str, body: Content | None = None, *, correlation_id: str
    ) -> Answer:
        if method == "GET":
            if url not in self.objects:
                raise Missing("not there")
            return Answer(data=self.objects[url], location_url=None)
        assert body is not None
        self._take(f"{url}/{body['id']}" if method == "POST" else url, body)
        if method == "POST":
            where = f"{url}/{body['id']}"
            assert where not in self.objects, "a bill is told once"
            self.bills.append(body)
            self.objects[where] = body
        elif method == "PUT":
            self.objects[url] = body
        elif url in self.objects:
            self.objects[url] = {**self.objects[url], **body}
        if self.loses:
            self.loses -= 1
            raise Unanswered("lost")
        return Answer(data=None, location_url=None)

    def _take(self, url: str, body: Content) -> None:
        stamp = str(body["last_updated"])
        assert stamp > "2026-11", f"{url} was told in {stamp}"
        assert stamp >= self.newest.get(url, ""), f"{url} went back to {stamp}"
        self.newest[url] = stamp
        if "/l/" in url:
            place = "/".join(url.split("/")[:7])
            self.newest[place] = max(stamp, self.newest.get(place, ""))
            for evse in cast("list[Content]", body.get("evses", [])):
                self._take(f"{place}/{evse['uid']}", evse)
                assert str(evse["last_updated"]) <= stamp
                for connector in cast("list[Content]", evse["connectors"]):
                    self._take(f"{place}/{evse['uid']}/{connector['id']}", connector)


def done(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run what never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")
