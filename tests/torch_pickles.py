"""Pickles as torch would write them, made without torch: objects of classes that need not exist."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field


@dataclass(eq=False)
class Made:
    """An object of a class with this dotted name, made of arguments, with a state and with items."""

    name: str
    arguments: tuple = ()
    state: object = None
    items: dict[object, object] = field(default_factory=dict)


@dataclass
class Named:
    """A class or function by its dotted name."""

    name: str


def written(value: object) -> bytes:
    """Write a value without the beginning and the end of a pickle."""
    if isinstance(value, Named):
        module, _, name = value.name.rpartition(".")
        return f"c{module}\n{name}\n".encode()
    if isinstance(value, Made):
        state = b"" if value.state is None else written(value.state) + b"b"
        items = written(value.items)[1:] if value.items else b""
        return written(Named(value.name)) + written(value.arguments) + b"R" + state + items
    if isinstance(value, dict):
        return b"}(" + b"".join(written(key) + written(each) for key, each in value.items()) + b"u"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(written, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(written, value)) + b"e"
    return pickle.dumps(value, protocol=3)[2:-1]


def pickled(value: object) -> bytes:
    """Write a whole pickle."""
    return b"\x80\x04" + written(value) + b"."


def graph(key: str, **fields: object) -> Made:
    """A `CompiledFxGraph`."""
    state = {
        "_fx_graph_cache_key": key,
        "_fx_graph_cache_debug_lines": [f"[hash{key}] gm: graph of {key}", "[otherhash] default_dtype: torch.float32"],
        "source_code": f"# code of {key}",
        "inductor_post_grad_graph_str": f"graph of {key}",
        "guards_expr": None,
        "fx_kwargs": {"is_backward": False, "is_inference": False},
        "cache_linemap": [
            (1, '  File "model.py", line 12, in step\n    x\n  File "other.py", line 3, in helper\n    y\n')
        ],
        "_time_taken_ns": 2_000_000,
        "runnable_graph_str": "s77 = 5\n\nimport os",
        **fields,
    }
    return Made("torch._inductor.output_code.CompiledFxGraph", (), state)


def aot(forward: object, backward: object = None, backend_id: str | None = None, **fields: object) -> Made:
    """An `AOTAutogradResult`, whose graphs are named by their keys, or, as `graph`, bundled."""

    def half(each: object) -> object:
        if isinstance(each, Made):
            return Made(f"{_AOT}.BundledCompiledForward", (), {"result": each})
        return Made(f"{_AOT}.CompiledForward", (), {"fx_graph_cache_info": (each, [f"[hash{each}] gm: by its key"])})

    source = Made("torch._dynamo.source.LocalSource", ("x", True))
    size = Made("torch._dynamo.source.TensorProperty", (0,))
    state = {
        "compiled_fw": half(forward),
        "compiled_bw": None if backward is None else half(backward),
        "aot_forward_graph_str": 'def forward(self,\n  primals_1: "Sym(s77)",  # PlainAOTInput(idx=0)\n): pass',
        "aot_joint_graph_str": None if backward is None else "joint",
        "aot_backward_graph_str": None if backward is None else "backward",
        "guards_expr": None,
        "forward_time_taken_ns": 3_000_000,
        "backward_time_taken_ns": 1_000_000,
        "sanitized_aot_config": Made(
            "torch._functorch._aot_autograd.schemas.CacheableAOTConfig",
            (),
            {
                "precompile_backend_id": backend_id,
                "aot_autograd_arg_pos_to_source": [
                    Made("torch._dynamo.source.TensorPropertySource", (source, size, 0))
                ],
            },
        ),
        **fields,
    }
    return Made(f"{_AOT}.{'BundledAOTAutogradResult' if isinstance(forward, Made) else 'AOTAutogradResult'}", (), state)


_AOT = "torch._functorch._aot_autograd.aot_autograd_result"
_PACKAGE = "torch._dynamo.package"


def guard(guard_type: str, *expressions: str, source: object = None) -> Made:
    """A `Guard`."""
    return Made(
        "torch._guards.Guard",
        (),
        (
            None,
            {
                "originating_source": source or Made("torch._dynamo.source.GlobalStateSource"),
                "create_fn": Named(f"torch._dynamo.guards.GuardBuilder.{guard_type}"),
                "code_list": list(expressions) or None,
            },
        ),
    )


def guards_state(*guards: Made, shapes: tuple[str, ...] = ()) -> bytes:
    """The pickled guards of one guarded code."""
    helper = Made("torch.fx.experimental.symbolic_shapes._ShapeGuardsHelper", (), [list(shapes)])
    return pickled(
        Made(
            "torch._dynamo.guards.GuardsState",
            (),
            {
                "output_graph": Made(
                    "torch._dynamo.output_graph.OutputGraphGuardsState",
                    (),
                    {
                        "_guards": Made(
                            "torch._guards.GuardsSet",
                            (),
                            {"inner": Made("torch.utils._ordered_set.OrderedSet", (list(guards),))},
                        ),
                        "input_source_to_sizes_strides": {},
                    },
                ),
                "shape_code_parts": Made("torch._dynamo.guards.ShapeCodeParts", (), {"verbose_code_parts": helper}),
            },
        )
    )


@dataclass
class Function:
    """One code object of a precompile entry, each of its variants as the names it calls and its guards."""

    qualname: str
    first_line: int
    variants: list[tuple[tuple[str, ...], object]] = field(default_factory=list)
    names: tuple[str, ...] = ()
    is_bypassed: bool = False

    def made(self) -> Made:
        """Return it as torch's class."""
        return Made(
            f"{_PACKAGE}._DynamoCodeCacheEntry",
            (),
            {
                "python_code": _code(self.qualname, self.first_line, ()),
                "python_module": "model",
                "function_names": list(self.names),
                "guarded_codes": [
                    Made(
                        f"{_PACKAGE}._GuardedCodeCacheEntry",
                        (),
                        {"guards_state": guards, "dynamo_code": _code(self.qualname, self.first_line, names)},
                    )
                    for names, guards in self.variants
                ],
                "bypassed": self.is_bypassed,
            },
        )


def _code(qualname: str, first_line: int, names: tuple[str, ...]) -> Made:
    nested = Made(f"{_PACKAGE}.SerializedCode", (), {"co_names": names[1:], "co_consts": (None, 1)})
    return Made(
        f"{_PACKAGE}.SerializedCode",
        (),
        {
            "co_qualname": qualname,
            "co_name": qualname.rpartition(".")[2],
            "co_filename": "model.py",
            "co_firstlineno": first_line,
            "co_names": names[:1],
            "co_consts": (None, nested),
        },
    )


MODULE = (
    "import torch\n\n\ndef helper(x):\n    return x\n\n\ndef step(x):\n    y = helper(x)\n    print()\n    return y\n"
)


def precompile(*functions: Function, backends: dict[str, Made] | None = None) -> Made:
    """A `PrecompileCacheEntry`."""
    inlined = [
        Made(
            f"{_PACKAGE}.InlinedSource",
            (),
            {"module": "model", "firstlineno": first, "lastlineno": last, "checksum": "", "content": MODULE},
        )
        for first, last in ((4, 6), (8, 12))
    ]
    dynamo = {
        "codes": [each.made() for each in functions],
        "source_info": Made(f"{_PACKAGE}.SourceInfo", (), {"inlined_sources": inlined}),
        "system_info": Made(
            f"{_PACKAGE}.SystemInfo",
            (),
            {
                "python_version": "3.11.7",
                "torch_version": Made("torch.torch_version.TorchVersion", ("2.15.0",)),
                "triton_version": (3, 9),
                "toolkit_version": None,
                "gpu_name": None,
            },
        ),
    }
    return Made(
        f"{_PACKAGE}.PrecompileCacheEntry",
        (),
        {
            "dynamo": Made(f"{_PACKAGE}._DynamoCacheEntry", (), dynamo),
            "backends": {
                name: Made(f"{_AOT}.BundledAOTAutogradCacheArtifact", (), {"key": name, "content": each})
                for name, each in (backends or {}).items()
            },
        },
    )


def profile(**sizes: tuple[object, ...]) -> Made:
    """The state of profile-guided optimization of one function; a size that is None is dynamic."""
    dynamic = Made("torch._dynamo.pgo.AutoDynamic", (0,))
    entries = {
        f"L[{name!r}]": Made(
            "torch._dynamo.pgo.FrameStateSizeEntry",
            (),
            {"scalar": dynamic, "size": tuple(dynamic if each is None else each for each in value)},
        )
        for name, value in sizes.items()
    }
    code_id = Made("torch._dynamo.pgo.CodeId", (), {"filename": "model.py", "firstlineno": 8, "name": "step"})
    by_source = Made("collections.defaultdict", items=entries)
    state = Made("torch._dynamo.pgo.CodeState", (), {"automatic_dynamic": by_source})
    return Made("collections.defaultdict", items={code_id: state})
