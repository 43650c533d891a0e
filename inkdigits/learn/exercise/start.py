"""Begin the exercise: a folder with all that a student needs, and an ``ann.py`` to fill in."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from inkdigits.files import new_folder
from inkdigits.learn import loader

PROJECT = Path(__file__).with_name("project")


def start(folder: Path) -> list[Path]:
    """Write the exercise's files into a new or empty folder.

    Returns:
        the files.

    Raises:
        DataError: the folder holds something.
    """
    sources = [*sorted(path for path in PROJECT.iterdir() if path.is_file()), Path(loader.__file__)]
    with new_folder(folder) as beside:
        (beside / ".gitignore").write_text("data/\n*.npz\n__pycache__/\n")  # what the scripts write is not to be handed in
        for path in sources:
            shutil.copyfile(path, beside / path.name)
    return [folder / path.name for path in sources]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Begin the exercise. A project for a student is written into a new folder.

    Example: inkdigits learn start my-network
    """
    for path in start(folder):
        click.echo(path)
    click.echo(f"Begin with {folder / 'README.md'}; see how far you are with: inkdigits learn check {folder}")
