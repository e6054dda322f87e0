"""The main process' side of a line that carries RTU characters: traces, asks the devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from laddvakt_sim.line_words import Message
    from laddvakt_sim.trace import Trace
    from laddvakt_sim.wire import Returned, Wire


class RtuSide:
    """Takes what a line says happened and orders the replies."""

    def __init__(
        self,
        wire: Wire,
        trace: Trace,
        order: Callable[[Message], None],
        close: Callable[[], None] | None = None,
    ) -> None:
        self._wire = wire
        self._trace = trace
        self._order = order
        self._close = close  # ends the connections of an RTU over TCP line
        self._shows: dict[int, tuple[str, ...]] = {}
        self._closing: set[int] = set()
        self._sent = 0

    def take(self, message: Mapping[str, object]) -> None:
        """Take one of "rq" (a request ended), "tx" (a reply was sent), "bad" (neither)."""
        kind, note = message["k"], str(message["n"])
        raw = bytes.fromhex(str(message["x"]))
        times_s = (float(str(message["f"])), float(str(message["l"])))
        if kind == "rq":
            self._request(raw, times_s, note)
        elif kind == "tx":
            self._sent_off(int(str(message["id"])), raw, times_s, note)
        else:
            self._trace.count_error(self._wire.name)
            self._add("request", raw, times_s, note=note)

    def _request(self, raw: bytes, times_s: tuple[float, float], note: str) -> None:
        served = self._wire.serve(raw, times_s)
        if served.note:
            self._trace.count_error(self._wire.name)
        notes = ", ".join(filter(None, (note, served.note)))
        self._add("request", raw, times_s, note=notes)
        for returned in served.replies:
            self._send(returned, times_s[1])

    def _send(self, returned: Returned, last_s: float) -> None:
        self._sent += 1
        self._shows[self._sent] = returned.shows
        if returned.closes:
            self._closing.add(self._sent)
        order: Message = {"k": "rp", "id": self._sent, "x": returned.raw.hex()}
        order |= {"n": returned.note, "at": last_s + returned.delay_s}
        if returned.patient:
            order["p"] = True
        if returned.again_s is not None:
            order["ag"] = returned.again_s
        self._order(order)

    def _sent_off(self, ident: int, raw: bytes, times_s: tuple[float, float], note: str) -> None:
        shows = self._shows.pop(ident, ())
        if note:
            self._trace.count_error(self._wire.name)
        if "collision" in note or "noise" in note:
            shows = ()
        self._add("reply", raw, times_s, shows=shows, note=note)
        if ident in self._closing and self._close is not None:
            self._closing.discard(ident)
            self._close()

    def _add(
        self,
        direction: str,
        raw: bytes,
        times_s: tuple[float, float],
        *,
        shows: Sequence[str] = (),
        note: str,
    ) -> None:
        self._trace.add(
            line=self._wire.name,
            direction="request" if direction == "request" else "reply",
            raw=raw,
            unit_at=0,
            times_s=times_s,
            shows=tuple(shows),
            note=note,
        )
