"""Processes that read, each for one request at a time, and each ended and replaced where it takes too long.

A decoder that hangs, or that a picture brings to its end, takes nobody with it: neither the service nor another's request. No
library that was looked at does this: in those that end a process for its time, one that ends by itself takes the others along.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from inkdigits.errors import InkdigitsError
from inkdigits.reader import Reader
from inkdigits.service.jobs import Answer

#: A process must have its networks after so many seconds, also on a busy machine.
_START_S = 120.0
#: A request whose process has ended is tried once more: the process may have been ended by someone else.
_TRIES = 2
#: … and so is a start.
_STARTS = 3


class BusyError(InkdigitsError):
    """So many requests wait that no more are taken."""


class TooLongError(InkdigitsError):
    """The request took longer than it may."""


class LostError(InkdigitsError):
    """The request has ended the process that was to answer it, twice."""


class Pool:
    """Some processes, each with a reader.

    Args:
        reader: What makes a reader in a new process; it can be pickled.
        workers: How many processes.
        waiting: So many requests may wait for one of them.
        seconds: For one request.
    """

    def __init__(self, reader: Callable[[], Reader], workers: int, waiting: int, seconds: float) -> None:
        self._workers = [_Worker(reader) for _ in range(workers)]
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._threads = ThreadPoolExecutor(workers, "pool")
        self._most, self._seconds = workers + waiting, seconds
        self.running = 0

    async def start(self) -> None:
        """Start the processes, and wait until they are ready.

        Raises:
            InkdigitsError: A reader cannot be made.
        """
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, worker.start) for worker in self._workers))
        for worker in self._workers:
            self._idle.put_nowait(worker)

    async def run(self, job: Callable[..., Answer], *args: Any) -> Answer:
        """What ``job(reader, *args)`` gives in one of the processes.

        Raises:
            TooLongError: It took too long.
            LostError: It has ended its process.
            InkdigitsError: What the job raises.
        """
        worker = await self._idle.get()  # who hangs up meanwhile is forgotten
        task = asyncio.ensure_future(self._ask(worker, job, args))
        # It is known, even where nobody waits for it any more.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(task)  # who hangs up now leaves a process that is at work; it must come back

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Of a request, before anything of it is read: it is one of those that are read or wait.

        Raises:
            BusyError: Too many are already.
        """
        if self.running >= self._most:
            raise BusyError(f"{self.running} requests are being read or wait: try again in a moment")
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    async def _ask(self, worker: _Worker, job: Callable[..., Answer], args: tuple[Any, ...]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, worker.ask, job, args, self._seconds)
        finally:
            self._idle.put_nowait(worker)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown()


class _Worker:
    """A process and the way to it; used by one thread at a time."""

    def __init__(self, reader: Callable[[], Reader]) -> None:
        self._reader = reader
        self._process: multiprocessing.process.BaseProcess | None = None
        self._way: Connection | None = None
        self._closed = False

    def start(self) -> None:
        """Start the process, once more where it ends meanwhile: no picture has done that."""
        for _ in range(_STARTS - 1):
            with contextlib.suppress(EOFError, OSError):
                self._start()
                return
            self.end()
        self._start()

    def _start(self) -> None:
        if self._closed:
            raise EOFError
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        self._way, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, self._reader), name="reader", daemon=True)
        self._process.start()
        theirs.close()
        self._heard(time.monotonic() + _START_S)

    def ask(self, job: Callable[..., Answer], args: tuple[Any, ...], seconds: float) -> Answer:
        end = time.monotonic() + seconds
        for _ in range(_TRIES):
            with contextlib.suppress(EOFError, OSError):  # it has ended
                if self._closed:
                    break
                if self._way is None:
                    self.start()
                if (way := self._way) is not None:
                    way.send((job, args))
                answer: Answer = self._heard(end)
                return answer
            self.end()
        raise LostError("the picture ended the process that read it: save it again, in another format")

    def _heard(self, end: float) -> Any:
        if (way := self._way) is None:
            raise EOFError  # it was ended by another thread
        if not way.poll(max(0.0, end - time.monotonic())):
            self.end()
            raise TooLongError("it took too long and was given up: make the picture smaller, or allow more seconds")
        answer = way.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self._closed = True
        self.end()

    def end(self) -> None:
        """End the process; the next request starts another."""
        process, way = self._process, self._way  # the service may end while this process is being replaced
        self._process = self._way = None
        if process is not None:
            process.kill()
            process.join()
        if way is not None:
            way.close()


def _work(way: Connection, make: Callable[[], Reader]) -> None:
    """What a process does: it makes a reader, and one job after the other until nobody is there to ask for more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the service says when to end
    try:
        reader = make()
    except InkdigitsError as error:
        way.send(error)
        return
    way.send(None)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            job, args = way.recv()
            try:
                way.send(job(reader, *args))
            except InkdigitsError as error:
                error.__traceback__ = error.__context__ = None
                way.send(error)
