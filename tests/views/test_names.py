from dataclasses import replace

import pytest

from megacache.model import Dimension
from megacache.views import names
from samples import codes


@pytest.mark.parametrize(
    ("guard", "short"),
    [
        ("tensor 'input_ids' size mismatch at index 1. expected 13, actual 24", "input_ids.size(1) 13 → 24"),
        ("tensor 'L['x']' stride mismatch at index 0. expected 4, actual 1", "x.stride(0) 4 → 1"),
        ("tensor 'x' rank mismatch. expected 2, actual 3", "x rank 2 → 3"),
        ("tensor 'x' dtype mismatch. expected Float, actual Double", "x dtype Float → Double"),
        ("n == 1          # y = helper(x)*n  # probe.py:23 in f\nUser stack trace:\n", "n == 1"),
        ("L['self'].training == True", "self.training == True"),
        ("", "reason not recorded"),
    ],
)
def test_a_failed_guard_is_short(guard, short):
    assert names.short_guard(guard) == short
    assert names.failed_guard(guard) == (short if "→" in short else f"{short} failed")


@pytest.mark.parametrize(
    ("filename", "line", "text"),
    [
        ("/home/ada/search/train.py", 41, "train.py:41"),
        (r"C:\work\train.py", 41, "train.py:41"),
        ("<cell 4f1c2a>", 12, "cell 4f1c2a, line 12"),
        ("<cell 4f1c2a>", None, "cell 4f1c2a"),
        (None, 7, "line 7"),
        (None, None, ""),
    ],
)
def test_a_place_has_no_directories(filename, line, text):
    assert names.place(filename, line) == text


def test_a_resume_function_loses_the_prefix_and_a_function_keeps_its_name():
    forward, resume, *_ = codes()
    assert names.code_name(forward) == "TextEncoder.forward"
    assert names.code_name(resume) == "resume_in_forward_at_16"


def test_a_session_is_told_by_its_rank_once():
    assert names.session_title("train", None) == "train"
    assert names.session_title("train", 0) == "train, rank 0"
    assert names.session_title("rank 3 torch_trace", 3) == "rank 3 torch_trace"
    assert names.session_title("rank 12", 1) == "rank 12, rank 1"


def test_keys_and_backends_are_short():
    assert names.short_key(None) == "no key"
    assert names.short_key("f" * 52) == "f" * names.KEY_LENGTH
    assert names.short_backend("__compiled_fn_5_f1800f16_7e72_419e") == "__compiled_fn_5"
    assert names.short_backend("standalone_1") == "standalone_1"


def test_a_dimension_reads_as_the_users_own_expression():
    row = Dimension(
        run_id="r",
        compile_id="0/1",
        ordinal=0,
        symbol="s43",
        hint="24",
        range="[2, int_oo]",
        source="L['input_ids'].size()[1]",
    )
    assert names.dimension_text(row) == "s43 = input_ids.size(1) in [2, ∞]"
    assert names.dimension_text(replace(row, range="[-oo, oo]")).endswith(" in [-∞, ∞]")
    assert names.dimension_text(replace(row, range=None, source=None)) == "s43"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ('File "/home/ada/search/train.py", line 3', 'File "~/search/train.py", line 3'),
        ("/Users/ada/x.py", "~/x.py"),
        (r"C:\Users\ada\x.py", r"~\x.py"),
        ("/root/x.py and /opt/root/y.py", "~/x.py and /opt/root/y.py"),
        ("/var/torchinductor_ada/c6/k.py", "/var/torchinductor/c6/k.py"),
        ("/srv/own home/x.py", "~/x.py"),
        ("/srv/own home2/x.py", "/srv/own home2/x.py"),
    ],
)
def test_no_user_is_named(monkeypatch, text, short):
    monkeypatch.setenv("HOME", "/srv/own home")
    names._own_home.cache_clear()
    try:
        assert names.without_home(text) == short
    finally:
        names._own_home.cache_clear()
