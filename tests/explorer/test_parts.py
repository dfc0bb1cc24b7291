import json
import typing
from dataclasses import replace

import pytest

from megacache.errors import ArtifactNotFoundError
from megacache.explorer import shapes
from megacache.explorer.parts import TEXT_NAMES, Parts, has_plotly
from megacache.recording import Recording
from megacache.views.index import Index
from samples import RUN

SHAPE_OF_KIND = {
    "node": shapes.NodeDetail,
    "source": shapes.SourcePart,
    "guards": shapes.GuardsPart,
    "text": shapes.TextPart,
    "components": shapes.ComponentsPart,
    "timeline": shapes.TimelinePart,
    "figure": shapes.FigurePart,
    "plotly": shapes.PlotlyPart,
}


def check(value, shape):
    """Fail unless a value has the keys and types of a typed dictionary, all the way down."""
    hints = typing.get_type_hints(shape)
    assert set(value) == set(hints), f"{shape.__name__}: {set(value) ^ set(hints)}"
    for name, hint in hints.items():
        check_type(value[name], hint, f"{shape.__name__}.{name}")


def check_type(value, hint, where):
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if typing.is_typeddict(hint):
        check(value, hint)
    elif origin is list:
        assert isinstance(value, list), where
        for each in value:
            check_type(each, arguments[0], where)
    elif origin is tuple:
        assert len(value) == len(arguments), where
    elif origin is not None and type(None) in arguments:
        if value is not None:
            check_type(value, next(each for each in arguments if each is not type(None)), where)
    elif hint is not object and origin is not dict:
        assert type(value) is hint, f"{where}: {value!r}"


def test_every_part_of_a_recording_has_its_shape(snapshot):
    met = set()
    for kind, name in snapshot.parts.names():
        part = snapshot.part(kind, name)
        check(part, SHAPE_OF_KIND[kind])
        assert json.loads(json.dumps(part, allow_nan=False))
        met.add(kind)
    assert met == set(SHAPE_OF_KIND) - {"figure", "plotly"}


@pytest.mark.parametrize("name", ["timeline", "sizes", "icicle_time", "icicle_bytes"])
def test_every_figure_has_its_shape(snapshot, name):
    part = snapshot.part("figure", name)
    check(part, shapes.FigurePart)
    assert part["data"]
    assert json.dumps(part, allow_nan=False)


def test_plotly_comes_from_the_installed_package(snapshot):
    assert has_plotly()
    assert "Plotly" in snapshot.part("plotly", "")["script"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("node", "1"),
        ("node", "-1"),
        ("node", "²"),
        ("source", "code-nowhere"),
        ("guards", "0/0"),
        ("text", "ab" * 32),
        ("components", "ab" * 32),
        ("figure", "pie"),
        ("artifact", "x"),
    ],
)
def test_a_part_that_is_not_there_is_said_so(snapshot, kind, name):
    with pytest.raises(ArtifactNotFoundError, match=r"there is no .* in this recording"):
        snapshot.part(kind, name)


def test_only_texts_are_handed_out_as_text(snapshot, recording):
    artifact = recording.artifacts[0].content_sha256
    with pytest.raises(ArtifactNotFoundError):
        snapshot.part("text", artifact)
    texts = {row.content_sha256 for row in recording.documents if row.name in TEXT_NAMES}
    assert {name for kind, name in snapshot.parts.names() if kind == "text"} == texts


def test_source_lines_are_marked(snapshot):
    part = snapshot.part("source", "code-forward")
    assert (part["file"], part["qualname"]) == ("<cell 4f1c2a>", "TextEncoder.forward")
    marks = {line["number"]: line["mark"] for line in part["lines"]}
    assert marks[16] == "break"
    assert marks[13] == "guard"
    assert part["lines"][4]["notes"] == ["graph break: Failed to trace builtin operator"]


def test_a_guard_says_which_compile_its_failure_caused(snapshot):
    rows = snapshot.part("guards", f"{RUN}:0/0")["rows"]
    assert {row["type"]: row["failedIn"] for row in rows if row["failedIn"]} == {"TENSOR_MATCH": "0/1"}
    (scale,) = [row for row in snapshot.part("guards", f"{RUN}:0/1")["rows"] if "scale" in row["expression"]]
    assert (scale["failedIn"], scale["source"]) == ("0/2", "scale")
    (dropped,) = [row for row in rows if row["isDropped"]]
    assert dropped["dropReason"] == "caching_precompile drops ID_MATCH"


def test_the_lines_of_a_text_end_as_a_browser_ends_them(snapshot, recording):
    written = replace(recording, read=lambda _: b"one\r\ntwo\rthree\n")
    parts = Parts(Index(written), snapshot.function_lines, [])
    digest = next(row.content_sha256 for row in recording.documents if row.name == "output_code")
    assert parts.part("text", digest)["text"] == "one\ntwo\nthree\n"


def test_a_long_text_is_cut_and_says_how_much(snapshot, recording):
    parts = Parts(snapshot.index, snapshot.function_lines, [], text_limit_bytes=100)
    digest = next(row for row in recording.documents if row.name == "output_code")
    part = parts.part("text", digest.content_sha256)
    assert len(part["text"]) == 100
    assert part["leftOutBytes"] == digest.size_bytes - 100
    assert part["language"] == "python"


def test_components_are_in_torchs_order(snapshot, recording):
    digest = next(use.components_sha256 for use in recording.artifact_uses if use.components_sha256)
    rows = snapshot.part("components", digest)["rows"]
    names = ["gm", "example_inputs[0]", "cache_key_tag", "inductor_config[epilogue_fusion]"]
    assert [row["name"] for row in rows] == names
    assert rows[3] == {"name": names[3], "digest": "esstihe2ny", "text": "False"}


def test_an_empty_recording_has_only_a_timeline():
    parts = Parts(Index(Recording()), [], [])
    assert list(parts.names()) == [("timeline", "")]
    assert parts.part("timeline", "")["durationUs"] == 0
