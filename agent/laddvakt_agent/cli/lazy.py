"""Verbs loaded at their first use: `status` need not wait for what `run` imports."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click


def lazy_group(verbs: Mapping[str, str]) -> type[click.Group]:
    """A click group of verbs, each given as `module:name`."""

    class Verbs(click.Group):
        """Loads a verb's module when it is called."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            del ctx
            return list(verbs)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            del ctx
            if cmd_name not in verbs:
                return None
            module, name = verbs[cmd_name].split(":")
            command = getattr(importlib.import_module(module), name)
            return command if isinstance(command, click.Command) else None

    return Verbs
