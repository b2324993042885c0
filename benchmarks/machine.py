"""Says what was measured on: the machine, how busy it was, and the versions."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "openvino", "open_clip_torch", "grpcio", "numpy", "pillow", "samekind")
GIB = 1 << 30


def machine() -> dict[str, Any]:
    """The processor's model, its cores, memory in GiB, and the load averages of the last 1, 5 and 15 minutes."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def versions() -> dict[str, str | None]:
    """Python's version, those of the packages that matter, and the commit measured; None for what is not there."""
    return {"python": platform.python_version(), **{package: _version(package) for package in PACKAGES}, "commit": _commit()}


def memory_available() -> float:
    """GiB that programs can have without swapping; infinite where the system does not say."""
    said = _said("/proc/meminfo", "MemAvailable")
    return int(said.split()[0]) * 1024 / GIB if said else float("inf")


def _processor() -> str:
    return _said("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def _said(file: str, field: str) -> str:
    """What a `field: value` line of the system's own files says; empty where there is none."""
    lines = Path(file).read_text().splitlines() if Path(file).exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit checked out, with a + where files differ from it."""
    try:
        told = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+"]
        return subprocess.run(told, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
