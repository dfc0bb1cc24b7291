from dataclasses import fields

import pandas as pd
import pytest

from megacache import model
from megacache.errors import ArtifactNotFoundError
from megacache.recording import Recording
from megacache.views.tables import Tables, parse_components
from samples import key, small_recording

ROW_CLASSES = {
    "sessions": model.SessionInfo,
    "systems": model.SystemInfo,
    "codes": model.Code,
    "compiles": model.Compile,
    "graph_breaks": model.GraphBreak,
    "dimensions": model.Dimension,
    "guards": model.Guard,
    "backends": model.BackendEntry,
    "uses": model.ArtifactUse,
    "documents": model.Document,
    "events": model.Event,
    "verdicts": model.Verdict,
}
ALL = (*ROW_CLASSES, "recompiles", "artifacts", "key_components")


@pytest.fixture(scope="module")
def tables():
    return Tables(small_recording()[0])


@pytest.mark.parametrize("name", ROW_CLASSES)
def test_a_table_has_the_fields_of_its_class_in_their_order(tables, name):
    assert list(getattr(tables, name).columns) == [field.name for field in fields(ROW_CLASSES[name])]


@pytest.mark.parametrize("name", ALL)
def test_an_empty_table_keeps_columns_and_dtypes(tables, name):
    full, empty = getattr(tables, name), getattr(Tables(Recording()), name)
    assert len(full) > 0
    assert len(empty) == 0
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()


@pytest.mark.parametrize("name", ALL)
def test_a_table_is_made_once(tables, name):
    assert getattr(tables, name) is getattr(tables, name)


def test_dtypes_say_what_may_be_missing(tables):
    dtypes = tables.compiles.dtypes.astype(str)
    assert dtypes[["compile_id", "error", "started_us", "duration_us", "stack"]].tolist() == [
        "string",
        "string",
        "int64",
        "Int64",
        "object",
    ]
    assert str(tables.guards.dtypes["is_dropped"]) == "bool"
    assert tables.compiles.loc[6, "guard_count"] is pd.NA


def test_recompiles_are_joined_with_their_function(tables):
    frame = tables.recompiles
    assert list(frame.columns) == [
        "run_id",
        "compile_id",
        "ordinal",
        "session_id",
        "code_id",
        "qualname",
        "failed_compile_id",
        "guard",
        "source_line",
        "location",
    ]
    assert frame.loc[0, ["compile_id", "qualname", "failed_compile_id"]].tolist() == [
        "0/1",
        "TextEncoder.forward",
        "0/0",
    ]
    assert frame.loc[0, "guard"] == "tensor 'input_ids' size mismatch at index 1. expected 13, actual 24"


def test_a_recompile_without_a_reason_keeps_its_row():
    recording = small_recording()[0]
    frame = Tables(Recording(compiles=recording.compiles, codes=recording.codes)).recompiles
    assert frame["compile_id"].tolist() == ["0/1", "1/1", "0/2"]
    assert frame["guard"].isna().all()


def test_artifacts_say_their_last_state_and_who_touched_them(tables):
    frame = tables.artifacts.set_index(["artifact_type", "cache_key"])
    dynamic = frame.loc[("inductor", key("i", "dynamic"))]
    assert (dynamic["state"], dynamic["compile_ids"]) == ("hit", "0/1,0/0")
    imported = frame.loc[("autotune", key("a", "imported"))]
    assert (imported["state"], imported["compile_ids"]) == (pd.NA, "")
    assert frame.index.is_unique


def test_key_components_are_parsed_graphs_over_their_lines(tables):
    frame = tables.key_components
    assert list(frame.columns) == ["artifact_type", "cache_key", "name", "digest", "text"]
    first = frame[frame["cache_key"] == key("i", "static")].set_index("name")
    assert first.loc["gm", "text"] == (
        "GraphModule()\n\n\n\ndef forward(self, static):\n    return (torch.ops.aten.mm(static),)"
    )
    assert first.loc["inductor_config[epilogue_fusion]", ["digest", "text"]].tolist() == ["esstihe2ny", "False"]
    assert first.loc["cache_key_tag", "text"] == ""


def test_a_component_may_lose_its_trailing_space():
    assert list(parse_components("[v3hz] cache_key_tag:\n[ab] x: 1: 2")) == [
        ("cache_key_tag", "v3hz", ""),
        ("x", "ab", "1: 2"),
    ]
    assert list(parse_components("")) == []


def test_components_that_are_not_at_hand_are_named():
    recording = small_recording()[0]
    bare = Recording(artifact_uses=recording.artifact_uses)
    with pytest.raises(ArtifactNotFoundError, match="open the bundle that holds them"):
        _ = Tables(bare).key_components
