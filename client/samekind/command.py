"""What commands share: the options of a connection, one line and an exit code for an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any, Concatenate, NoReturn, ParamSpec

import typer

import samekind
from samekind import filter_text, folders
from samekind.client import TIMEOUT
from samekind.errors import SamekindError
from samekind.filter_text import BadFilter
from samekind.filters import Filter
from samekind.show import refusal_json
from samekind.show_hits import pointed
from samekind.types import Image

P = ParamSpec("P")
SHOWN = 20  # Failures told to people; --json has all.

_option = partial(typer.Option, rich_help_panel="Connection")  # Behind those of the command itself.
Server = Annotated[str | None, _option(envvar="SAMEKIND_SERVER", help="Address of the server, host:port; localhost:50051 by default.")]
Key = Annotated[str, _option(envvar="SAMEKIND_KEY", help="Key the server asks for.")]
Tls = Annotated[bool, _option("--tls", help="Speak TLS and trust the public authorities.")]
Ca = Annotated[Path | None, _option(envvar="SAMEKIND_CA", help="Speak TLS and trust the authority of this certificate file.")]
Cert = Annotated[Path | None, _option(envvar="SAMEKIND_CERT", help="Certificate file to show to a server that asks for one.")]
CertKey = Annotated[Path | None, _option(envvar="SAMEKIND_CERT_KEY", help="File of that certificate's key.")]
Timeout = Annotated[float, _option(help="Seconds each request may take; a big batch is several.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Ends a command with one line and the right exit code."""
    try:
        yield
    except SamekindError as error:
        if as_json:
            say(refusal_json(error))
        stop(error.message, 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Who read our output has enough; what is left to flush goes nowhere. 141 is what a shell tells of SIGPIPE.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None


def stop(message: str, code: int) -> NoReturn:
    """Ends the command with one line to people and an exit code."""
    print(f"samekind: {message}", file=sys.stderr)
    raise typer.Exit(code)


def why(error: OSError | ValueError) -> str:
    """What is wrong with a file, and with which."""
    return f"cannot read {error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


@contextmanager
def kept(tell: Callable[[], str]) -> Iterator[None]:
    """Tells who is stopped in the middle what is done by then and how to go on, where there is anything to tell."""
    try:
        yield
    except (KeyboardInterrupt, SamekindError, OSError, ValueError):
        if told := tell():
            print(f"samekind: {told}", file=sys.stderr)
        raise


def say(text: str) -> None:
    """Prints an answer."""
    sys.stdout.write(text)
    sys.stdout.flush()


def condition(text: str) -> Filter | None:
    """The condition of --where, None where there is none; one that is wrong ends the command."""
    try:
        return filter_text.where(text or None)
    except BadFilter as wrong:
        stop(f"--where: {wrong.what}\n{pointed(wrong)}", 2)


def images(paths: Collection[Path]) -> list[Image]:
    """The images of files; one that is not there ends the command."""
    for path in paths:
        if not path.is_file():
            stop(f"no such file: {path}", 2)
    return list(map(Image, paths))


def check_there(paths: Iterable[Path]) -> None:
    """Ends the command where a file or folder is not there; `-` is standard input."""
    for path in paths:
        if str(path) != "-" and not path.exists():
            stop(f"no such file: {path}", 2)


def check_images(paths: Iterable[Path]) -> None:
    """Ends the command where a folder has no images."""
    for path in paths:
        if path.is_dir() and not next(folders.images(path), None):
            stop(f"no images in {path}; looked for {', '.join(sorted(folders.IMAGES))}", 2)


def tell_failures(failed: Sequence[tuple[str, SamekindError]], *, as_json: bool) -> None:
    """Tells people why things failed, the first ones by name, and ends the command where some did; programs were told all of it."""
    for name, error in () if as_json else failed[:SHOWN]:
        print(f"samekind: {name}: {error}", file=sys.stderr)
    if len(failed) > SHOWN and not as_json:
        print(f"samekind: and {len(failed) - SHOWN:,} more; --json tells all", file=sys.stderr)
    if failed:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Asking:
    """How a command asks and answers: the options that every command has which asks a server."""

    server: Server = None
    key: Key = ""
    tls: Tls = False
    ca: Ca = None
    cert: Cert = None
    cert_key: CertKey = None
    timeout: Timeout = TIMEOUT
    as_json: Json = False

    def client(self) -> samekind.Client:
        """A client by the options given, else by environment and file."""
        if bool(self.cert) != bool(self.cert_key):
            stop("a client's certificate goes with its key; give both --cert and --cert-key", 2)
        try:
            shown = (self.cert, self.cert_key) if self.cert and self.cert_key else None
            return samekind.connect(self.server, key=self.key or None, tls=self.ca or self.tls or None, certificate=shown, timeout=self.timeout)
        except (OSError, ValueError) as error:
            stop(why(error), 2)


def asking(command: Callable[Concatenate[Asking, P], None]) -> Callable[..., None]:
    """The command with the options of `Asking` after its own; what it has by the same name takes their place. It ends as `told` has it."""
    _, *own = signature(command, eval_str=True).parameters.values()
    common = signature(Asking, eval_str=True).parameters
    names = {each.name for each in own}

    def run(**given: Any) -> None:
        asks = Asking(**{name: given[name] for name in common})
        with told(asks.as_json):
            command(asks, **{name: given[name] for name in names})  # type: ignore[call-arg]

    shown = [*own, *(each for name, each in common.items() if name not in names)]
    wraps(command)(run)
    vars(run)["__signature__"] = Signature(shown)
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run
