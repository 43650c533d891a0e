from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from inkdigits.errors import ModelError, UsageError
from inkdigits.limits import Limits
from inkdigits.service.jobs import ready_reader
from inkdigits.service.pool import BusyError, LostError, Pool, TooLongError
from tests.service import jobs

READER = partial(ready_reader, None, Limits(), 2_000)


def with_pool(work: Callable[[Pool], Awaitable[None]], workers: int = 1, waiting: int = 4, seconds: float = 20.0) -> None:
    """Do some work with a pool, which still answers afterwards and leaves no process."""

    async def main() -> None:
        pool = Pool(READER, workers, waiting, seconds)
        try:
            await pool.start()
            await work(pool)
            found = int((await pool.run(jobs.pid)).content)
            assert pool.running == 0
        finally:
            pool.close()
        with pytest.raises(ProcessLookupError):
            os.kill(found, 0)

    asyncio.run(main())


def test_a_request_that_takes_too_long_ends_and_its_process_is_replaced() -> None:
    async def work(pool: Pool) -> None:
        before = (await pool.run(jobs.pid)).content
        started = time.monotonic()
        with pytest.raises(TooLongError):
            await pool.run(jobs.sleep, 60)
        assert time.monotonic() - started < 10
        assert (await pool.run(jobs.pid)).content != before

    with_pool(work, seconds=4)


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is limited on Linux alone")
def test_a_picture_that_takes_too_much_memory_ends_its_process() -> None:
    async def work(pool: Pool) -> None:
        assert (await pool.run(jobs.take_memory, 500)).content
        with pytest.raises(LostError):
            await pool.run(jobs.take_memory, 3_000)

    with_pool(work)


def test_a_picture_that_ends_its_process_takes_nobody_with_it() -> None:
    async def work(pool: Pool) -> None:
        other = asyncio.ensure_future(pool.run(jobs.sleep, 1.0))
        with pytest.raises(LostError):
            await pool.run(jobs.end)
        assert (await other).content

    with_pool(work, workers=2)


def test_a_process_that_someone_else_ends_loses_no_request(tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        assert (await pool.run(jobs.end_once, tmp_path / "mark")).content
        os.kill(int((await pool.run(jobs.pid)).content), signal.SIGKILL)  # one that waits for work
        assert (await pool.run(jobs.pid)).content

    with_pool(work)


def test_more_than_may_wait_are_refused() -> None:
    async def asked(pool: Pool) -> bytes:
        with pool.admitted():
            return (await pool.run(jobs.sleep, 0.3)).content

    async def work(pool: Pool) -> None:
        taken = [asyncio.ensure_future(asked(pool)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="3 requests are being read or wait"):
            await asked(pool)
        assert len(await asyncio.gather(*taken)) == 3
        assert await asked(pool)

    with_pool(work, waiting=2)


def test_who_hangs_up_leaves_a_pool_that_works() -> None:
    async def work(pool: Pool) -> None:
        asked = asyncio.ensure_future(pool.run(jobs.sleep, 0.5))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        with pytest.raises(UsageError, match="that cannot be"):
            await pool.run(jobs.complain)

    with_pool(work)


def test_a_reader_that_cannot_be_made() -> None:
    async def main() -> None:
        pool = Pool(jobs.broken_reader, 1, 1, 5)
        try:
            with pytest.raises(ModelError, match="nowhere"):
                await pool.start()
        finally:
            pool.close()

    asyncio.run(main())
