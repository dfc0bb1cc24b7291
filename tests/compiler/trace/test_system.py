"""Tests of `megacache.compiler.trace.system`: what a log says of the machine and software that wrote it."""

import json

from megacache.compiler.raw_events import TraceEvent
from megacache.compiler.trace.system import TraceSystem


def event(payload=None, **metadata):
    return TraceEvent(at_us=0, thread=0, compile_id=None, metadata=metadata, payload=payload)


def test_nothing_said_is_nothing_known():
    system = TraceSystem()
    system.learn(event(str=["a.py", 0]))
    assert system.info() is None


def test_versions_and_gpu():
    system = TraceSystem()
    versions = json.dumps({"pytorch_version": "2.13.0+cu130", "commit": "cf30"})
    system.learn(event(versions, artifact={"name": "torch_version"}))
    system.learn(
        event(
            compilation_metrics={
                "python_version": "3.12.1 (main, Jan 1 2026, 07:35:25) [GCC 12.2.0]",
                "triton_version": "3.9.0",
                "cuda_version": "13.0",
                "pytorch_version": "another one",
            }
        )
    )
    system.learn(
        event("# CUDA Info: \n\n# GPU Hardware Info: \n# Tesla T4 : 2 \n", artifact={"name": "fx_graph_runnable"})
    )
    info = system.info()
    assert (info.torch_version, info.torch_git_hash, info.python_version) == ("2.13.0+cu130", "cf30", "CPython 3.12.1")
    assert (info.triton_version, info.toolkit_version, info.gpu_name) == ("3.9.0", "cuda 13.0", "Tesla T4")
    assert (info.platform, info.machine, info.cpu_isa) == ("unknown", "unknown", None)


def test_equal_facts_are_one_system():
    one, other = TraceSystem(), TraceSystem()
    for each in (one, other):
        each.learn(event(compilation_metrics={"pytorch_version": "2.15.0"}))
    assert one.info() == other.info()
