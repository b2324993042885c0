"""Makes client/samekind/v1 from the protos: messages, stubs and their types."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parent
VENDORED = "from buf.validate import validate_pb2"
OURS = "from samekind.v1.rules import validate_pb2"


def generate(out: Path) -> None:
    """Writes `out`/samekind/v1; raises RuntimeError where protoc refuses."""
    files = ["buf/validate/validate.proto", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("samekind/v1/*.proto")))]
    outputs = [f"--{kind}{out}" for kind in ("python_out=", "pyi_out=", "grpc_python_out=", "mypy_grpc_out=quiet:")]
    include = Path(grpc_tools.__file__).parent / "_proto"
    plugin = f"--plugin={Path(sys.executable).with_name('protoc-gen-mypy_grpc')}"
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{include}", plugin, *outputs, *files]):
        raise RuntimeError("protoc refused the protos; its message stands above")
    settle(out)


def settle(out: Path) -> None:
    """Moves the vendored rules under our own package, so that no other package's `buf` is shadowed."""
    for name in ("validate_pb2.py", "validate_pb2.pyi"):
        (out / "buf/validate" / name).replace(out / "samekind/v1" / name.replace("validate", "buf_validate"))
    for path in (out / "buf").rglob("*.py*"):
        path.unlink()
    (out / "buf/validate").rmdir()
    (out / "buf").rmdir()
    for path in (out / "samekind/v1").glob("*_pb2.py*"):
        path.write_text(path.read_text().replace(VENDORED, OURS))
    for path in (out / "samekind/v1").glob("*_pb2_grpc.py*"):
        if "Stub" not in path.read_text():
            path.unlink()


def stale(out: Path) -> list[str]:
    """Names of the files in `out`/samekind/v1 that the protos would not make so, or that are missing there."""
    with TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh, present = _contents(Path(folder)), _contents(out)
    return sorted(name for name in fresh | present if fresh.get(name) != present.get(name))


def _contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "samekind/v1").glob("*_pb2*")}


def main(arguments: list[str]) -> str | None:
    """`OUT` generates there, `--check OUT` says what is not as generated."""
    *check, out = arguments
    if not check:
        generate(Path(out))
        return None
    names = stale(Path(out))
    return f"not as the protos make them: {', '.join(names)}; run `make proto`" if names else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
