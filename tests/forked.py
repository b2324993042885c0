"""Runs our programs in processes of their own that need not import anything: they are forked from one that has."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TextIO, TypeAlias

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # As our programs have it, which say so before they import gRPC.
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["samekind_server.app", "samekind.cli"])
Program: TypeAlias = "Forked | subprocess.Popen[str]"


class Forked:
    """A program's process, with as much of `subprocess.Popen` as tests ask of one."""

    def __init__(self, program: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        ends = [CONTEXT.Pipe(duplex=False) for _ in range(2)]
        told = program, arguments, environment, folder or Path.cwd(), *(write for _, write in ends)
        self._process = CONTEXT.Process(target=_run, args=told, daemon=True)  # Ended with the tests, where one of them left it.
        self._process.start()
        self.stdout, self.stderr = (_read(*end) for end in ends)

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stdout.close()
        self.stderr.close()
        self.wait()

    @property
    def pid(self) -> int:
        """As the system numbers it."""
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """What it ended with, less than zero for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """What it ends with. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it says until its end, in both ways. Raises TimeoutError, and ends it."""
        with ThreadPoolExecutor(2) as readers:
            said, told = readers.submit(self.stdout.read), readers.submit(self.stderr.read)
            try:
                answer = said.result(timeout), told.result(timeout)
            except TimeoutError:
                self.kill()
                raise
        self.wait(timeout)
        return answer

    def send_signal(self, number: int) -> None:
        """Unless it has ended, which the server of forks learns before we do."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it."""
        self.send_signal(signal.SIGKILL)


def _read(read: Connection, write: Connection) -> TextIO:
    """What the process says at the other end, which is now its alone."""
    write.close()
    with read:
        return os.fdopen(os.dup(read.fileno()))


def _run(program: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, out: Connection, err: Connection) -> None:
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [program, *arguments]
    sys.exit(import_module(program).main())
