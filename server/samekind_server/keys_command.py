"""`samekind keys add | list | remove`: changes the file of keys that a server reads, whether it runs or not."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from samekind.errors import SettingError
from samekind_server import settings
from samekind_server.edge import keys
from samekind_server.edge.callers import Role
from samekind_server.edge.keys import Key

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
COLUMNS = ("name", "id", "tenant", "role", "created", "expires", "requests_per_second", "bytes_per_second")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Exit code: 0 done, 2 wrong usage or a file that cannot be read or written."""
    try:
        given, others = parser().parse_known_args(arguments)
        at = settings.read(others, environment)
        given.verb(given, Path(at.keys) if at.keys else at.folder(environment) / keys.FILE)
    except SettingError as error:
        print(f"samekind keys: {error}", file=sys.stderr)
        return 2
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message}; `samekind keys --help` tells more")


def parser() -> argparse.ArgumentParser:
    """What the command takes; --data, --keys and --config are the server's own."""
    top = _Parser(
        "samekind keys",
        allow_abbrev=False,
        description="Changes who may call. A running server takes changes at once.",
        epilog="--data DIR, --keys FILE and --config FILE say whose keys, as for `samekind serve`.",
    )
    verbs = top.add_subparsers(required=True, metavar="add | list | remove", parser_class=_Parser)
    add = verbs.add_parser("add", help="make a key and print it, this once", allow_abbrev=False)
    add.add_argument("name", help="what the key is called in lists and logs")
    add.add_argument("--tenant", default="", help="whose names the key sees; without one, those of the server without keys")
    add.add_argument("--role", default="read", help="read, write (and read) or admin (everything); read by default")
    add.add_argument("--expires", default="", help="how long it holds, 90d, 12h or 4w, or its last moment, 2030-01-31; without, until it is removed")
    add.add_argument("--requests-per-second", type=float, default=0.0, help="most requests in a second; 0, the default, is any number")
    add.add_argument("--bytes-per-second", type=float, default=0.0, help="most bytes of requests in a second; 0, the default, is any number")
    add.set_defaults(verb=_add)
    listed = verbs.add_parser("list", help="list the keys, without their secrets", allow_abbrev=False)
    listed.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")
    listed.set_defaults(verb=_list)
    remove = verbs.add_parser("remove", help="remove a key, by its name or id", allow_abbrev=False)
    remove.add_argument("name")
    remove.set_defaults(verb=_remove)
    return top


def _add(given: argparse.Namespace, file: Path) -> None:
    key, secret = keys.new(
        _named("key's name", given.name),
        tenant=given.tenant and _named("tenant", given.tenant),
        role=_role(given.role),
        expires=_until(given.expires) if given.expires else None,
        requests_per_second=_quota("--requests-per-second", given.requests_per_second),
        bytes_per_second=_quota("--bytes-per-second", given.bytes_per_second),
    )
    keys.add(file, key)
    print(secret)
    print(f"The key {key.name!r} is in {file}; what it says above is shown this once. Who has it sets SAMEKIND_KEY to it.", file=sys.stderr)


def _list(given: argparse.Namespace, file: Path) -> None:
    there = [_shown(key) for key in keys.load(file)] if file.exists() else []
    if given.json:
        print(json.dumps({"keys": there}))
        return
    rows = [[name.replace("_per_second", "/s") for name in COLUMNS], *([str(row[name] or "-") for name in COLUMNS] for row in there)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _remove(given: argparse.Namespace, file: Path) -> None:
    key = keys.remove(file, given.name)
    left = len(keys.load(file))
    print(f"The key {key.name!r} ({key.id}) opens nothing any more.", file=sys.stderr)
    if not left:
        print(f"No key is left, so nobody may call; remove {file} and start the server anew to serve without keys.", file=sys.stderr)


def _shown(key: Key) -> dict[str, object]:
    told = asdict(key) | {"role": key.role.name.lower()}
    return {name: told[name] for name in COLUMNS}


def _named(what: str, name: str) -> str:
    if not NAME.fullmatch(name):
        raise SettingError(f"a {what} is 1 to 64 letters, digits and . _ - @, not {name!r}")
    return name


def _role(name: str) -> Role:
    if name.upper() not in Role.__members__:
        raise SettingError(f"--role {name!r} is not one of {', '.join(role.name.lower() for role in Role)}")
    return Role[name.upper()]


def _until(given: str) -> datetime:
    try:
        if given[-1] in UNITS:
            return datetime.now(UTC) + float(given[:-1]) * UNITS[given[-1]]
        read = datetime.fromisoformat(given)
    except (ValueError, OverflowError):
        raise SettingError(f"--expires {given!r} is no time such as 90d, 12h or 2030-01-31") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _quota(flag: str, value: float) -> float:
    if not 0 <= value < float("inf"):
        raise SettingError(f"{flag} {value:g} is out of range")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
