"""What a disk may hold after the power went: all that was synced, and of the rest any part.

A journal that `disk.cpp` wrote is played up to a moment. What a file's writes changed is sure to be there once the file was synced, a
name once its folder was. Of later writes nothing, all, or any of their sectors may have come to the disk, and of later names the first few.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

HEAD = struct.Struct("<cQqII")
SECTOR = 512
WAYS = ("nothing", "everything", "first", "any")


@dataclass(frozen=True)
class Event:
    """One thing done: `w`rite, `t`runcate, `s`ync, sync of a `d`irectory, `c`reate, `m`kdir, `r`ename, `u`nlink, `x` rmdir; or `a` line told."""

    number: int
    kind: str
    inode: int
    at: int
    data: bytes
    other: bytes

    @property
    def path(self) -> str:
        return self.data.decode()


@dataclass
class File:
    """What is sure to be in it, and what was done since."""

    sure: bytearray = field(default_factory=bytearray)
    since: list[Event] = field(default_factory=list)

    def sync(self) -> None:
        for each in self.since:
            put(self.sure, each)
        self.since.clear()


@dataclass
class Name:
    """A change of the folder's names, and whether it is sure."""

    event: Event
    file: File | None
    sure: bool = False


def built(folder: Path) -> Path:
    """The library made of `disk.cpp`."""
    made = folder / "disk.so"
    source = Path(__file__).with_name("disk.cpp")
    subprocess.run(["c++", "-shared", "-fPIC", "-O1", "-std=c++17", "-o", made, source, "-ldl"], check=True)
    return made


def events(journal: Path) -> list[Event]:
    """All that was done, in order."""
    data, at, found = journal.read_bytes(), 0, list[Event]()
    while at < len(data):
        kind, inode, place, first, second = HEAD.unpack_from(data, at)
        at += HEAD.size
        found.append(Event(len(found), kind.decode(), inode, place, data[at : at + first], data[at + first : at + first + second]))
        at += first + second
    return found


class Disk:
    """What was done so far."""

    def __init__(self) -> None:
        self._files: dict[int, File] = {}
        self._names: list[Name] = []
        self.last = 0

    def play(self, event: Event) -> None:
        self.last = event.number
        match event.kind:
            case "w" | "t":
                self._files[event.inode].since.append(event)
            case "s":
                self._files[event.inode].sync()
            case "d":
                self._sync_names(event.path)
            case "c":
                self._files[event.inode] = File()
                self._names.append(Name(event, self._files[event.inode]))
            case "m" | "r" | "u" | "x":
                self._names.append(Name(event, None))

    def lose(self, to: Path, way: str, chance: Random) -> None:
        """Puts into a folder what may be left when the power goes now."""
        until = chance.randrange(self.last + 1)
        keep: dict[str, Callable[[Event], float]] = {
            "nothing": lambda event: 0.0,
            "everything": lambda event: 1.0,
            "first": lambda event: 1.0 if event.number < until else 0.5 if event.number == until else 0.0,
            "any": lambda event: chance.choice((0.0, 0.5, 1.0)),
        }
        cut = {"nothing": 0, "everything": len(self._names)}.get(way, chance.randint(0, len(self._names)))
        to.mkdir()
        for path, file in self._tree(to, cut):
            left = bytearray(file.sure)
            for each in file.since:
                put(left, each, keep[way](each), chance)
            path.write_bytes(left)

    def _tree(self, to: Path, cut: int) -> Iterator[tuple[Path, File]]:
        """The files of the names that are sure, and of the others the first so many. Makes the folders."""
        tree: dict[str, File] = {}
        for number, name in enumerate(self._names):
            path = name.event.path
            match name.event.kind if name.sure or number < cut else "":
                case "c" if name.file:
                    tree[path] = name.file
                case "r" if path in tree:
                    tree[name.event.other.decode()] = tree.pop(path)
                case "u":
                    tree.pop(path, None)
                case "m":
                    (to / path).mkdir(parents=True, exist_ok=True)
        return ((to / path, file) for path, file in tree.items() if (to / path).parent.is_dir())

    def _sync_names(self, folder: str) -> None:
        for name in self._names:
            path = name.event.path
            above = name.event.kind == "m" and f"{folder}/".startswith(f"{path}/")
            name.sure |= above or path.rpartition("/")[0] == folder


def put(into: bytearray, event: Event, share: float = 1.0, chance: Random | None = None) -> None:
    """Does what was done to a file: all of it, or each sector by chance."""
    if event.kind == "t":
        if share == 1.0 or (chance and chance.random() < share):
            del into[event.at :]
            into.extend(bytes(event.at - len(into)))
        return
    for start, piece in sectors(event):
        if share == 1.0 or (chance and chance.random() < share):
            into.extend(bytes(max(0, start - len(into))))
            into[start : start + len(piece)] = piece


def sectors(event: Event) -> Iterator[tuple[int, bytes]]:
    """A write, in the pieces in which a disk does it."""
    end = event.at + len(event.data)
    for start in (event.at, *range(event.at // SECTOR * SECTOR + SECTOR, end, SECTOR)):
        stop = min(end, start // SECTOR * SECTOR + SECTOR)
        yield start, event.data[start - event.at : stop - event.at]
