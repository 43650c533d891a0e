"""``inkdigits learn``: the scripts of ``inkdigits.learn`` as commands."""

from __future__ import annotations

import importlib

import click

#: Commands and the modules whose ``main`` they are.
_MODULES = {
    "look": "try_loader",
    "train": "train_model",
    "test": "test_model",
    "compare": "compare",
    "start": "exercise.start",
    "check": "exercise.check",
}


class _Scripts(click.Group):
    """Commands that are each the ``main`` of a module, which is imported when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command: click.Command = importlib.import_module(f"inkdigits.learn.{_MODULES[cmd_name]}").main
        return command


@click.group(cls=_Scripts)
def learn() -> None:
    """A neural network in NumPy, to try and to write. Look at the data, train it, test it, play with it, write your own.

    \b
    Example: inkdigits learn look
    Example: inkdigits learn train --layers 784,30,10
    Example: inkdigits learn test
    Example: inkdigits learn start my-network
    """
