"""`python -m tests.keep_format`: keeps a data folder as this samekind writes it in `tests/formats`, for every later one to open."""

import gzip
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from samekind_server.store import label_sets
from samekind_server.store.migrations import MIGRATIONS
from samekind_server.store.requests import Request
from tests.afterwards import opened
from tests.keeping import modelless
from tests.test_formats import FORMATS, item


def write(folder: Path, models: Path) -> None:
    """What `test_formats.py` looks for: 31 items of a catalog, a label set, a request that was answered."""
    with modelless(models) as engine:
        keeper = opened(folder, engine)
        keeper.run(keeper.catalogs.start())
        keeper.make()
        keeper.ask("upsert", [item(n) for n in range(40)])
        keeper.ask("delete", [item(n).id for n in range(30, 40)])
        keeper.ask("upsert", [item(40)], request=Request("", "kept", b"digest"))
        pets = label_sets.Definition("", 2, b'{"labels": ["cat", "dog"]}')
        keeper.store.write(lambda to: label_sets.add(to, "", "pets", pets, now=0)).result()
        keeper.close()


def pack(folder: Path, to: Path) -> None:
    """The folder's files, and nothing of whose they are or when they were made."""
    with to.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as kept:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            told = tarfile.TarInfo(str(path.relative_to(folder)))
            told.size, told.mode = path.stat().st_size, 0o600
            with path.open("rb") as opened_file:
                kept.addfile(told, opened_file)


if __name__ == "__main__":
    with TemporaryDirectory() as data, TemporaryDirectory() as models:
        write(Path(data), Path(models))
        pack(Path(data), FORMATS / f"format-{len(MIGRATIONS)}.tar.gz")
