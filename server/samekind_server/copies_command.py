"""`samekind backup | restore | verify`: copies and proves the store of a server on this machine, whether it runs or not."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from samekind.errors import SamekindError, SettingError
from samekind_server import settings
from samekind_server.catalog import verifying
from samekind_server.data_dir import DataDir, held
from samekind_server.store import copies

TOLD = 100  # Faults that are told; all are counted.


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Exit code: 0 done, 1 something is damaged, 2 wrong usage or a file that cannot be read or written."""
    verb = next(iter(arguments), "")
    try:
        given, others = parser().parse_known_args(arguments)
        found: int = given.verb(given, settings.read(others, environment).folder(environment))
        return 1 if found else 0
    except SamekindError as error:
        print(f"samekind {verb}: {error.message}", file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message}; `{self.prog} --help` tells more")


def parser() -> argparse.ArgumentParser:
    """What the command takes; --data and --config are the server's own."""
    whose = "--data DIR and --config FILE say whose, as for `samekind serve`."
    top = _Parser("samekind", allow_abbrev=False)
    verbs = top.add_subparsers(required=True, metavar="backup | restore | verify", parser_class=_Parser)
    backup = verbs.add_parser("backup", description="Copies the store to a file, while the server runs.", epilog=whose, allow_abbrev=False)
    backup.add_argument("to", type=Path, help="the file to make")
    backup.set_defaults(verb=_back_up)
    restore = verbs.add_parser("restore", description="Makes a copy the store of a folder that has none.", epilog=whose, allow_abbrev=False)
    restore.add_argument("copy", type=Path, help="a file that `samekind backup` made")
    restore.set_defaults(verb=_restore)
    verify = verbs.add_parser(
        "verify", description="Compares every row and every kept index with what was written.", epilog=whose, allow_abbrev=False
    )
    verify.set_defaults(verb=_verify)
    return top


def _back_up(given: argparse.Namespace, folder: Path) -> int:
    with held(folder) as alone:
        size = copies.back_up(folder, given.to, alone=alone)
    print(f"{given.to}: {size:,} bytes")
    return 0


def _restore(given: argparse.Namespace, folder: Path) -> int:
    with DataDir(folder):
        copies.restore(given.copy, folder)
    print(f"{folder}: restored from {given.copy}")
    return 0


def _verify(given: argparse.Namespace, folder: Path) -> int:
    with held(folder) as alone, copies.read(folder, alone=alone) as of:
        count = 0
        for fault in itertools.chain(copies.faults(of), verifying.faults(of, folder)):
            count += 1
            if count <= TOLD:
                print(fault)
    print(f"{folder}: {count:,} faults" if count else f"{folder}: every row is what was written")
    return count


if __name__ == "__main__":
    import os

    sys.exit(main(sys.argv[1:], os.environ))
