"""The command line: thin commands over importable steps. Heavy imports stand inside them, so that --help is quick."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point."""
    try:  # Ctrl-C may come before anything is loaded
        from inkdigits import console
        from inkdigits.cli.main import cli
    except KeyboardInterrupt:
        sys.stderr.write("inkdigits: stopped\n")
        sys.exit(130)
    console.run(cli)
