"""The OCPI versions spoken here."""

from __future__ import annotations

import enum


class Version(enum.Enum):
    """A version number as it stands in URLs and in `Version.version`; the newest is the last."""

    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"
