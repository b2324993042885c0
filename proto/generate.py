"""Makes client/samekind/v1 from the protos: messages, stubs and their types."""

import sys
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parent
VENDORED = "from buf.validate import validate_pb2"
OURS = "from samekind.v1.rules import validate_pb2"


def generate(out: Path) -> None:
    """Writes `out`/samekind/v1; raises RuntimeError where protoc refuses."""
    files = ["buf/validate/validate.proto", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("samekind/v1/*.proto")))]
    outputs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python", "mypy_grpc")]
    include = Path(grpc_tools.__file__).parent / "_proto"
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{include}", *outputs, *files]):
        raise RuntimeError("protoc refused the protos; its message stands above")
    settle(out)


def settle(out: Path) -> None:
    """Moves the vendored rules under our own package, so that no other package's `buf` is shadowed."""
    for name in ("validate_pb2.py", "validate_pb2.pyi"):
        (out / "buf/validate" / name).rename(out / "samekind/v1" / name.replace("validate", "buf_validate"))
    for path in (out / "buf").rglob("*.py*"):
        path.unlink()
    (out / "buf/validate").rmdir()
    (out / "buf").rmdir()
    for path in (out / "samekind/v1").glob("*_pb2.py*"):
        path.write_text(path.read_text().replace(VENDORED, OURS))
    for path in (out / "samekind/v1").glob("*_pb2_grpc.py*"):
        if "Stub" not in path.read_text():
            path.unlink()


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
