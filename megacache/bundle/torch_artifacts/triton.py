"""Triton: the GPU kernels that a compiled graph names in its code, and the binaries that it carries, read inertly.

Layer: bundle. A graph that was compiled for a GPU holds a Triton bundle: the files that Triton wrote for each kernel
and configuration, among them the binary that the GPU runs. A kernel without one is compiled again where it is loaded.

Source: `TritonBundle` and `TritonKernelArtifacts` in `torch/_inductor/triton_bundler.py`; `GPU_KERNEL_BIN_EXTS` in
`torch/_inductor/utils.py`; `async_compile.triton` in the code that inductor generates. 2.13.0 to 2.15.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from megacache.bundle.placeholders import PickledObject, Value
from megacache.bundle.torch_artifacts.plain_values import items, number, text
from megacache.model import TritonKernel

MARK = b"TritonKernelArtifacts"
"""What the pickle of a graph with a Triton bundle contains; others need not be read for it."""

BINARIES = (".cubin", ".hsaco", ".zebin", ".spv")
"""The file names of what a GPU runs: of NVIDIA's, AMD's and Intel's."""

_NAMED = re.compile(r"async_compile\.triton\((?P<quote>['\"])(?P<name>\w{1,500})(?P=quote)")
_GROUP = "__grp__"
_LONGEST_NAME = 500


@dataclass(frozen=True, slots=True)
class Binaries:
    """The files of one kernel in one configuration: the kernel's name, its hash, the device, and the files by size."""

    name: str
    kernel_hash: str
    device: int | None
    sizes: tuple[tuple[str, int], ...]

    @property
    def has_binary(self) -> bool:
        """Say whether what the GPU runs is among the files."""
        return any(name.endswith(BINARIES) for name, _ in self.sizes)


def binaries_of(triton_bundle: Value) -> tuple[Binaries, ...]:
    """Read a `TritonBundle`.

    Args:
        triton_bundle: What a graph holds as one, or None.

    Returns:
        The files of each kernel and configuration, in torch's order; none of anything else.
    """
    if not isinstance(triton_bundle, PickledObject):
        return ()
    found = (_binaries(each) for each in items(triton_bundle.get("kernel_artifacts")))
    return tuple(each for each in found if each is not None)


def kernels(cache_key: str, source_code: str | None, binaries: Iterable[Binaries]) -> tuple[TritonKernel, ...]:
    """Compare the kernels that generated code names with the binaries that are there.

    Args:
        cache_key: That of the graph's artifact.
        source_code: The generated code.
        binaries: What `binaries_of` returned.

    Returns:
        One row per configuration of each kernel, and one of each kernel that has none, in the order of the code.
    """
    by_name: dict[str, list[Binaries]] = {found["name"]: [] for found in _NAMED.finditer(source_code or "")}
    for each in binaries:
        by_name.setdefault(each.name, []).append(each)
    return tuple(row for name, found in by_name.items() for row in _rows(cache_key, name, found))


def completeness(rows: Iterable[TritonKernel]) -> str | None:
    """Say how many of the kernels have a binary, and name those that have none.

    Returns:
        Such as `2 of 3 Triton kernels have their binary; triton_poi_fused_2 has none`, or None without kernels.
    """
    complete: dict[str, bool] = {}
    for row in rows:
        complete[row.name] = complete.get(row.name, False) or row.has_binary
    if not complete:
        return None
    missing = [name for name, has_binary in complete.items() if not has_binary]
    told = f"{len(complete) - len(missing)} of {len(complete)} Triton kernels have their binary"
    if not missing:
        return told
    names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return f"{told}; {names} {'has' if len(missing) == 1 else 'have'} none and will be compiled again"


def _binaries(value: Value) -> Binaries | None:
    if not isinstance(value, PickledObject):
        return None
    sizes = tuple(_sizes(items(value.get("artifacts"))))
    stems = [name.rpartition(".")[0] for name, _ in sizes if name.endswith(BINARIES) or not name.startswith(_GROUP)]
    groups = [name.removeprefix(_GROUP).rpartition(".")[0] for name, _ in sizes if name.startswith(_GROUP)]
    name = next(iter([*stems, *groups]), "")
    kernel_hash = text(value.get("kernel_hash"), _LONGEST_NAME)
    return Binaries(name, kernel_hash or "", number(value.get("device")), sizes) if name else None


def _sizes(files: Iterable[Value]) -> Iterator[tuple[str, int]]:
    for each in files:
        name = text(each.get("filename"), _LONGEST_NAME) if isinstance(each, PickledObject) else None
        payload = each.get("payload") if isinstance(each, PickledObject) else None
        if name is not None:
            yield name, len(payload) if isinstance(payload, (bytes, bytearray)) else 0


def _rows(cache_key: str, name: str, found: list[Binaries]) -> Iterator[TritonKernel]:
    if not found:
        yield TritonKernel(cache_key=cache_key, name=name)
    for each in found:
        yield TritonKernel(
            cache_key=cache_key,
            name=name,
            kernel_hash=each.kernel_hash,
            device=each.device,
            files=",".join(file for file, _ in each.sizes),
            size_bytes=sum(size for _, size in each.sizes),
            has_binary=each.has_binary,
        )
