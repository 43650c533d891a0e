"""The command line: thin commands over importable steps. Heavy imports stand inside them, so that --help is quick."""

from __future__ import annotations

from inkdigits import console
from inkdigits.cli.main import cli


def main() -> None:
    """Entry point."""
    console.run(cli)
