"""What this process compiles with, found without building anything."""

import json
import os
import platform

import pytest

from megacache.explain import mismatches
from megacache.model import SystemInfo

pytestmark = pytest.mark.torch


def facts_of(programs, *arguments, **environment):
    # One cache directory for all, so that the probes of inductor are built once.
    return json.loads(programs.run("print_system", *arguments, cache="isa", **environment).splitlines()[-1])


@pytest.fixture(scope="module")
def facts(programs):
    return facts_of(programs)


@pytest.mark.slow
@pytest.mark.parametrize("capability", ["", "avx2", "default"])
def test_the_isa_is_the_one_that_inductor_picks(programs, capability):
    """`pick_vec_isa`, torch/_inductor/cpu_vec_isa.py: the same inputs give the same answer, without its probes."""
    environment = {"ATEN_CPU_CAPABILITY": capability} if capability else {}
    facts = facts_of(programs, "--probe", **environment)
    assert facts["system"]["cpu_isa"] == facts["picked"] == facts["after_probe"]
    assert not facts["is_probed"]
    assert facts["first_ms"] < 1500


def test_without_a_compiler_the_cpu_alone_answers(facts, programs):
    bare = facts_of(programs, CXX="no-such-compiler")
    assert bare["system"]["compiler_version"] is None
    assert bare["system"]["cpu_isa"] == facts["system"]["cpu_isa"]


def test_the_system_says_what_compiles(facts):
    system = facts["system"]
    assert system["python_version"] == f"CPython {platform.python_version()}"
    assert system["machine"] == platform.machine()
    assert system["platform"].startswith("Linux-")
    assert len(system["torch_git_hash"]) == 40
    assert system["thread_count"] >= 1
    assert system["cpu_model"]
    assert "g++" in system["compiler_version"]
    assert system["gpu_name"] is system["gpu_capability"] is None


def test_the_system_id_covers_every_fact(facts, programs):
    other = facts_of(programs, OMP_NUM_THREADS="1" if facts["system"]["thread_count"] > 1 else "2")
    assert facts["is_equal"]
    assert other["system"]["system_id"] != facts["system"]["system_id"]
    assert mismatches(SystemInfo(**facts["system"]), SystemInfo(**other["system"])) == ()


def test_another_isa_is_a_mismatch(facts, programs):
    other = facts_of(programs, ATEN_CPU_CAPABILITY="default")
    (sentence,) = mismatches(SystemInfo(**other["system"]), SystemInfo(**facts["system"]))
    assert sentence == f"CPU has {facts['system']['cpu_isa']}, the bundle was compiled for scalar"


def test_a_second_look_is_quick(facts):
    assert facts["again_ms"] < 50


def test_options_at_their_defaults_are_left_out(facts):
    """Set and set back counts as default, though `ConfigModule._is_default` says no."""
    assert facts["default_config"] == {}
    assert "inductor.max_autotune" not in facts["config"]


def test_options_that_differ_are_there_and_those_that_never_matter_are_not(facts):
    assert facts["config"] == {
        "dynamo.capture_scalar_outputs": "True",
        "functorch.cse": "False",
        "inductor.epilogue_fusion": "False",
        "inductor.post_grad_custom_pre_pass": "__main__.timed_ms",
    }
    assert facts["config_ms"] < 50


def test_torch_is_the_one_of_this_environment(facts):
    import torch

    assert facts["system"]["torch_version"] == str(torch.__version__)
    assert os.cpu_count() is None or facts["system"]["thread_count"] <= os.cpu_count()
