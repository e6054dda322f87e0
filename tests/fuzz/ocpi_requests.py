"""Hostile requests drawn from our own OpenAPI description: nearly right, wrong, and absurd."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from conformance.kit import HUB, INITIAL, TOKEN, authorization

KNOWN = ("DEMO1", "DEMO1-1", "DEMO1-2", "1", "2", "SE", "LAD", "NL", "TNM", "s-1", "RFID")
NOWHERE = "http://127.0.0.1:9/x"  # the discard port: nobody is called who does not expect it
ODD = (
    "",
    " ",
    "\x00",
    "../../etc/passwd",
    "%2e%2e%2f",
    "'; DROP TABLE cdrs; --",
    "\u202e\ufeff",
    "ß" * 40,
    "𝟙",
    "a" * 300,
    "null",
    "-1",
    "1e400",
    "9" * 40,
    "2026-02-30T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999Z",
    NOWHERE,
    "http://[::1",
    "{}",
    "${jndi:x}",
)
WRONG: tuple[object, ...] = (
    None, True, False, 0, -1, 2**63, 2**200, 1e308, -0.0, 0.1, [], {}, [[]], [None], {"": {}},
)  # fmt: skip
RAW = (
    b"", b"{", b"[", b"nul", b"\xff\xfe\x00", b'{"a":1,"a":2}', b'"\\ud800"', b"NaN", b"1" * 5000,
    b"[" * 3000, b'{"a":' * 2000, b"\xef\xbb\xbf{}", b"{}{}", b" " * 4096,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, ready to be sent."""

    method: str
    path: str  # with its query, quoted
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def requests(
    rng: random.Random, description: Mapping[str, object], count: int
) -> Iterator[Request]:
    """So many of them, the same for the same seed."""
    drawer = _Drawer(rng, description)
    for _ in range(count):
        yield drawer.request()


class _Drawer:
    def __init__(self, rng: random.Random, description: Mapping[str, object]) -> None:
        self._rng = rng
        components = _object(description["components"])
        self._schemas = _object(components["schemas"])
        self._operations = [
            (method, path, _object(operation))
            for path, item in _object(description["paths"]).items()
            for method, operation in _object(item).items()
        ]

    def request(self) -> Request:
        rng = self._rng
        method, path, operation = rng.choice(self._operations)
        parameters = [_object(item) for item in _list(operation["parameters"])]
        for one in parameters:
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", quote(self._text(), safe=""))
        query = {
            str(one["name"]): self._parameter(_object(one["schema"]))
            for one in parameters
            if one["in"] == "query" and rng.random() < 0.7
        }
        if rng.random() < 0.05:
            path += rng.choice(("/", "//", "/%", "/%ff", "/a/b/c/d/e", "?a=1&a=2", ";x", "/..%2f"))
        if query and "?" not in path:
            path += f"?{urlencode(query, errors='replace')}"
        if rng.random() < 0.1:
            method = rng.choice(("get", "put", "post", "patch", "delete", "head", "options"))
        return Request(
            method=method.upper(), path=path, headers=self._headers(), body=self._body(operation)
        )

    def _body(self, operation: Mapping[str, object]) -> bytes | None:
        rng = self._rng
        wanted = operation.get("requestBody")
        if wanted is None and rng.random() < 0.9:
            return None
        if wanted is None or rng.random() < 0.15:
            return rng.choice(RAW)
        content = _object(_object(_object(wanted)["content"])["application/json"])
        raw = json.dumps(self._value(_object(content["schema"]), 0)).encode()
        if rng.random() < 0.1:
            at = rng.randrange(len(raw) + 1)
            raw = raw[:at] + rng.randbytes(rng.randrange(4)) + raw[at + rng.randrange(3) :]
        return raw

    def _value(self, schema: Mapping[str, object], depth: int) -> object:
        rng = self._rng
        if rng.random() < 0.04:
            return rng.choice(WRONG)
        if "$ref" in schema:
            schema = _object(self._schemas[str(schema["$ref"]).rsplit("/", 1)[1]])
        match schema.get("type"):
            case "object":
                return self._members(schema, depth)
            case "array":
                items = _object(schema["items"])
                return [self._value(items, depth + 1) for _ in range(rng.randrange(3))]
            case "boolean":
                return rng.random() < 0.5
            case "integer" | "number":
                return rng.choice((0, 1, 7, -1, 1.5, 3600, 2**31, 1e12, rng.randrange(10_000)))
            case _:
                return self._written(schema)

    def _members(self, schema: Mapping[str, object], depth: int) -> dict[str, object]:
        rng = self._rng
        required = set(map(str, _list(schema["required"])))
        made = {
            name: self._value(_object(inner), depth + 1)
            for name, inner in _object(schema["properties"]).items()
            if (name in required and rng.random() < 0.97) or (depth < 4 and rng.random() < 0.3)
        }
        if rng.random() < 0.1:
            made[self._text()] = rng.choice(WRONG)
        return made

    def _written(self, schema: Mapping[str, object]) -> str:
        rng = self._rng
        if "enum" in schema and rng.random() < 0.9:
            return str(rng.choice(_list(schema["enum"])))
        if str(schema.get("pattern", "")).startswith(r"^\d{4}-"):
            year, day = rng.choice((1970, 2026, 2027, 9999)), rng.randrange(1, 29)
            return f"{year}-{rng.randrange(1, 13):02}-{day:02}T{rng.randrange(24):02}:00:00Z"
        if schema.get("maxLength") == 255 and rng.random() < 0.8:
            return NOWHERE
        return self._text()

    def _text(self) -> str:
        rng = self._rng
        if rng.random() < 0.75:
            return rng.choice(KNOWN)
        if rng.random() < 0.5:
            return rng.choice(ODD)
        return "".join(
            chr(rng.choice((rng.randrange(32, 127), rng.randrange(0xD7FF))))
            for _ in range(rng.randrange(50))
        )

    def _parameter(self, schema: Mapping[str, object]) -> str:
        rng = self._rng
        if rng.random() < 0.2:
            return rng.choice(ODD)
        return NOWHERE if schema == {"type": "string"} else str(self._value(schema, 0))

    def _headers(self) -> dict[str, str]:
        rng = self._rng
        token = rng.choices((TOKEN, HUB, INITIAL, "nobody"), weights=(80, 10, 5, 5))[0]
        headers = {"Authorization": authorization(token), "Content-Type": "application/json"}
        if rng.random() < 0.2:
            way = rng.choice(("from", "to"))
            headers[f"OCPI-{way}-country-code"] = self._header_text()
            headers[f"OCPI-{way}-party-id"] = self._header_text()
        if rng.random() < 0.2:
            name = rng.choice(
                ("X-Request-ID", "X-Correlation-ID", "Authorization", "Content-Type",
                 "Content-Encoding", "Expect", "Upgrade", "Range", "Host", "Connection", "Cookie")
            )  # fmt: skip
            headers[name] = self._header_text()
        return headers

    def _header_text(self) -> str:
        rng = self._rng
        if rng.random() < 0.5:
            return rng.choice(
                ("SE", "LAD", "nl", "tnm", "XYZ", "", "gzip", "100-continue", "close")
            )
        return "".join(
            chr(rng.choice((9, rng.randrange(32, 127), rng.randrange(128, 256))))
            for _ in range(rng.randrange(300))
        )


def _object(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
