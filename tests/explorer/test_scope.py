import pytest

from megacache.explorer.scope import Scope
from megacache.model import GRAPH_NAMES
from megacache.views.index import Index


@pytest.fixture
def scope(snapshot):
    def of(kind, name=None):
        node = next(
            line.node for line in snapshot.function_lines if line.node.kind == kind and name in (None, line.node.name)
        )
        return Scope(Index(snapshot.recording), node)

    return of


def test_compiles_are_those_below_a_node(scope):
    assert [key[1] for key in scope("session", "encoder").compile_keys] == [
        "0/0", "0/1", "0/2", "1/0", "1/1", "2/0", "3/0",
    ]  # fmt: skip
    assert [key[1] for key in scope("recompile", "1/1").compile_keys] == ["1/1"]
    assert scope("untied").compile_keys == []


def test_a_backend_entry_has_only_its_own_documents(scope):
    (graph, after) = scope("backend", "__compiled_fn_3").documents(GRAPH_NAMES)
    assert {graph.backend_id, after.backend_id} == {"__compiled_fn_3_bb"}
    assert graph.compile_id == "1/0"


def test_the_code_of_an_artifact_is_that_of_its_compile(scope):
    assert scope("artifact").code.code_id == "code-forward"
    assert scope("resume").code.code_id == "code-resume"
    assert scope("resume").source.code_id == "code-forward"
    assert scope("session").source is None
