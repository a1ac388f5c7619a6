"""An event loop in a thread, for code that has none."""

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from troth.errors import ClosedError, WrongLoopError
from troth.sdk.blocking import LoopThread


@pytest.fixture
def bridge() -> Any:
    bridge = LoopThread()
    yield bridge
    bridge.stop()


async def where() -> int:
    return threading.get_ident()


def test_nothing_starts_before_the_first_call(bridge: LoopThread) -> None:
    assert not bridge.started
    first = bridge.run(where())
    assert bridge.started
    assert first == bridge.run(where()) != threading.get_ident()


def test_results_and_errors_come_back(bridge: LoopThread) -> None:
    async def fails() -> None:
        raise LookupError("none")

    class Awaited:
        def __await__(self) -> Any:
            yield from asyncio.sleep(0).__await__()
            return 5

    assert bridge.run(Awaited()) == 5
    with pytest.raises(LookupError, match="none"):
        bridge.run(fails())


def test_callers_of_many_threads_share_one_loop(bridge: LoopThread) -> None:
    met = threading.Barrier(8, timeout=20)
    event: list[asyncio.Event] = []

    async def meet(number: int) -> int:
        if not event:
            event.append(asyncio.Event())
        if number == 7:
            event[0].set()
        await event[0].wait()
        return number

    def call(number: int) -> int:
        met.wait()
        return bridge.run(meet(number))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(call, range(8))) == list(range(8))


def test_inside_a_running_loop_it_is_refused(bridge: LoopThread) -> None:
    async def story() -> None:
        with pytest.raises(WrongLoopError, match=r"write `await app\.…` here"):
            bridge.run(where())
        with pytest.raises(WrongLoopError):
            bridge.run(asyncio.get_running_loop().create_future())

    asyncio.run(story())
    assert not bridge.started


def test_stopping_ends_what_still_waits(bridge: LoopThread) -> None:
    waiting, log = threading.Event(), list[str]()

    async def forever() -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cleaned up")

    ended: queue.Queue[BaseException] = queue.Queue()

    def call() -> None:
        try:
            bridge.run(forever())
        except ClosedError as error:
            ended.put(error)

    threading.Thread(target=call, daemon=True).start()
    assert waiting.wait(20)
    bridge.stop()
    assert "the app was closed" in str(ended.get(timeout=20))
    assert log == ["cleaned up"]


def test_after_a_stop_the_next_call_starts_again(bridge: LoopThread) -> None:
    bridge.stop()
    assert bridge.run(where())
    bridge.stop()
    bridge.stop()
    assert not bridge.started
    assert bridge.run(where())


def test_an_interrupted_caller_waits_no_more(bridge: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    started, cancelled = threading.Event(), threading.Event()

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    submit = asyncio.run_coroutine_threadsafe

    def interrupted(*args: Any) -> Any:
        future = submit(*args)
        monkeypatch.setattr(future, "result", interrupt)
        return future

    def interrupt() -> None:
        assert started.wait(20)
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bridge.run(forever())
    assert cancelled.wait(20)
