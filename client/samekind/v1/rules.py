"""The protovalidate rules' descriptor: another package's where there is one, else our own copy.

A process can hold one buf/validate/validate.proto only, and every package that ships it must share it.
"""

try:
    from buf.validate import validate_pb2  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError:
    from samekind.v1 import buf_validate_pb2 as validate_pb2

__all__ = ["validate_pb2"]
