"""The classes behind every command. They make the help readable and give Ctrl-C its own status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from framehop.cli.output import note
from framehop.pipeline.stop import StopSignal

INTERRUPTED = 130  # the status that a shell gives a command ended by SIGINT


class Command(TyperCommand):
    """A command that shows flags as flags; typer would write <bool> after them, and <list[str]> after an argument."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """Commands under one name. Ctrl-C ends each with status 130, unless the command handles it."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            note("interrupted")
            raise typer.Exit(INTERRUPTED) from None


def _without_types(params: list[Any]) -> list[Any]:
    for param in params:
        if isinstance(param, TyperArgument):
            param.display_type_rich = _nothing  # type: ignore[method-assign]  # its metavar says it all
        elif param.is_flag or param.count:
            param.metavar = ""
    return params


def _nothing(*_args: object, **_kwargs: object) -> str:
    return ""


class App(typer.Typer):
    """A :class:`typer.Typer` that makes these groups and commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, no_args_is_help=True, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        return super().command(name, cls=Command, **settings)


def end_if_interrupted(stop: StopSignal) -> None:
    """Exit with Ctrl-C's status if it was pressed. Call this after the work has been drained and reported."""
    if stop.interrupted:
        raise typer.Exit(INTERRUPTED)
