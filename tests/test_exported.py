"""What is exported is torch's own: plain torch, without megacache, loads it and hits."""

import json

import pytest
from typer.testing import CliRunner

from megacache.bundle import Bundle
from megacache.cli import app

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def exported(programs):
    """A file that `megacache export` wrote of a job that saw two sizes."""
    bundle, file = programs.folder / "job.megacache", programs.folder / "job.bin"
    programs.run("profiled", bundle, "job", 3, 5)
    assert CliRunner().invoke(app, ["export", str(bundle), "-o", str(file)]).exit_code == 0
    return bundle, file


def test_plain_torch_loads_all_of_it_and_compiles_nothing(exported, programs):
    bundle, file = exported
    facts = json.loads(programs.run("plain_torch", file, "another", 3, 5))
    with Bundle.open(bundle) as opened:
        assert facts["loaded"] == {
            name: len(keys) + (name == "pgo")  # of the profile torch loads both states, and keeps the last
            for name, keys in opened.cache_info().artifacts.items()
            if name in ("inductor", "aot_autograd", "pgo")
        }
    assert facts["sums"] == [3 * 16.0, 5 * 16.0]
    assert (facts["aot"], facts["inductor"]) == ([2, 0], [2, 0])


def test_only_one_type_can_be_exported(exported, programs):
    bundle, _ = exported
    file = programs.folder / "graphs.bin"
    with Bundle.open(bundle) as opened:
        file.write_bytes(opened.to_torch(types=["inductor"]))
    facts = json.loads(programs.run("plain_torch", file, "job", 3))
    assert set(facts["loaded"]) == {"inductor"}
    assert (facts["aot"], facts["inductor"]) == ([0, 1], [1, 0])
