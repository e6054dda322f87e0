"""What the server takes from others at most, and who has asked too often."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

_KNOWN_MAX = 256  # callers and addresses remembered; the one not heard of longest is forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of the listening side; none of them stops a platform that behaves."""

    connections: int = 64  # at once
    requests: int = 16  # being answered at once, all callers together
    requests_per_caller: int = 6  # … and of one caller
    accepts_per_s: float = 20.0  # new connections; a TLS handshake is the dearest thing there is
    rate_per_s: float = 20.0  # of one caller, in the long run
    burst: int = 60  # … and at once
    total_per_s: float = 60.0  # of everybody together; guarding has the processor first
    stranger_per_s: float = 2.0  # from one address without a valid token
    stranger_burst: int = 20
    body_bytes: int = 262_144
    json_depth: int = 32
    header_bytes: int = 8_190  # of one header line
    headers: int = 64
    body_s: float = 10.0  # until the whole body must have come
    idle_s: float = 20.0  # until the whole head of the next request must have come
    answer_s: float = 20.0  # for a module to reply: clients have gone by then, a hung disk has not
    tarpit_s: float = 0.25  # a refusal for asking too often comes so much later


class TokenBucket:
    """So many at once and so many a second; times are seconds of any clock that never steps."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s, self._burst = rate_per_s, burst
        self._level, self._at_s = burst, 0.0

    def take(self, now_s: float) -> float:
        """Take one; 0.0 when there was one, else the seconds until there will be."""
        elapsed_s = max(0.0, now_s - self._at_s)
        self._level = min(self._burst, self._level + elapsed_s * self._rate_per_s)
        self._at_s = now_s
        if self._level >= 1.0:
            self._level -= 1.0
            return 0.0
        return (1.0 - self._level) / self._rate_per_s


class Buckets:
    """One bucket for each name, of a bounded number of names."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s, self._burst = rate_per_s, burst
        self._known: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, name: str, now_s: float) -> float:
        """As `TokenBucket.take`, of this name's bucket."""
        bucket = self._known.get(name)
        if bucket is None:
            bucket = self._known[name] = TokenBucket(self._rate_per_s, self._burst)
        self._known.move_to_end(name)
        while len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)
        return bucket.take(now_s)


class Busy:
    """How many requests are being answered, by name; never waits, only says no."""

    def __init__(self, most: int, most_per_name: int) -> None:
        self._most, self._most_per_name = most, most_per_name
        self._now: dict[str, int] = {}
        self.total = 0

    def enter(self) -> bool:
        """One more of anybody's; False: there are too many."""
        if self.total >= self._most:
            return False
        self.total += 1
        return True

    def leave(self) -> None:
        """One is answered."""
        self.total -= 1

    def enter_named(self, name: str) -> bool:
        """One more of this name's; False: it has too many."""
        if self._now.get(name, 0) >= self._most_per_name:
            return False
        self._now[name] = self._now.get(name, 0) + 1
        return True

    def leave_named(self, name: str) -> None:
        """One of this name's is answered."""
        self._now[name] -= 1
        if not self._now[name]:
            del self._now[name]
