"""Failures: what a log says of a compile that went wrong, as the exception that the user saw.

Layer: compiler, but needs no torch.

`fail_type` and `fail_reason` of the metrics are those of the exception before torch adds the user's stack to its text
and hides what it does not know behind an `InternalTorchDynamoError`; the `dynamo_error` document ends with all of it.

Source: `_compile` in `torch/_dynamo/convert_frame.py`, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_RAISED_AS_THEY_ARE = frozenset(
    {
        "AssertionError",
        "BackendCompilerFailed",
        "BisectValidationException",
        "CompileOnOneRankUnsupported",
        "ConstraintViolationError",
        "GuardOnDataDependentSymNode",
        "IndexError",
        "PackageError",
        "ResumePrologueTracingError",
        "ShortenTraceback",
        "SkipTest",
        "TorchRuntimeError",
        "UncapturedHigherOrderOpError",
        "Unsupported",
        "UserError",
        "ValidationException",
    }
)
"""Torch wraps all others; `CompileOnOneRankUnsupported` and `SkipTest` it does not in 2.15.0."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a compile failed: the fields of `CompileEnded`."""

    status: str
    error_type: str
    error: str

    @classmethod
    def of(cls, metrics: Mapping[str, Any], error_text: str | None, *, has_broken: bool) -> Self | None:
        """Return how a compile failed, or None where it did not.

        Args:
            metrics: Its `compilation_metrics`.
            error_text: Its `dynamo_error` document, or None where torch wrote none.
            has_broken: Whether its last attempt says where its graph breaks. Torch says so where it goes on without a
                graph, and not under `fullgraph=True`, where the user gets the exception.
        """
        fail_type = metrics.get("fail_type")
        if fail_type is None:
            return None
        fail_type, error = str(fail_type), str(metrics.get("fail_reason") or "")
        if error_text is not None:
            error = _message(error_text, fail_type) or error
        status = "failed"
        if "recompile limit" in error or "recompile_limit" in error:
            status = "limit"
        elif fail_type == "Unsupported" and has_broken:
            status = "skipped"
        if error_text is None or fail_type in _RAISED_AS_THEY_ARE:
            return cls(status, fail_type, error)
        return cls(status, "InternalTorchDynamoError", f"{fail_type}: {error}")


def _message(text: str, fail_type: str) -> str | None:
    """Return what stands behind the type of the exception that a formatted traceback ends with."""
    found = list(re.finditer(rf"^(?:[\w.]+\.)?{re.escape(fail_type)}: ", text, re.MULTILINE))
    return text[found[-1].end() :].removesuffix("\n") if found else None
