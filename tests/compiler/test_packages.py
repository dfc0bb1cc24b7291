"""One function's precompile entry: looked at, installed once it is proven right, and taken out without a rest."""

import gc
import json
import pickle
from dataclasses import replace

import pytest

from megacache.bundle import Bundle
from megacache.bundle.union import Contents
from megacache.errors import EntryNotFoundError, EntryRefusedError, UntrustedError, UsageError

pytestmark = pytest.mark.torch

TEXT = """
import torch

def double(x):
    return x * 2

def triple(x):
    return x * 3

op = double

def f(x):
    y = op(x).sin()
    torch._dynamo.graph_break()
    return y + 1
"""


@pytest.fixture
def x():
    import torch

    return torch.arange(6.0)


@pytest.fixture
def keep(tmp_path, x):
    """Compile a function in a bundle's place, as a process before; its backend is eager, so no compiler runs."""
    import torch
    from torch._dynamo.package import CompilePackage, DynamoStore
    from torch._dynamo.precompile_context import PrecompileContext

    from megacache.compiler.dynamo_store import BundleDynamoStore
    from megacache.compiler.package_watch import WATCH

    def compiled(function, *, is_watched=True, call=None):
        path = tmp_path / "kept.megacache"
        if is_watched:
            WATCH.attach()
        try:
            package = CompilePackage(function)
            with torch._dynamo.config.patch(caching_precompile=True):
                optimized = torch._dynamo.optimize(backend="eager", package=package)(function)
                (call or (lambda each: each(x)))(optimized)
            for backend_id, backend in package.cached_backends.items():
                DynamoStore.record_eager_backend(None, backend_id, backend)
            BundleDynamoStore(path).save_package(package, package.source_id)
        finally:
            WATCH.detach()
        assert WATCH.faults == []
        forget()
        return path

    def forget():
        torch._dynamo.reset()
        PrecompileContext.clear()
        gc.collect()

    forget()
    yield compiled
    forget()


@pytest.fixture
def package(define):
    """Open a function's package in a bundle, and leave nothing installed."""
    opened = []

    def of(path, function, **options):
        with Bundle.open(path) as bundle:
            opened.append(bundle.package(function, **options))
        return opened[-1]

    yield of
    for each in opened:
        each.uninstall()


def test_a_package_is_looked_at_without_a_pickle(keep, define, package, monkeypatch):
    module = define(TEXT, "looked")
    path = keep(module.f)
    monkeypatch.setattr(pickle, "loads", None)
    found = package(path, module.f)
    main, resume = found.entry.codes
    assert [found.entry.name, found.entry.module, found.entry.first_line] == ["f", "looked", 12]
    assert [main.qualname, main.is_resume, resume.is_resume] == ["f", False, True]
    assert main.variants[0].resume_names == resume.function_names
    assert sorted(each.backend_id for each in found.backends) == sorted(found.entry.backend_ids)
    assert {each.kind for each in found.backends} == {"EagerCacheArtifact"}
    assert main.variants[0].guards_size_bytes > 0
    assert all(each.startswith("torch") for code in found.entry.codes for each in code.import_sources.values())
    assert {each.first_line for each in found.entry.inlined_sources} == {4, 12}
    assert [found.problems, found.refusals, found.is_installed] == [(), (), False]
    assert "looked.f" in str(found)
    assert "looked.f" in repr(found)


def test_the_pickle_and_the_live_object_tell_the_same(compiled, tmp_path):
    from torch._dynamo.package import PrecompileCacheEntry

    from megacache.bundle.precompiled_pickle import read_entry
    from megacache.compiler.entry_view import entry_view

    entry = compiled.package.cache_entry()
    content = pickle.dumps(PrecompileCacheEntry(entry, dict.fromkeys(entry.backend_ids)))
    read, backends = read_entry("key", content)
    assert read == entry_view("key", entry, entry.backend_ids)
    assert {each.backend_id for each in backends} == set(entry.backend_ids)


def test_an_entry_of_a_bundle_that_is_doubted_is_looked_at_and_not_installed(keep, define, package, monkeypatch):
    module = define(TEXT)
    path = keep(module.f)
    path.chmod(0o666)
    found = package(path, module.f)
    assert found.entry.name == "f"
    with monkeypatch.context() as patch:
        patch.setattr(pickle, "loads", None)
        with pytest.raises(UntrustedError, match="everyone may write it"):
            found.install()
    assert not found.is_installed
    trusted = package(path, module.f, trust=True)
    trusted.install()
    assert trusted.is_installed


def test_what_is_installed_runs_and_what_is_uninstalled_compiles_again(keep, define, package, x):
    import torch

    module = define(TEXT)
    path = keep(module.f)
    found, right = package(path, module.f), module.f(x)
    before = dict(vars(module))
    found.install()
    found.install()
    assert found.is_installed
    with torch.compiler.set_stance("fail_on_recompile"):
        assert torch.compile(module.f, backend="eager")(x).equal(right)
    longer = torch.arange(9.0)
    assert torch.compile(module.f, backend="eager")(longer).equal(module.f(longer))  # compiles, beside what is there
    torch._dynamo.reset()
    gc.collect()
    found.uninstall()
    assert not found.is_installed
    # Those that a compile of this process made are as they were.
    assert {each: value for each, value in vars(module).items() if each in before} == before
    assert not {each.backend_id for each in found.backends} & (vars(module).keys() - before.keys())
    with torch.compiler.set_stance("fail_on_recompile"), pytest.raises(RuntimeError, match="recompile"):
        torch.compile(module.f, backend="eager")(x)
    assert torch.compile(module.f, backend="eager")(x).equal(right)
    module.op = module.triple
    assert torch.compile(module.f, backend="eager")(x).equal(module.f(x))


def test_it_can_be_installed_uninstalled_and_installed_again(keep, define, package, x):
    import torch

    module = define(TEXT)
    found = package(keep(module.f), torch.compile(module.f))
    for _ in range(2):
        found.install()
        with torch.compiler.set_stance("fail_on_recompile"):
            assert torch.compile(module.f, backend="eager")(x).equal(module.f(x))
        found.uninstall()
    found.uninstall()


EDITS = {
    "the function": (TEXT.replace("y + 1", "y + 2"), "`f` changed since it was compiled"),
    "an inlined helper": (TEXT.replace("x * 2", "x * 5"), "`double`, which it inlined, changed since it was compiled"),
    "what a name stands for": (TEXT.replace("op = double", "op = triple"), r"G\['op'\] is another thing now"),
    "a name that is gone": (TEXT.replace("op = double", "del double"), "cannot|is not there|changed"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_refused_by_name_and_nothing_is_installed(keep, define, package, edit):
    text, reason = EDITS[edit]
    path = keep(define(TEXT).f)
    edited = define(text)
    names = set(vars(edited))
    found = package(path, edited.f)
    with pytest.raises(EntryRefusedError, match=reason) as caught:
        found.install()
    assert caught.value.reasons == found.refusals
    assert not found.is_installed
    assert set(vars(edited)) == names


def test_code_that_only_moved_has_another_key_of_torchs_and_is_right_under_its_own(keep, define, package):
    path = keep(define(TEXT, "moved").f)
    moved = define("# moved\n" + TEXT, "moved")
    with pytest.raises(EntryNotFoundError):
        package(path, moved.f)
    with Bundle.open(path) as bundle:
        key = bundle.recording().artifacts[0].cache_key
    assert package(path, moved.f, key=key).refusals == ()


def test_a_function_of_that_name_and_line_in_another_module_is_refused(keep, define, package):
    path = keep(define(TEXT, "one").f)
    with pytest.raises(EntryRefusedError, match="it is of a function of that name in module one, not in other"):
        package(path, define(TEXT, "other").f).install()


CLOSURES = """
import torch

def make(op):
    def f(x):
        return op(x) + 1
    return f

def double(x):
    return x * 2

def triple(x):
    return x * 3

f, g = make(double), make(triple)
"""


def test_another_thing_in_the_closure_is_refused(keep, define, package):
    module = define(CLOSURES)
    path = keep(module.f)
    assert package(path, module.f).refusals == ()
    with pytest.raises(EntryRefusedError, match=r"C\['op'\] is another thing now"):
        package(path, module.g).install()


ARGUMENT = """
def double(x):
    return x * 2

def f(x, op):
    return op(x) + 1
"""


def test_what_hangs_on_an_argument_is_refused(keep, define, package, x):
    module = define(ARGUMENT)
    path = keep(module.f, call=lambda each: each(x, module.double))
    with pytest.raises(EntryRefusedError, match=r"leaves out its guard on L\['op'\], so that nothing would notice"):
        package(path, module.f).install()


def test_another_cpu_and_another_config_are_refused(keep, define, package, tmp_path, monkeypatch):
    import torch

    module = define(TEXT)
    path = keep(module.f)
    with torch._inductor.config.patch(epilogue_fusion=False):
        assert package(path, module.f).refusals == (
            "inductor option `epilogue_fusion` is False, it was compiled with True",
        )
    # As if the environment had set another default: no row tells that.
    monkeypatch.setattr(torch._inductor.config._config["pattern_matcher"], "default", False)
    assert package(path, module.f).refusals == (
        "an option of torch that holds an object or that the environment sets is another now",
    )
    monkeypatch.undo()
    far = tmp_path / "far.megacache"
    with Bundle.open(path) as bundle, Bundle.create(far) as other:
        found = bundle.recording()
        rows = replace(found, systems=(replace(found.systems[0], cpu_isa="sve512"),))
        other.append(rows, Contents(found))
    with pytest.raises(EntryRefusedError, match=r"CPU has .*, the bundle was compiled for sve512"):
        package(far, module.f).install()


def test_what_nobody_noted_must_be_trusted_and_the_code_is_compared_all_the_same(keep, define, package, x):
    import torch

    module = define(TEXT)
    path = keep(module.f, is_watched=False)
    with pytest.raises(EntryRefusedError, match="nobody noted what it inlined"):
        package(path, module.f).install()
    package(path, module.f, trust_unknown=True).install()
    with torch.compiler.set_stance("fail_on_recompile"):
        assert torch.compile(module.f, backend="eager")(x).equal(module.f(x))
    edited = define(TEXT.replace("y + 1", "y + 2"))
    with pytest.raises(EntryRefusedError, match="`f` changed since it was compiled"):
        package(path, edited.f, trust_unknown=True).install()


def test_a_name_that_stands_for_something_else_is_not_taken_over(keep, define, package, monkeypatch):
    module = define(TEXT)
    path = keep(module.f)
    name = package(path, module.f).entry.codes[1].function_names[0]
    monkeypatch.setitem(vars(module), name, print)
    with pytest.raises(EntryRefusedError, match=f"the name {name} stands for something else here"):
        package(path, module.f).install()
    assert vars(module)[name] is print


def test_what_is_missing_or_no_function_is_named(keep, define, package):
    module = define(TEXT)
    path = keep(module.f)
    with pytest.raises(EntryNotFoundError, match="has no precompile entry"):
        package(path, module.double)
    with pytest.raises(UsageError, match="has no Python code"):
        package(path, len)


def test_the_watch_leaves_torch_as_it_was(keep, define):
    from torch._dynamo.guards import CheckFunctionManager
    from torch._dynamo.package import CompilePackage

    before = CheckFunctionManager.__init__, CompilePackage.initialize
    keep(define(TEXT).f)
    assert (CheckFunctionManager.__init__, CompilePackage.initialize) == before


# -- in processes of their own, with inductor --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(programs):
    """What three processes say: one compiles under a session, two install, one of them after an edit."""
    return [
        json.loads(programs.run("installed_package", verb, "installed.megacache", cache="one").splitlines()[-1])
        for verb in ("compile", "install", "edited")
    ]


def test_an_entry_that_a_session_kept_is_installed_in_the_next_process(told):
    compiled, installed, edited = told
    assert compiled["is_right"]
    assert installed == {
        "is_right": True,
        "refusals": [],
        "is_right_for_another_shape": True,
        "is_right_after_uninstall": True,
        "compiles": [0, 1, 3],
    }
    assert edited["refusals"] == [
        "`helper`, which it inlined, changed since it was compiled",
        "G['helper'] is another thing now than when it was compiled",
    ]
