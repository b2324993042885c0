"""Keeps what was measured of this machine in the data folder; what was measured elsewhere, or is damaged, is left aside with a word."""

from __future__ import annotations

import json
import logging
import math
import os
import platform
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from samekind.errors import SettingError
from samekind_server.index.costs import Costs

FILE = "costs.json"
LEAST, MOST = 1e-12, 1e9  # Microseconds that a cost may be.
log = logging.getLogger(__name__)


def load(folder: Path) -> Costs:
    """What this machine's index costs, as it was measured, or else what machines cost in general."""
    file = folder / FILE
    if not file.exists():
        return Costs()
    try:
        return _costs(json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError) as why:
        log.warning("%s is not used: %s; run `samekind tune` to measure this machine", file, why)
        return Costs()


def keep(folder: Path, costs: Costs) -> Path:
    """Writes them down whole, or not at all. Raises SettingError."""
    file = folder / FILE
    part = file.with_suffix(".part")
    try:
        part.write_text(json.dumps({"machine": machine(), "costs": asdict(costs)}, indent=2) + "\n")
        part.replace(file)
    except OSError as error:
        raise SettingError(f"cannot write {file}: {error.strerror}") from None
    return file


def machine() -> str:
    """Names a kind of machine: its processor and how many of them there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model or platform.machine()}, {os.cpu_count()} cores"


def _costs(told: dict[str, Any]) -> Costs:
    if told["machine"] != machine():
        raise ValueError(f"it is of another machine ({told['machine']!s:.100}), and this is {machine()}")
    costs = Costs(**{row.name: float(told["costs"][row.name]) for row in fields(Costs)})
    for name, cost in asdict(costs).items():
        if not (math.isfinite(cost) and LEAST <= cost <= MOST):
            raise ValueError(f"{name} cannot be {cost}")
    return costs
