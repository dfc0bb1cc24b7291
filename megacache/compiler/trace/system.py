"""System: what a log says of the machine and software that wrote it.

Layer: compiler, but needs no torch.

Source: `_log_torch_version` in `torch/_logging/_internal.py`, `record_compilation_metrics` in `torch/_dynamo/utils.py`,
`_cuda_system_info_comment` in `torch/_dynamo/debug_utils.py`; 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any

from megacache.compiler.raw_events import TraceEvent
from megacache.model import SystemInfo

UNKNOWN = "unknown"
"""What a system info must hold, and a log does not say."""

_GPU = re.compile(r"^# GPU Hardware Info: *\n# (?P<name>.+?) : \d+ *$", re.MULTILINE)


class TraceSystem:
    """Gathers the facts of a system; the first word of a log stands."""

    def __init__(self) -> None:
        self._facts: dict[str, str] = {}

    def learn(self, event: TraceEvent) -> None:
        """Learn what one record says."""
        metrics = event.metadata.get("compilation_metrics")
        if metrics:
            self._learn_metrics(metrics)
        artifact = event.metadata.get("artifact")
        name = artifact.get("name") if isinstance(artifact, dict) else None
        if name == "torch_version":
            versions = json.loads(event.payload or "{}")
            self._keep("torch_version", versions.get("pytorch_version"))
            self._keep("torch_git_hash", versions.get("commit"))
        elif name == "fx_graph_runnable" and (gpu := _GPU.search(event.payload or "")):
            self._keep("gpu_name", gpu["name"])

    def info(self) -> SystemInfo | None:
        """Return the system, or None where the log says nothing of it."""
        if not self._facts:
            return None
        facts: dict[str, Any] = {
            "python_version": UNKNOWN,
            "torch_version": UNKNOWN,
            "platform": UNKNOWN,
            "machine": UNKNOWN,
            **self._facts,
        }
        digest = sha256(repr(sorted(facts.items())).encode("utf-8", "surrogatepass")).hexdigest()
        return SystemInfo(system_id=digest[:16], **facts)

    def _learn_metrics(self, metrics: dict[str, Any]) -> None:
        self._keep("torch_version", metrics.get("pytorch_version"))
        self._keep("triton_version", metrics.get("triton_version"))
        if metrics.get("cuda_version"):
            self._keep("toolkit_version", f"cuda {metrics['cuda_version']}")
        python = str(metrics.get("python_version") or "")  # `sys.version`, which names only what is not CPython
        if python:
            self._keep("python_version", f"{'PyPy' if 'PyPy' in python else 'CPython'} {python.split(maxsplit=1)[0]}")

    def _keep(self, name: str, value: object) -> None:
        if value:
            self._facts.setdefault(name, str(value))
