"""Taking checked values out of a TOML table; every complaint names its place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias, TypeVar, overload

from laddvakt_hal.errors import ProfileError

if TYPE_CHECKING:
    import enum
    from collections.abc import Mapping

E = TypeVar("E", bound="enum.Enum")
Raw: TypeAlias = object


class Table:
    """One table; keys are taken one by one, `done` complains about what is left."""

    def __init__(self, where: str, content: Raw) -> None:
        if not isinstance(content, dict):
            raise ProfileError(f"{where}: a table is expected, not {content!r}")
        self.where = where
        self._left: dict[str, Raw] = dict(content)

    def error(self, key: str, reason: str) -> ProfileError:
        """A complaint about one key."""
        return ProfileError(f"{self.where}: {key}: {reason}")

    def has(self, key: str) -> bool:
        """True when the key is there and not taken yet."""
        return key in self._left

    def take(self, key: str) -> Raw:
        """Whatever stands there, unchecked."""
        if key not in self._left:
            raise self.error(key, "is missing")
        return self._left.pop(key)

    @overload
    def number(self, key: str, default: float) -> float: ...
    @overload
    def number(self, key: str, default: None = None) -> float | None: ...
    def number(self, key: str, default: float | None = None) -> float | None:
        """A number, whole or not."""
        value = self._left.pop(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"a number is expected, not {value!r}")
        if not math.isfinite(value):
            raise self.error(key, f"a finite number is expected, not {value}")
        return value

    def need_number(self, key: str) -> float:
        """A number that must be there."""
        value = self.number(key)
        if value is None:
            raise self.error(key, "is missing; a number is expected")
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number within `low`..`high`."""
        value = self._left.pop(key, default)
        if value is None:
            raise self.error(key, f"is missing; {low}..{high} is expected")
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(key, f"a whole number {low}..{high} is expected, not {value!r}")
        return value

    def whole_or_none(self, key: str, low: int, high: int) -> int | None:
        """A whole number within `low`..`high`, `None` when missing."""
        return self.whole(key, low, high) if self.has(key) else None

    @overload
    def text(self, key: str, default: str) -> str: ...
    @overload
    def text(self, key: str, default: None = None) -> str | None: ...
    def text(self, key: str, default: str | None = None) -> str | None:
        """A text."""
        value = self._left.pop(key, default)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.error(key, f"a text is expected, not {value!r}")
        return value

    def need_text(self, key: str) -> str:
        """A text that must be there."""
        value = self.text(key)
        if value is None:
            raise self.error(key, "is missing; a text is expected")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self._left.pop(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"true or false is expected, not {value!r}")
        return value

    def choice(self, key: str, kind: type[E], default: E | None = None) -> E:
        """One of an enumeration's values."""
        value = self._left.pop(key, None if default is None else default.value)
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(repr(member.value) for member in kind)
            raise self.error(key, f"one of {allowed} is expected, not {value!r}") from None

    def items(self, key: str) -> list[Raw]:
        """A list; empty when missing."""
        value = self._left.pop(key, [])
        if not isinstance(value, list):
            raise self.error(key, f"a list is expected, not {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self.items(key)
        checked = tuple(value for value in values if isinstance(value, str))
        if len(checked) != len(values):
            raise self.error(key, f"a list of texts is expected, not {values!r}")
        return checked

    def text_or_texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of them; empty when missing."""
        if isinstance(self._left.get(key), str):
            return (self.need_text(key),)
        return self.texts(key)

    def wholes(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        values = self.items(key)
        checked = tuple(v for v in values if isinstance(v, int) and not isinstance(v, bool))
        if len(checked) != len(values):
            raise self.error(key, f"a list of whole numbers is expected, not {values!r}")
        return checked

    def table(self, key: str) -> Table | None:
        """A table inside this one, `None` when missing."""
        if key not in self._left:
            return None
        return Table(f"{self.where}: {key}", self._left.pop(key))

    def names(self) -> tuple[str, ...]:
        """The keys not taken yet."""
        return tuple(self._left)

    def rest(self) -> Mapping[str, Raw]:
        """Everything not taken yet; counts as taken."""
        left, self._left = self._left, {}
        return left

    def done(self) -> None:
        """Complain about keys nobody knows.

        Raises:
            ProfileError: a key is left.
        """
        for key in self._left:
            raise self.error(key, "is not known here; remove it or correct its spelling")
