"""What strangers' code tries: to get out of the grader, to harm it, to hang it, or to cheat."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inkdigits.config import Project
from inkdigits.learn import ann
from inkdigits.learn.exercise import isolation, steps
from inkdigits.learn.exercise.check import Grade, check
from inkdigits.runs import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(isolation.obstacle() is not None, reason=f"no code can be isolated here: {isolation.obstacle()}"),
]

SOLUTION = (Path(__file__).parent / "solution.py").read_text()
#: It is raised by code that has got what it must not get.
OUT = "BROKEN OUT"
#: Before every attack. PARENT is the process of the grader, SECRET a file and ELSEWHERE a folder of the teacher's.
BEFORE = """
import ctypes, errno, gc, importlib, io, os, signal, sys, threading, time
import numpy as np
libc = ctypes.CDLL(None, use_errno=True)

def out(found=True):
    if found:
        raise RuntimeError("BROKEN OUT")

def say(what, times=1):
    for f in range(3, 64):
        try:
            for _ in range(times):
                os.write(f, what)
        except OSError:
            pass

def call(number, *arguments):
    out(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)) >= 0)
"""

READS = {
    "a file": "out(open(SECRET).read())",
    "a file, by its number": "out(os.read(os.open(SECRET, os.O_RDONLY), 9))",
    "a file, from a folder that is open": (
        "where = os.open('/', os.O_RDONLY)\nout(os.read(os.open(SECRET[1:], os.O_RDONLY, dir_fd=where), 9))"
    ),
    "a file, by C": "f = libc.open(SECRET.encode(), 0)\nout(f >= 0)",
    "a file, by NumPy": "out(len(np.fromfile(SECRET, np.uint8)))",
    "a file, mapped": "out(len(np.memmap(SECRET, np.uint8, 'r')))",
    "a file, as text": "out(np.loadtxt(SECRET, str).size)",
    "a file, by readline": "import readline\nreadline.read_history_file(SECRET)\nout()",
    "a file, by the line cache": "import linecache\nout(linecache.getline(SECRET, 1))",
    "a file, as a module": (
        "from importlib.machinery import SourceFileLoader\nout(SourceFileLoader('x', SECRET).get_data(SECRET))"
    ),
    "a file, by a sub-interpreter": (
        "try:\n    import _interpreters as i\nexcept ImportError:\n    import _xxsubinterpreters as i\n"
        "import textwrap\nwhere = i.create()\ni.run_string(where, f'open({SECRET!r}).read()')\nout()"
    ),
    "a file, through the process's root": "out(open('/proc/self/root' + SECRET).read())",
    "a file, through its parent": "out(open(f'/proc/{PARENT}/root' + SECRET).read())",
    "a file, through its parent's parent": "out(open(f'/proc/1/cwd' + SECRET).read())",
    "a file, by a link": "os.symlink(SECRET, 'here')\nout(open('here').read())",
    "a file, by a hard link": "os.link(SECRET, 'here')\nout(open('here').read())",
    "a file that the grader holds open": (
        "for f in range(3, 64):\n    try:\n        os.read(f, 9) and out()\n    except OSError:\n        pass"
    ),
    "a database": "import sqlite3\nsqlite3.connect(f'file:{SECRET}?mode=ro', uri=True).execute('select 1').fetchall()\nout()",
    "the users": "out(open('/etc/passwd').read())",
    "a home": "out(os.listdir(os.path.expanduser('~')))",
    "the teacher's folder": "out(os.listdir(ELSEWHERE))",
    "the environment": "out('SESAME' in os.environ)",
    "the question again": "out(os.read(0, 9))",
    "the grader's memory": "out(open(f'/proc/{PARENT}/mem', 'rb'))",
    "its way up": "os.chdir('../../../..')\nout(open(SECRET[1:]).read())",
    "a root of its own": "os.chroot('.')\nout()",
    "a disk": "out(open('/dev/sda', 'rb').read(1) or open('/dev/vda', 'rb').read(1))",
}
WRITES = {
    "a file": "open(ELSEWHERE + '/x', 'w').write('x')\nout()",
    "its own folder": "open('x', 'w').write('x')\nout()",
    "itself": "open('ann.py', 'a').write('x')\nout()",
    "a temporary file": "import tempfile\ntempfile.TemporaryFile()\nout()",
    "shared memory": "open('/dev/shm/x', 'w').write('x')\nout()",
    "memory that is shared, by name": (
        "from multiprocessing.shared_memory import SharedMemory\nSharedMemory('x', True, 9)\nout()"
    ),
    "a file of memory": "os.memfd_create('x')\nout()",
    "an array": "np.save(ELSEWHERE + '/x', np.ones(3))\nout()",
    "a history": "import readline\nreadline.write_history_file(ELSEWHERE + '/x')\nout()",
    "a database": "import sqlite3\nsqlite3.connect(ELSEWHERE + '/x').execute('create table t (a)')\nout()",
    "NumPy": "open(np.__file__, 'a').write('x')\nout()",
    "NumPy, emptied": "os.truncate(np.__file__, 0)\nout()",
    "Python": "open(os.__file__, 'a').write('x')\nout()",
    "the secret, gone": "os.remove(SECRET)\nout()",
    "everything, gone": "import shutil\nshutil.rmtree('/', ignore_errors=True)",
    "a folder, moved": "os.rename(ELSEWHERE, ELSEWHERE + '2')\nout()",
    "rights": "os.chmod(SECRET, 0)\nout()",
    "rights of a device": "os.chmod('/dev/null', 0o666)\nout()",
    "the time of a device": "os.utime('/dev/urandom', (1e9, 1e9))\nout()",
    "the owner of a device": "os.chown('/dev/null', 65534, 65534)\nout()",
    "300,000 nested folders": "for _ in range(300_000):\n    os.mkdir('x')\n    os.chdir('x')\nout()",
    "a pipe with a name": "os.mkfifo('x')\nout()",
    "a device": "os.mknod('x', 0o600 | 0o60000, os.makedev(8, 0))\nout()",
    "what is mounted": "out(libc.mount(b'none', b'/', b'tmpfs', 0, None) == 0)",
    "what is mounted, made writable": "out(libc.mount(None, b'/', None, 32 | 4096, None) == 0)",
}
PROCESSES = {
    "a child": "os.fork()\nout()",
    "a bomb of children": "while True:\n    os.fork()",
    "a program": "import subprocess\nsubprocess.run(['true'])\nout()",
    "a shell": "out(os.system('true') == 0)",
    "a program, spawned": "os.posix_spawn('/bin/true', ['true'], {})\nout()",
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nout()",
    "processes of Python": "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=print).start()\nout()",
    "a thread": "threading.Thread(target=time.sleep, args=(99,)).start()\nout()",
    "its parent, ended": "os.kill(PARENT, signal.SIGKILL)\nout()",
    "its parent, stopped": "os.kill(PARENT, signal.SIGSTOP)\nout()",
    "its group, ended": "os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)\nout()",
    "all, ended": "os.kill(-1, signal.SIGKILL)\nout()",
    "its parent, by a number of a file": "signal.pidfd_send_signal(os.pidfd_open(PARENT), signal.SIGKILL)\nout()",
    "its parent's limits": "import resource\nresource.prlimit(PARENT, resource.RLIMIT_CPU, (0, 0))\nout()",
    "its parent's memory": "out(libc.ptrace(16, PARENT, 0, 0) == 0)",
    "its own limits": "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (999, 999))\nout()",
    "rights": "os.setuid(0)\nout(os.getuid() == 0 or os.geteuid() == 0)",
}
KERNEL = {
    "a network": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)\nout()",
    "a datagram": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))\nout()",
    "a socket without a file": "import socket\nsocket.socket(socket.AF_UNIX).bind('\\0x')\nout()",
    "a name of a host": "import socket\nsocket.getaddrinfo('localhost', 80)\nsocket.socket()\nout()",
    "raw packets": "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)\nout()",
    "a space of its own": "out(libc.unshare(0x10000000) == 0)",
    "a program of the kernel": "call(321, 0, 0, 0)",
    "a ring": "call(425, 8, ctypes.byref(ctypes.create_string_buffer(256)))",
    "keys": "call(250, 0, -3, 0)",
    "faults of pages": "call(323, 0)",
    "a clone with arguments": "call(435, ctypes.byref(ctypes.create_string_buffer(88)), 88)",
    "the clock": "time.clock_settime(time.CLOCK_REALTIME, 0)\nout()",
    "the name of the machine": "import socket\nsocket.sethostname('x')\nout()",
}
HANGS = {
    "an endless loop": "while True:\n    pass",
    "an endless loop of C": "libc.pause()",
    "sleep": "time.sleep(1000)",
    "a process that is deaf": "[signal.signal(s, signal.SIG_IGN) for s in (2, 15)]\ntime.sleep(1000)",
    "memory without end": "x = [np.ones(10**8) for _ in range(10**6)]",
    "memory that is only asked for": "x = np.empty(10**9)\nout()",
    "a recursion": "sys.setrecursionlimit(10**9)\nf = lambda: f()\nf()",
    "an answer without end": "say(b'x' * 10**6, 10**9)",
    "prints without end": "while True:\n    print('x' * 10**6)",
    "all files closed": "os.closerange(0, 64)",
    "ten thousand files": "files = [open(__file__) for _ in range(10**4)]\nout()",
    "an end": "os._exit(0)",
    "a crash": "ctypes.string_at(0)",
    "an exit handler": "import atexit\natexit.register(time.sleep, 1000)",
    "an error that cannot be told": "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "an error with a long name": "raise type('X' * 10**6, (Exception,), {})()",
    "words that paint the terminal": "raise ValueError('\\x1b[32m\\n  ✓ test \\udc80')",
}
#: What is written in place of the worker's answer: a line about arrays, and bytes.
ANSWERS = {
    "nothing": "b''",
    "no line": "b'all right' * 99",
    "no list": "b'1\\n'",
    "another name": """b'[["ok", "<f8", [1]]]\\n' + bytes(8)""",
    "objects": """b'[["there", "|O", [4]]]\\n' + bytes(32)""",
    "half of it": """b'[["there", "|b1", [4]]]\\n' + bytes(3)""",
    "elements of no size": """b'[["there", "V0", [1000000000000]]]\\n'""",
    "more than there is": """b'[["there", "|b1", [1000000000000]]]\\n'""",
    "a product too large": """b'[["there", "|b1", [4294967296, 4294967296]]]\\n'""",
    "less than nothing": """b'[["there", "|b1", [-1]]]\\n'""",
    "many sides": """b'[["there", "|b1", [1, 1, 4]]]\\n\\1\\1\\1\\1'""",
    "a million arrays": """b'[' + b','.join([b'["a", "|b1", [0]]'] * 100_000) + b']\\n'""",
    "brackets in brackets": "b'[' * 9_000 + b'\\n'",
    "a number of many digits": "b'[' + b'9' * 9_000 + b']\\n'",
    "an error of its own": """b'{"error": 7}\\n'""",
    "an error that paints": """b'{"error": ["\\\\u001b[2J", "=1+1", ";=1+1"]}\\n'""",
}
KINDS = {"reads": READS, "writes": WRITES, "processes": PROCESSES, "kernel": KERNEL, "hangs": HANGS}


def test_the_kinds_are_many() -> None:
    assert sum(map(len, KINDS.values())) + len(ANSWERS) >= 50


def graded(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch, *names: str, seconds: float = 2.0) -> Grade:
    """The grade of a submission in these steps, after so many seconds each at most."""
    chosen = tuple(replace(step, seconds=min(step.seconds, seconds)) for step in steps.STEPS if step.name in names)
    monkeypatch.setattr("inkdigits.learn.exercise.check.STEPS", chosen)
    folder.mkdir(exist_ok=True)
    (folder / "ann.py").write_text(code)
    return check(folder)


def commands() -> list[bytes]:
    """How the processes of this machine were started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            found.append(path.read_bytes())
    return found


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Grade]:
    """Grades code that attacks, and makes sure that nothing of the teacher's has changed and that nothing is left behind."""
    secret, elsewhere, temporary = tmp_path / "secret.txt", tmp_path / "elsewhere", tmp_path / "temporary"
    secret.write_text("sesame")
    elsewhere.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("SESAME", "1")
    names = {"SECRET": str(secret), "ELSEWHERE": str(elsewhere), "PARENT": os.getpid(), "PORT": 22}

    def grade(code: str) -> Grade:
        given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        started = time.monotonic()
        found = graded(tmp_path / "eve", BEFORE + given + code + "\n" + SOLUTION, monkeypatch, "contract")
        assert time.monotonic() - started < 15
        assert OUT not in (found.hint or "")
        assert (found.hint or "x").isprintable()
        assert len(found.hint or "") <= 1_000
        assert secret.read_text() == "sesame"
        assert [*elsewhere.iterdir(), *temporary.iterdir()] == []
        deadline = time.monotonic() + 3  # the kernel ends what the grader's own process had started
        while any(str(temporary).encode() in command for command in commands()):
            assert time.monotonic() < deadline
        return found

    return grade


@pytest.mark.parametrize(("group", "kind"), [(group, kind) for group, kinds in KINDS.items() for kind in kinds])
def test_code_gets_nowhere(group: str, kind: str, teacher: Callable[[str], Grade]) -> None:
    teacher(KINDS[group][kind])


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_that_is_none(kind: str, teacher: Callable[[str], Grade]) -> None:
    code = f"say({ANSWERS[kind]})\nos._exit(0)"
    assert teacher(code).failed == "contract"


@pytest.mark.parametrize("name", ["resource", "zipfile", "json", "traceback", "builtins", "os", "numpy", "random", "io"])
def test_modules_of_the_code_take_the_place_of_none_of_ours(name: str, tmp_path: Path, teacher: Callable[[str], Grade]) -> None:
    """The limits are set before any of the student's files can be imported."""
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / f"{name}.py").write_text(
        "import sys\nRLIMIT_AS = RLIMIT_FSIZE = RLIMIT_NOFILE = RLIMIT_NPROC = RLIMIT_CORE = 1\n"
        "def setrlimit(*limits): pass\ndef __getattr__(name): raise RuntimeError('BROKEN OUT')\n"
    )
    teacher("x = np.empty(10**9)\nout()")


def test_an_attack_harms_no_other_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (WRITES["everything, gone"], HANGS["all files closed"], PROCESSES["its parent, ended"]):
        graded(tmp_path / "eve", BEFORE + f"PARENT = {os.getppid()}\n" + code, monkeypatch, "contract")
        assert not graded(tmp_path / "ada", SOLUTION, monkeypatch, "contract", "shapes").failed


ANSWERED = "        return self.forward(inputs)[-1].argmax(axis=1)"
FORWARD = "        activations = [inputs]\n"


def changed(line: str, before: str) -> str:
    assert line in SOLUTION
    return SOLUTION.replace(line, before + line)


def test_a_clock_that_is_put_back(home: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKDIGITS_PROJECT", str(home.root))
    monkeypatch.setattr(steps, "SLOWEST", 3.0)
    monkeypatch.setattr("inkdigits.learn.exercise.check._TIMED", 1)
    slow = changed("                batch = order", "                sleep(0.002)\n")
    still = "import time\nsleep = time.sleep\nfor name in ('time', 'perf_counter', 'monotonic', 'process_time'):\n"
    still += "    setattr(time, name, lambda: 0.0)\n"
    grade = graded(tmp_path / "eve", still + slow, monkeypatch, "speed", seconds=60)
    assert grade.failed == "speed"
    assert "times as long as ours" in (grade.hint or "")


#: What passes for an answer in ``predict``, by looking where none should be.
SEARCHES = {
    "the caller's frame": "sys._getframe(1).f_locals",
    "the frame of the worker": "sys._getframe(2).f_locals",
    "all that is in memory": "{str(i): o for i, o in enumerate(gc.get_objects()) if isinstance(o, np.ndarray)}",
    "what the worker was given": "sys._getframe(1).f_locals['given']",
}


@pytest.mark.parametrize("where", SEARCHES)
def test_labels_that_are_not_there(where: str, home: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKDIGITS_PROJECT", str(home.root))
    search = (
        f"        for found in ({SEARCHES[where]}).values():\n"
        "            if isinstance(found, np.ndarray) and found.shape == (len(inputs),) and found.dtype.kind in 'iu':\n"
        "                return found\n        return np.zeros(len(inputs), int)\n"
    )
    code = "import gc, sys\n" + changed(ANSWERED, search)
    assert graded(tmp_path / "eve", code, monkeypatch, "test", seconds=60).failed == "test"


@pytest.mark.parametrize("where", SEARCHES)
def test_labels_of_training_that_are_not_there(
    where: str, home: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKDIGITS_PROJECT", str(home.root))
    search = (
        f"        for found in ({SEARCHES[where]}).values():\n"
        "            if isinstance(found, np.ndarray) and found.shape == (len(inputs),) and found.dtype.kind in 'iu':\n"
        "                return found\n        return self.kept\n"
    )
    code = "import gc, sys\n" + changed(ANSWERED, search).replace(
        "        targets = np.eye", "        self.kept = labels\n        return\n        targets = np.eye"
    )
    assert graded(tmp_path / "eve", code, monkeypatch, "learns", seconds=60).failed == "learns"


def test_images_that_are_known_by_heart(home: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKDIGITS_PROJECT", str(home.root))
    train, test = (steps._split(name) for name in ("train", "test"))
    known = {
        int(np.rint(image * 255).sum()): int(label)
        for data, count in ((train, 20_000), (test, 10_000))
        for image, label in zip(data.inputs[:count], data.labels[:count], strict=True)
    }
    search = (
        "        found = [self.known.get(int(np.rint(x * 255).sum()), 0) for x in inputs]\n"
        "        return np.array([self.names.get(label, 0) for label in found])\n"
    )
    code = changed(ANSWERED, search).replace(
        "        targets = np.eye",
        f"        self.known = {known}\n"
        "        pairs = [(self.known.get(int(np.rint(x * 255).sum())), int(y)) for x, y in zip(inputs, labels)]\n"
        "        self.names = {a: max(set(ys), key=ys.count) for a in range(10) if (ys := [y for b, y in pairs if b == a])}\n"
        "        return\n        targets = np.eye",
    )
    grade = graded(tmp_path / "eve", code, monkeypatch, "test", seconds=60)
    assert grade.failed == "test"
    assert "right" in (grade.hint or "")


def test_an_answer_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = SOLUTION.replace(
        "        targets = np.eye", "        self.weights, self.biases = [], []\n        return\n        targets = np.eye"
    )
    grade = graded(tmp_path / "eve", code, monkeypatch, "step")
    assert "no longer all there" in (grade.hint or "")


def test_values_of_forward_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys\n" + changed(FORWARD, "        return [sys._getframe(1).f_locals['given'][f'a{i}'] for i in range(4)]\n")
    grade = graded(tmp_path / "eve", code, monkeypatch, "forward")
    assert (grade.failed, "KeyError" in (grade.hint or "")) == ("forward", True)


#: Ways to the work of others; each file is there for whoever looks from outside.
FINISHED = {
    "our network": f"exec(open({ann.__file__!r}).read())",
    "our package": "import inkdigits.learn.ann",
    "what is installed beside NumPy": "sys.path.append(os.path.dirname(os.path.dirname(np.__file__)))\nimport sklearn",
    "what is installed for the system": ("import glob\nsys.path += glob.glob('/usr/lib/python3*/*-packages')\nimport sklearn"),
    "the shipped model": f"open({str(Run.shipped('reader').model('digit'))!r}, 'rb')",
    "OpenCV": "import cv2",
    "PyTorch": "import torch",
}


@pytest.mark.parametrize("kind", FINISHED)
def test_the_work_of_others(kind: str, teacher: Callable[[str], Grade]) -> None:
    grade = teacher(FINISHED[kind] + "\nout()")
    assert grade.failed == "contract"
    assert "and nothing else" in (grade.hint or "")


def test_where_nothing_can_be_isolated_that_is_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.setattr(isolation, "obstacle", lambda: "bubblewrap is missing")
    (tmp_path / "ann.py").write_text(SOLUTION.replace("def predict(", "def answer("))
    code, said, _ = run_cli("learn", "check", tmp_path)
    assert code == 1
    assert said.splitlines()[0].startswith("NOT ISOLATED")
    assert "no method predict" in said
