"""What each supported torch release has, and where: the list of every private name that megacache touches.

Layer: compiler. `check()` turns a missing name into one clear error before anything is patched.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from megacache.errors import TorchError

SUPPORTED = ("2.13", "2.14", "2.15")
"""The releases that are tested."""


@dataclass(frozen=True, slots=True)
class TorchName:
    """One private name of torch, and why we need it."""

    module: str
    name: str
    why: str


PRIVATE_NAMES = (
    TorchName("torch._dynamo.convert_frame", "_compile", "which code object a compile id belongs to, and how it ended"),
    TorchName("torch._dynamo.convert_frame", "register_bytecode_hook", "backend ids and resume functions of a compile"),
    TorchName("torch._dynamo.guards", "CheckFunctionManager", "the guards that a user's filter drops"),
    TorchName("torch._functorch._aot_autograd.autograd_cache", "_get_debug_lines_for_cache_key", "AOT key components"),
    TorchName("torch.compiler._cache", "CacheArtifactManager.record_artifact", "every artifact's type, key and bytes"),
    TorchName("torch.compiler._cache", "CacheArtifactFactory.encode_create", "the bytes of artifacts kept as objects"),
    TorchName("torch.compiler._cache", "CacheArtifactFactory.create", "an artifact given back to torch's caches"),
    TorchName("torch.compiler._cache", "CacheArtifact.populate_cache", "an artifact given back to torch's caches"),
    TorchName("torch.compiler._cache", "CacheArtifactFactory._artifact_types", "which artifact types this torch has"),
    TorchName(
        "torch.compiler._cache",
        "CacheArtifactManager._ensure_cache_artifacts_registered",
        "which artifact types this torch has",
    ),
    TorchName("torch._guards", "CompileContext.current_compile_id", "the compile id that an artifact belongs to"),
    TorchName("torch._logging.structured", "INTERN_TABLE", "file names that were interned before we listened"),
    TorchName("torch._dynamo.precompile_context", "PrecompileContext.save_to_dynamo_cache", "precompile artifacts"),
    TorchName("torch._dynamo.guards", "CheckFunctionManager.compile_check_fn", "the guards of a frame, built again"),
    TorchName("torch._dynamo.guards", "GuardBuilder.SHAPE_ENV", "the text of the guards on sizes"),
    TorchName("torch._dynamo.guards", "convert_int_to_concrete_values", "sizes of inputs without their symbols"),
    TorchName("torch._dynamo.output_graph", "OutputGraphCommon", "what guards are built from"),
    TorchName("torch._dynamo.output_graph", "OutputGraphGuardsState", "what guards are built from"),
    TorchName("torch._dynamo.guards", "get_guard_fail_reason_helper", "which guard a live frame does not pass"),
    TorchName("torch._dynamo.symbolic_convert", "_import_module", "the modules that aliases in globals stand for"),
    TorchName("torch._guards", "ChainedSource", "guards that read what Python made for a named tuple"),
    TorchName("torch._dynamo.source", "GlobalSource", "guards that read a name which Dynamo made up"),
    TorchName("torch._dynamo.bytecode_transformation", "unique_id", "names for what served bytecode reads"),
    TorchName("torch._dynamo.types", "wrap_guarded_code", "a guarded code handed to Dynamo"),
    TorchName("torch._dynamo.utils", "CleanupHook.create", "names that go with the bytecode that reads them"),
    TorchName("torch._dynamo.utils", "CleanupManager.instance", "names that go with the bytecode that reads them"),
    TorchName("torch._dynamo.utils", "orig_code_map", "which code object served bytecode belongs to"),
    TorchName("torch._dynamo.convert_frame", "output_codes", "bytecode that Dynamo must not compile again"),
    TorchName("torch._dynamo.eval_frame", "innermost_backend", "the options that `torch.compile` was given"),
    TorchName("torch", "_TorchCompileInductorWrapper", "the options that `torch.compile` was given"),
    TorchName("torch._C._dynamo.guards", "GlobalStateGuard", "the global state that guards compare with"),
    TorchName("torch._C", "_len_torch_function_stack", "modes that guards do not tell"),
    TorchName("torch._C", "_len_torch_dispatch_stack", "modes that guards do not tell"),
    TorchName("torch._C._functorch", "peek_interpreter_stack", "transforms that guards do not tell"),
    TorchName("torch.utils._pytree", "SUPPORTED_NODES", "the containers that torch takes apart"),
    TorchName("torch._library.custom_ops", "OPDEFS", "the Python parts of an operator"),
    TorchName(
        "torch._functorch._aot_autograd.aot_autograd_result",
        "deserialize_bundled_cache_entry",
        "the callable of a stored graph",
    ),
    TorchName(
        "torch._functorch._aot_autograd.aot_autograd_result",
        "BundledAOTAutogradResult",
        "the callable of a stored graph",
    ),
    TorchName(
        "torch._functorch._aot_autograd.autograd_cache", "AOTAutogradCache.make_entry", "a forward without its backward"
    ),
    TorchName("torch._functorch._aot_autograd.graph_compile", "_cache_autograd_info", "a forward without its backward"),
    TorchName("torch._functorch._aot_autograd.graph_compile", "_cache_inference_info", "a graph that torch cannot key"),
    TorchName("torch._functorch._aot_autograd.autograd_cache", "autograd_cache_key", "AOT keys that know Python parts"),
    TorchName("torch._functorch._aot_autograd.autograd_cache", "BypassAOTAutogradCache", "graphs that have no key"),
    TorchName("torch._inductor.codecache", "compiled_fx_graph_hash", "FX keys that know Python parts"),
    TorchName("torch._inductor.codecache", "BypassFxGraphCache", "graphs that have no key"),
    TorchName("torch._inductor.decomposition", "decompositions", "decompositions that are not torch's own"),
    TorchName("torch._library.simple_registry", "singleton", "the fake of an operator"),
    TorchName("torch._C", "_dispatch_get_all_op_names", "which operators are there"),
    TorchName("torch._C", "_jit_get_schemas_for_operator", "what the schemas of an operator say"),
    TorchName("torch.distributed.distributed_c10d", "_world.pg_map", "the members of the process groups"),
    TorchName("torch.library", "_impls", "whether an operator has parts in Python"),
    TorchName("torch._inductor.compile_fx", "compile_fx_inner", "a backward that is lowered when it first runs"),
    TorchName("torch._inductor.codecache", "CppCodeCache._load_library", "a kernel's library out of a bundle"),
    TorchName("torch._inductor.codecache", "CppCodeCache.cache", "kernels that are loaded already"),
    TorchName("torch._inductor.codecache", "CppCodeCache.load_async", "every CPU kernel that is asked for and loaded"),
    TorchName("torch._inductor.codecache", "CppPythonBindingsCodeCache._loaded_module_names", "kernels with bindings"),
    TorchName("torch._inductor.codecache", "_resolve_needs_vec_isa", "whether a kernel depends on the vector ISA"),
    TorchName("torch._inductor.config", "_get_dict", "the options that a kernel is compiled with"),
    TorchName(
        "torch._inductor.cpu_vec_isa", "VecAVX512._is_avx512_bf16_supported", "what the probes of an ISA find out"
    ),
    TorchName("torch._inductor.cpu_vec_isa", "pick_vec_isa", "the vector ISA that CPU kernels are compiled for"),
    TorchName("torch._inductor.cpu_vec_isa", "supported_vec_isa_list", "the ISAs that inductor knows"),
    TorchName("torch._inductor.cpu_vec_isa", "valid_vec_isa_list.cache_info", "whether inductor has probed the ISAs"),
    TorchName("torch._inductor.cpu_vec_isa", "x86_isa_checker", "the ISAs of this CPU, without probes"),
    TorchName("torch._inductor.runtime.cache_dir_utils", "cache_dir", "where the libraries of kernels lie"),
    TorchName("torch._dynamo.precompile_context", "PrecompileContext._dynamo_cache_entries", "what torch would save"),
    TorchName(
        "torch._dynamo.precompile_context", "PrecompileContext._backend_artifacts_by_key", "what torch would save"
    ),
    TorchName("torch._dynamo.package", "CompilePackage.source_id_from_fn", "the key of a function's precompile entry"),
    TorchName("torch._dynamo.package", "CompilePackage.initialize", "what a package relies on, noted from its birth"),
    TorchName("torch._dynamo.package", "CompilePackage.install", "a stored entry put into the running program"),
    TorchName("torch._dynamo.package", "CompilePackage.uninstall", "a stored entry taken out again"),
    TorchName("torch._dynamo.package", "SerializedCode.to_code_object", "whether a stored code is the live one"),
    TorchName("torch._dynamo.package", "_lookup_code", "code objects that an entry finds by name"),
    TorchName("torch._C._dynamo.eval_frame", "_reset_precompile_entries", "a stored entry taken out again"),
    TorchName("torch._C._dynamo.eval_frame", "reset_code", "frames that a stored entry marked to be skipped"),
    TorchName("torch._dynamo.eval_frame", "innermost_fn", "the function that torch compiles"),
    TorchName("torch._dynamo.eval_frame", "OptimizedModule", "the function that torch compiles"),
    TorchName("torch._dynamo.package", "DynamoStore", "a bundle in the place of torch's stores"),
    TorchName("torch._dynamo.package", "PrecompileCacheArtifact.type", "a bundle in the place of torch's stores"),
    TorchName("torch._dynamo.package", "PrecompileCacheEntry", "what torch keeps of one function"),
    TorchName("torch.compiler._cache", "CacheArtifactRecorder", "entries of a store in torch's own cache artifacts"),
    TorchName("torch._inductor.standalone_compile", "standalone_compile", "what is lowered outside of any compile id"),
    TorchName("torch._inductor.standalone_compile", "CompiledArtifact.load", "artifacts loaded from files"),
    TorchName("torch._inductor.codecache", "torch_key", "which torch wrote a compiled artifact"),
    TorchName("torch._dynamo.aot_compile", "aot_compile_fullgraph", "what is lowered outside of any compile id"),
    TorchName("torch._dynamo.aot_compile", "AOTCompiledFunction.serialize", "functions of aot_compile, kept"),
    TorchName("torch._dynamo.aot_compile", "CompileArtifacts", "the code of such a function: its `original_code`"),
    TorchName("torch.cpu", "_init_amx", "leave of Linux to use the tiles of AMX"),
    TorchName("torch.cpu", "_is_avx512_bf16_supported", "what the probes of an ISA find out"),
)
"""Present, with these names, in 2.13.0, 2.14.1 and 2.15.0."""

UNCHECKED_NAMES = (
    TorchName("torch._dynamo.aot_compile", "AOTCompiledFunction._artifacts", "the code of a function of aot_compile"),
    TorchName("torch._dynamo.aot_compile", "AOTCompiledFunction._extra_globals", "the module of such a function"),
    TorchName("torch._precompile", "_MakeFxCapture.__call__", "2.15: what a precompile capture lowers"),
    TorchName("torch._precompile", "_MakeFxCapture._module", "2.15: the function that it captures"),
    TorchName("torch._precompile", "_MakeFxCapture._rendered", "2.15: the two files that it will write"),
)
"""Attributes of instances, which only a compile makes, and names of newer releases, which `find` asks for."""

TRACE_LOGGER = "torch.__trace"
"""The logger that carries the structured trace; what TORCH_TRACE writes and tlparse reads."""

GUARDS_LOGGER = "torch._dynamo.guards"
"""The logger that alone says which guards `caching_precompile` drops."""


def resolve(name: TorchName) -> object:
    """Return what a private name stands for.

    Raises:
        TorchError: When torch is not installed, or this release no longer has the name.
    """
    try:
        found: object = importlib.import_module(name.module)
        for part in name.name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise TorchError(
            f"this torch has no {name.module}.{name.name} ({name.why}); "
            f"megacache supports torch {SUPPORTED[0]} to {SUPPORTED[-1]}: install one of these"
        ) from error
    return found


def module(name: str) -> ModuleType:
    """Return a module of torch by its name, even where a function of the same name stands in its place.

    Raises:
        ImportError: When there is none.
    """
    return importlib.import_module(name)


def find(module_name: str, name: str) -> Any:
    """Return a name that only newer releases have, or None."""
    try:
        return getattr(importlib.import_module(module_name), name, None)
    except ImportError:
        return None


def check() -> str:
    """Check that every private name is there, and return torch's version.

    Raises:
        TorchError: When torch is absent or lacks one of the names.
    """
    try:
        import torch
    except ImportError as error:
        raise TorchError("capturing needs torch, which is not installed: pip install torch") from error
    for name in PRIVATE_NAMES:
        resolve(name)
    return str(torch.__version__)
