"""What all commands share: errors become one line on stderr and an exit code; the process gets its defaults.

The library changes nothing that belongs to the whole process. A command owns its process, so it does that here.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import socket
import sys
import warnings

import click

from inkdigits.errors import InkdigitsError, MissingExtraError, UsageError
from inkdigits.files import printable

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Seconds without a byte after which a connection is given up where a package sets no limit of its own.
_SOCKET_TIMEOUT_S = 20.0
#: Packages whose warnings and log lines concern their own insides. PyTorch sets the levels of its upper loggers itself.
_QUIET = ("torch", "torch.onnx._internal", "onnxscript", "onnx_ir", "matplotlib", "PIL")


def run(command: click.Command) -> None:
    """Run a command and leave the process: 0 fine, 1 some input failed, 2 wrong use, 130 stopped by Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    _set_process_defaults()
    try:
        code = command.main(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("stopped", 130)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        text = shown.getvalue().replace("\b", "")  # of a help text that click shows as an error
        click.echo("\n".join(map(printable, text.splitlines())), err=True)
        sys.exit(2)
    except (UsageError, MissingExtraError) as error:
        _fail(error, 2)
    except InkdigitsError as error:
        _fail(error, 1)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has stopped; Python would complain of it at exit
        sys.exit(1)
    except OSError as error:
        fix = "; free some space and try again, what was there is still there" if error.errno in _DISK_FULL else ""
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}{fix}", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: object, code: int) -> None:
    click.echo(f"inkdigits: {printable(' '.join(str(message).split()))}", err=True)
    sys.exit(code)


def _set_process_defaults() -> None:
    # Threads of OpenMP that wait spin by default. With another process on the machine they then burn the very cores that
    # the others need (benchmarks/busy.py). It is read when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    socket.setdefaulttimeout(_SOCKET_TIMEOUT_S)
    warnings.showwarning = _show_warning


def set_verbosity(verbose: bool) -> None:
    """Send log lines to stderr as they are; those of other packages, and their warnings, only where ``verbose``."""
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format="%(message)s", force=True)
    if not verbose:
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.ERROR)
            warnings.filterwarnings("ignore", module=rf"{re.escape(name)}(\.|$)")
        warnings.filterwarnings("ignore", category=FutureWarning)  # for the developers of packages


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"inkdigits: warning: {printable(message)}", err=True)
