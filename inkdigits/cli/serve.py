"""The command that serves."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from inkdigits.cli import options
from inkdigits.extras import require
from inkdigits.files import atomic
from inkdigits.service.settings import STRANGERS, ServiceSettings


@click.command(context_settings={"auto_envvar_prefix": "INKDIGITS"})
@click.option("--host", default="127.0.0.1", show_default=True, show_envvar=True, help="0.0.0.0: other machines may ask, too.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, show_envvar=True, help="0: any that is free."
)
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes that read.  [default: one a core, 8 at most]", show_envvar=True
)
@click.option(
    "--waiting",
    type=int,
    default=ServiceSettings.waiting,
    show_default=True,
    show_envvar=True,
    help="Requests that may wait; more are refused.",
)
@click.option(
    "--seconds",
    type=float,
    default=ServiceSettings.seconds,
    show_default=True,
    show_envvar=True,
    help="For one request to be read.",
)
@click.option(
    "--memory-mb",
    type=int,
    default=ServiceSettings.memory_mb,
    show_default=True,
    show_envvar=True,
    help="Of each process that reads, on Linux.",
)
@click.option(
    "--body-mb", type=int, default=ServiceSettings.body_mb, show_default=True, show_envvar=True, help="Size of a request."
)
@click.option(
    "--body-seconds",
    type=float,
    default=ServiceSettings.body_seconds,
    show_default=True,
    show_envvar=True,
    help="For a request to arrive.",
)
@click.option(
    "--files", type=int, default=ServiceSettings.files, show_default=True, show_envvar=True, help="Pictures in one request."
)
@click.option(
    "--token", show_envvar=True, help="What requests must know; better told by the environment, where nobody sees it."
)
@click.option(
    "--corrections",
    type=click.Path(path_type=Path),
    metavar="FILE.sqlite",
    show_envvar=True,
    help="Keep what people correct on the page, and the pictures, in this file.  [default: nothing is kept]",
)
@click.option(
    "--corrections-mb",
    type=int,
    default=ServiceSettings.corrections_mb,
    show_default=True,
    show_envvar=True,
    help="Size of that file.",
)
@click.option("--origin", show_envvar=True, help="A site whose pages may ask, too, such as https://example.org.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    show_envvar=True,
    help="A folder that 'inkdigits train-reader' has made.  [default: the shipped weights]",
)
@partial(options.limit, defaults=STRANGERS, show_envvar=True)
def serve(host: str, port: int, workers: int | None, **given: Any) -> None:
    """Serve the reader over HTTP, with a page to draw on.

    \b
    Example: inkdigits serve
    Example: curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' localhost:8080/v1/read
    Example: inkdigits serve --corrections corrections.sqlite
    Example: INKDIGITS_TOKEN=… inkdigits serve --host 0.0.0.0 --workers 4
    """
    with require("serve"):
        from inkdigits.service.app import create_app
        from inkdigits.service.server import run
    from inkdigits.reader import Reader

    if workers:
        given["workers"] = workers
    settings = ServiceSettings(**given)
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # of the processes that read: what they give back, the system gets
    if settings.model:
        Reader(settings.model).close()  # what is wrong with it is said here, and not by each process
    connections = 4 * (settings.workers + settings.waiting)
    run(create_app(settings), host, port, connections, lambda url: click.echo(f"inkdigits: {url}  (Ctrl-C ends it)", err=True))


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("inkdigits.html"), show_default=True)
@click.option(
    "--model",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder that 'inkdigits train-reader' has made.  [default: the shipped weights]",
)
def page(output: Path, model: Path | None) -> None:
    """Write a page that reads without any service. One file, with the networks inside, opens from the disk in any browser.

    \b
    Example: inkdigits page -o demo.html
    """
    from inkdigits.service.page import offline

    with atomic(output, "w") as file:
        file.write(offline(model))
    click.echo(f"{output}  {output.stat().st_size / 1e6:.1f} MB: open it in a browser, on a phone too")


@click.group()
def corrections() -> None:
    """Take corrections out of a database, or put them in."""


@corrections.command("export")
@click.argument("database", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("folder", type=click.Path(path_type=Path))
def export(database: Path, folder: Path) -> None:
    """Write the corrections in DATABASE into a FOLDER. It is new: the pictures, and labels.csv with a row for each correction.

    \b
    Example: inkdigits corrections export corrections.sqlite corrections
    """
    from inkdigits.service.store import Store  # with pydantic: other commands start sooner

    found = Store(database).export(folder)
    click.echo(f"{found.corrections} corrections in {found.pictures} pictures: {folder}")


@corrections.command("import")
@click.argument("database", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def take(database: Path, folder: Path) -> None:
    """Add what was exported into FOLDER to DATABASE. It is made where there is none.

    \b
    Example: inkdigits corrections import all.sqlite corrections
    """
    from inkdigits.service.store import Store

    found = Store(database).take(folder)
    click.echo(f"{found.corrections} corrections in {found.pictures} pictures: {database}")
