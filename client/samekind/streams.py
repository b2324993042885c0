"""Asks by stream, from threads or an event loop: reads contents ahead, sends as there is room, goes on in another stream where one breaks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Generic, TypeAlias

import grpc
from google.protobuf.message import Message

from samekind import progress
from samekind.batches import Entry, Failing, Response, Streamed, serialized
from samekind.connection import Connection
from samekind.errors import DeadlineExceeded, Internal, RequestTooLarge, SamekindError
from samekind.flow import Flow

Tell: TypeAlias = Callable[[int], None]

PATIENCE = 60.0  # Seconds that a server which has answered before may be away, as when it is started anew.
SOONEST, LATEST = 0.1, 5.0
FEW = 3  # Times in a row that is asked again where no server has answered yet, or one ended a stream too soon.
JOURNEY = 2.0  # Seconds beyond a message's own time in which its answer, or the word that there is none, is to come.


class Asking(Generic[Response, Failing]):
    """One stream after another, for as long as there is a reason to go on."""

    def __init__(self, connection: Connection, call: Streamed[Response, Failing]) -> None:
        self.flow: Flow[Response, Failing] = Flow(call.batch, timeout=connection.timeout)
        self._connection = connection
        self._heard, self._tries, self._away = False, 0, 0.0

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes beside a stream. It has no deadline of its own: each message has one."""
        return self._connection.beside(self.flow.request_id)["metadata"]

    def hear(self, response: Any) -> None:
        """Takes in an answer."""
        self.flow.answer(response)
        self._heard, self._tries = True, 0

    def ended(self, broken: grpc.RpcError | None) -> float | None:
        """Seconds after which to go on in another stream; None where all is done. Raises the error where there is no sense in going on."""
        if self.flow.sent and self.flow.answered:
            return None
        unanswered = Internal("the server ended a stream without answering all of it", metadata={"request_id": self.flow.request_id})
        error = self._connection.error(broken, self.flow.request_id) if broken else unanswered
        if isinstance(error, RequestTooLarge):
            self.flow.too_large(error)
            return 0.0
        passes = self._passes(error, ended=broken is None)
        self._away = self._away if self._tries else time.monotonic()
        if not passes or time.monotonic() - self._away > PATIENCE:
            raise error
        self._tries += 1
        return error.retry_after or min(LATEST, SOONEST * 2**self._tries)

    def _passes(self, error: SamekindError, *, ended: bool) -> bool:
        """Whether another stream may fare better: always where the server says when, or has answered before and is away; else a few times."""
        away = error.code == "UNAVAILABLE"
        return error.retry_after is not None or (away and self._heard) or ((away or ended) and self._tries < FEW)

    def patience(self) -> float | None:
        """Seconds to wait for the next answer. Raises DeadlineExceeded where none came in time."""
        if self._connection.timeout is None:
            return None
        left = self._connection.timeout + JOURNEY - self.flow.silent
        if left <= 0:
            raise DeadlineExceeded(f"no answer from {self._connection.target} within {self._connection.timeout:g} s; give a longer timeout")
        return left


def answers(channel: grpc.Channel, connection: Connection, call: Streamed[Response, Failing]) -> Iterator[Failing]:
    """The answers in order. Contents are read in a thread of their own, ahead of what is taken here, as far as there is room."""
    with _shown(call) as tell, _Threads(Asking(connection, call), channel, call) as threads:
        while items := threads.next():
            for item in items:
                yield item
                tell(1)


async def async_answers(channel: grpc.Channel, connection: Connection, call: Streamed[Response, Failing]) -> AsyncIterator[Failing]:
    """The same for an event loop. gRPC's own client for those loses what a server says when it ends a stream that is being written to."""
    loop, woken, room = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # The loop is closed, and nobody waits any more.
            loop.call_soon_threadsafe(woken.set)
            loop.call_soon_threadsafe(room.set)

    with _shown(call) as tell, _Threads(Asking(connection, call), channel, call, wake=wake) as threads:
        giving = asyncio.create_task(_give(threads, call.entries, room)) if isinstance(call.entries, AsyncIterator) else None
        try:
            while items := await _next(threads, woken):
                for item in items:
                    yield item
                    tell(1)
        finally:
            if giving:
                giving.cancel()
                await asyncio.gather(giving, return_exceptions=True)


class _Threads(Generic[Response, Failing]):
    """One thread reads contents, one reads answers, gRPC's own sends. `wake` is called in any of them when something has changed."""

    def __init__(
        self, asking: Asking[Response, Failing], channel: grpc.Channel, call: Streamed[Response, Failing], *, wake: Callable[[], None] | None = None
    ) -> None:
        self._asking: Asking[Response, Failing] = asking
        self._flow: Flow[Response, Failing] = asking.flow
        self._method = channel.stream_stream(call.batch.stream.path, serialized, call.batch.stream.response)
        self._entries = None if isinstance(call.entries, AsyncIterator) else call.entries
        self._changed, self._wake = threading.Condition(), wake
        self._call: grpc.Call | None = None
        self._over = False
        self._error: BaseException | None = None
        self._answering = threading.Thread(target=self._ask, daemon=True, name="samekind-answers")

    def __enter__(self) -> _Threads[Response, Failing]:
        self._answering.start()
        if self._entries is not None:
            threading.Thread(target=self._read, args=(self._entries,), daemon=True, name="samekind-contents").start()
        return self

    def __exit__(self, *_: object) -> None:
        """Hangs up. The thread that reads contents is left to itself where they keep it waiting."""
        with self._changed:
            self._over = True
            self._notify()
            if self._call:
                self._call.cancel()
        if threading.current_thread() is not self._answering:  # Whoever collects garbage may come here.
            self._answering.join()

    def next(self) -> list[Failing]:
        """The next answers, none at the end. Raises what ended the stream before it."""
        with self._changed:
            while (items := self.taken()) is None:
                self._changed.wait(self.patience())
            return items

    def taken(self) -> list[Failing] | None:
        """The next answers, none at the end; None where they are not there yet."""
        with self._changed:
            if items := self._flow.take():
                self._notify()
            elif error := self._error or (self._flow.error if self._flow.finished else None):
                raise error
            return items if items or self._flow.finished else None

    def patience(self) -> float | None:
        """Seconds to wait for the next answers."""
        with self._changed:
            return self._asking.patience()

    def offer(self, entry: Entry) -> bool:
        """Takes one more content where there is room."""
        with self._changed:
            taken = self._flow.offer(entry)
            if self._flow.due:
                self._changed.notify_all()  # Who sends waits for it; who takes answers does not.
            return taken

    def end(self, error: BaseException | None) -> None:
        """No more contents come."""
        with self._changed:
            self._flow.end(error)
            self._notify()

    def _notify(self) -> None:
        self._changed.notify_all()
        if self._wake:
            self._wake()

    def _read(self, entries: Iterator[Entry]) -> None:
        error = None
        try:
            if not all(map(self._place, entries)):
                return
        except BaseException as raised:
            error = raised
        self.end(error)

    def _place(self, entry: Entry) -> bool:
        """Waits until there is room; False where nobody wants it any more."""
        with self._changed:
            while not self._over and not self.offer(entry):
                self._changed.wait()
            return not self._over

    def _ask(self) -> None:
        try:
            while (wait := self._stream()) is not None:
                with self._changed:
                    self._changed.wait_for(lambda: self._over, wait)
        except BaseException as error:
            with self._changed:
                self._error = error
                self._notify()

    def _stream(self) -> float | None:
        """Seconds after which to go on in another stream; None where all is done, or nobody waits any more."""
        with self._changed:
            if self._over:
                return None
            ended = threading.Event()
            call = self._call = self._method(self._messages(self._flow.begin(), ended), metadata=self._asking.metadata)
        broken = None
        try:
            for response in call:
                with self._changed:
                    self._asking.hear(response)
                    self._notify()
        except grpc.RpcError as raised:
            broken = raised
        finally:
            call.cancel()
            with self._changed:
                ended.set()
                self._notify()
        with self._changed:
            return None if self._over else self._asking.ended(broken)

    def _messages(self, first: Message, ended: threading.Event) -> Iterator[Message]:
        yield first
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or ended.is_set() or self._flow.due or self._flow.sent)
                if self._over or ended.is_set() or not self._flow.due:
                    return
                message = self._flow.send()
                self._notify()
            if message is not None:
                yield message


async def _next(threads: _Threads[Response, Failing], woken: asyncio.Event) -> list[Failing]:
    while True:
        woken.clear()
        if (items := threads.taken()) is not None:
            return items
        with suppress(TimeoutError):
            async with asyncio.timeout(threads.patience()):
                await woken.wait()


async def _give(threads: _Threads[Response, Failing], entries: AsyncIterator[Entry], room: asyncio.Event) -> None:
    error = None
    try:
        async for entry in entries:
            while not threads.offer(entry):
                await room.wait()
                room.clear()
    except Exception as raised:
        error = raised
    threads.end(error)


def _shown(call: Streamed[Response, Failing]) -> AbstractContextManager[Tell]:
    """Tells of progress where that is asked for."""
    return progress.shown(call.total) if call.progress else nullcontext(_nothing)


def _nothing(count: int) -> None:
    """Nobody wants to know."""
