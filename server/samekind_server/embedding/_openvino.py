"""OpenVINO, kept from reporting its use: on import it calls a statistics service on the web wherever it finds its reporter."""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402
from openvino import opset13 as operators  # noqa: E402

__all__ = ["openvino", "operators"]
