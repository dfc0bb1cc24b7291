from dataclasses import replace

import pytest

from megacache.model import PHASES
from megacache.views.index import Index
from megacache.views.phases import PHASE_TITLES, later_backends, own_phases, summed_phases
from samples import backend_entries, compiles, small_recording


@pytest.fixture
def compiled():
    return compiles()[0]


def test_every_phase_has_a_title():
    assert tuple(PHASE_TITLES) == PHASES


def test_no_phase_holds_another(compiled):
    milliseconds = {phase: us // 1000 for phase, us in own_phases(compiled).items()}
    assert milliseconds == {"dynamo": 3_600, "aot": 2_900, "inductor": 4_000, "codegen": 4_200, "compiler": 9_800}


def test_what_torch_did_not_say_stays_unknown(compiled):
    found = own_phases(replace(compiled, codegen_us=None, compiler_us=None, aot_us=None))
    assert found["aot"] is found["codegen"] is found["compiler"] is None
    assert found["inductor"] == compiled.inductor_us


def test_a_phase_is_never_shorter_than_nothing(compiled):
    assert own_phases(replace(compiled, backend_us=compiled.duration_us + 1))["dynamo"] == 0


def test_a_backend_entry_has_no_dynamo():
    assert list(own_phases(backend_entries()[0])) == ["aot", "inductor", "codegen", "compiler"]


def test_a_lazy_backward_comes_after_its_compile():
    loss = compiles()[5]
    entries = [each for each in backend_entries() if each.compile_id == "2/0"]
    assert [each.kind for each in later_backends(loss, entries)] == ["backward"]
    assert later_backends(replace(loss, duration_us=None), entries) == []


def test_sums_leave_out_what_took_no_time():
    recording, _ = small_recording()
    warm = recording.compiles[-1]
    assert summed_phases(Index(recording), [warm]) == {"dynamo": 600_000, "aot": 220_000, "inductor": 60_000}
    assert summed_phases(Index(recording), []) == {}
