"""Keeps gRPC's own log off standard error, where it would stand beside the error that says the same in words; imported before grpc is."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
