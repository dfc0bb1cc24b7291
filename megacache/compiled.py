"""Compiled: torch's standalone compiled artifacts, with what was compiled, and in bundles.

Layer: joins compiler and bundle, as sessions do; below the faces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from megacache.bundle import Bundle, SaveReport, plain_file
from megacache.bundle.compiled_file import CompiledFile, is_compiled, mark_of, writer_of
from megacache.bundle.compiled_rows import rows_of
from megacache.bundle.file_kind import is_database
from megacache.bundle.narrow import narrowed
from megacache.bundle.union import Contents
from megacache.compiler import versions
from megacache.errors import BundleNotWritableError, IncompatibleError, TorchError, UsageError
from megacache.model import COMPILED_ARTIFACT
from megacache.parts import part
from megacache.process import process
from megacache.recording import Recorded, Recording
from megacache.trust.gate import Trust, check_file, trusted

if TYPE_CHECKING:
    from megacache.sessions import Session

AnyPath = str | os.PathLike[str]
Format = Literal["binary", "unpacked", "bundle"]

Save = Callable[[Path], SaveReport]
"""How the rows of an artifact get into a bundle."""

_ADVICE = {"No shape env": 'compile it with dynamic_shapes="from_example_inputs"'}
"""What to do about a reason of torch's; 2.15 gives this one for a graph that was traced with real tensors."""


class CompiledArtifact(Recorded):
    """One graph that torch compiled by itself, ready to be called; `standalone_compile` and `load` make it.

    Its tables, `tree()`, `explore()` and `export_html()` show what was compiled, or what was loaded.

    Attributes:
        torch: Torch's own artifact.
        name: What it is called in a bundle.
    """

    def __init__(self, artifact: Any, name: str, session: Session, content: bytes | None, save: Save) -> None:
        self.torch = artifact
        self.name = name
        self._session = session
        self._content = content
        self._save = save

    def __repr__(self) -> str:
        return f"<megacache compiled artifact {self.name!r}: {self._session.summary()}>"

    def __call__(self, *args: Any) -> Any:
        """Run it, as torch's own artifact does: it takes the graph's inputs and gives its outputs."""
        return self.torch(*args)

    def recording(self) -> Recording:
        """Return the rows of what was compiled, or loaded."""
        return self._session.recording()

    def save(self, path: AnyPath, format: Format | None = None) -> SaveReport | None:  # noqa: A002  Torch's own word.
        """Write it to disk.

        Args:
            path: A file; for `unpacked` a folder. A bundle may hold several artifacts, each under its name, and all
                else that bundles hold: it only grows.
            format: `binary` and `unpacked` are torch's own formats, which plain torch loads; `bundle` keeps also what
                was compiled, on which system, and the compiled CPU kernels. By default a path that ends in
                `.megacache` is a bundle, and any other one binary.

        Returns:
            For a bundle, what was new in it.

        Raises:
            TorchError: When torch cannot make a file of it: the graph holds what cannot be pickled.
            UsageError: When there is no such format.
            BundleError: When the place cannot be written, or something else stands there; see `errors`.
        """
        target = Path(path)
        chosen = format or ("bundle" if target.suffix == ".megacache" else "binary")
        if chosen not in ("binary", "unpacked", "bundle"):
            raise UsageError(f"format {chosen!r} is none: it is binary, unpacked or bundle")
        content = self._binary()
        if chosen == "bundle":
            return self._save(target)
        if chosen == "binary":
            plain_file.write(target, content)
        else:
            _unpack(self.torch, target)
        return None

    @classmethod
    def load(
        cls, path: AnyPath, name: str | None = None, *, trust: Trust = None, trust_unknown: bool = False
    ) -> CompiledArtifact:
        """Load an artifact; this runs what is in it, so it has to be trusted.

        Before anything is run, it is checked that this torch wrote it. A bundle tells more: a CPU, a machine or an
        option of torch that differs is refused, too.

        Args:
            path: A bundle, or what `CompiledArtifact.save` of plain torch wrote: a file, or a folder.
            name: Which one of a bundle; it may be left out where there is only one.
            trust: Whom you trust, as `megacache.load` takes it. What plain torch wrote cannot be signed.
            trust_unknown: Load also what does not tell where it was compiled: what a bundle has from plain torch, and a
                folder without inductor's key components.

        Returns:
            The artifact, which runs without compiling.

        Raises:
            UntrustedError: When it is not your own, and nobody whom you trust signed it.
            KeyFileError: When what `trust` names is no public key.
            IncompatibleError: When another torch wrote it, or it was compiled for another system or config.
            ArtifactNotFoundError: When the bundle has no artifact of this name, or several.
            BundleNotFoundError: When nothing is there.
            NotABundleError: When it is something else.
            CorruptBundleError: When it is truncated or damaged.
            BundleError: When it cannot be read; see `errors`.
            TorchError: When torch is absent, or cannot load it.
        """
        source = Path(path)
        if source.suffix == ".megacache" or is_database(source):
            return _from_bundle(source, name, trust=trust, trust_unknown=trust_unknown)
        file = CompiledFile.open(source)
        check_file(source, trust)
        _check_writer(file, trust_unknown=trust_unknown)
        name = name or source.stem

        def save(target: Path) -> SaveReport:
            return _append(target, *rows_of(file, name))

        return _loaded(file, name, {}, save)

    def _binary(self) -> bytes:
        if self._content is not None:
            return self._content
        bypassed = [each for each in self._session.recording().artifact_uses if each.state == "bypass" and each.reason]
        # Why AOTAutograd made no entry tells more than that there is none.
        reasons = (each.reason for each in sorted(bypassed, key=lambda each: each.artifact_type != "aot_autograd"))
        reason = next(reasons, None) or "it did not say why"
        advice = _ADVICE.get(reason, "use only what can be pickled in the graph, and leave torch's caches on")
        raise TorchError(f"{self.name!r} cannot be saved, since torch made no file of it: {reason}; {advice}")


def standalone_compile(
    gm: Any,
    example_inputs: Sequence[Any],
    *,
    name: str | None = None,
    dynamic_shapes: Literal["from_example_inputs", "from_tracing_context", "from_graph"] = "from_graph",
    options: Mapping[str, Any] | None = None,
    aot: bool = False,
    **more: Any,
) -> CompiledArtifact:
    """Compile one graph with inductor, as `torch._inductor.standalone_compile` does, and keep what was compiled.

    A session that is open shows it too, and saves it into its bundle.

    Args:
        gm: The `torch.fx.GraphModule`; torch compiles a copy.
        example_inputs: Inputs of the graph, as real or fake tensors.
        name: What it is called in a bundle; by default as the graph's class.
        dynamic_shapes: Where the sizes come from, in torch's words.
        options: What torch hands to `compile_fx`, such as `{"config_patches": {...}}`.
        aot: Make one pickled function of it, instead of cache artifacts.
        **more: Whatever else this torch's own `standalone_compile` takes.

    Returns:
        The artifact, to be called with the graph's inputs.

    Raises:
        TorchError: When torch is absent or lacks a name that we need. What torch raises on compiling is torch's own.

    Source: `standalone_compile`, `torch/_inductor/__init__.py`, 2.13.0 to 2.15.0.
    """
    with part("standalone_compile", name) as session:
        from megacache.compiler.outside import named
        from megacache.compiler.whole_files import compile_standalone

        with named(name):
            made = compile_standalone(
                gm, example_inputs, dynamic_shapes=dynamic_shapes, options=dict(options or {}), aot=aot, **more
            )
        if any(each.state == "hit" for each in session.recording().artifact_uses):
            process.capture.keep_kernels()
    recording = session.recording()
    kept = [each for each in recording.artifacts if each.artifact_type == COMPILED_ARTIFACT]
    content = recording.read(kept[-1].content_sha256) if kept else None
    known = kept[-1].cache_key if kept else name or type(gm).__name__

    def save(target: Path) -> SaveReport:
        return process.save([session], target, is_complete=False)

    return CompiledArtifact(made, known, session, content, save)


def _from_bundle(path: Path, name: str | None, *, trust: Trust, trust_unknown: bool) -> CompiledArtifact:
    versions.check()
    with trusted(path, trust) as recording:
        from megacache.compiler.stored import right_kernels, right_one

        with recording.held():
            types = (COMPILED_ARTIFACT,)
            found = right_one(recording, types, name, where=str(path), trust_unknown=trust_unknown)
            file = CompiledFile.of(recording.read(found.content_sha256), path)
            _check_writer(file, trust_unknown=trust_unknown)
            users = {each.session_id for each in recording.artifact_uses if each.content_sha256 == found.content_sha256}

            # The rows that were trusted: whose file it is, and what is in it, may be another thing tomorrow.
            rows = narrowed(recording, users)

            def save(target: Path) -> SaveReport:
                return _append(target, rows, Contents(rows))

            kernels = (recording, right_kernels(recording))
            return _loaded(file, found.cache_key, {"kernels": kernels}, save)


def _loaded(file: CompiledFile, name: str, offered: Mapping[str, Any], save: Save) -> CompiledArtifact:
    """Hand a checked file to torch, in a part of the open session."""
    versions.check()
    from megacache.compiler.whole_files import load_standalone, load_unpacked, torch_key

    content = file.binary(None if file.torch_key else torch_key())
    with part("CompiledArtifact.load", name) as session:
        capture = process.capture
        for recording, kernels in offered.values():
            capture.offer(recording, kernels)
        with capture.outside.titled(f"CompiledArtifact.load {name}"):
            made = load_unpacked(file.path) if file.file_format == "unpacked" else load_standalone(content)
            capture.outside.served(COMPILED_ARTIFACT, name, sha256(file.binary()).hexdigest())
    return CompiledArtifact(made, name, session, content, save)


def _check_writer(file: CompiledFile, *, trust_unknown: bool) -> None:
    """Check that this torch wrote a file; torch itself asserts it of the binary format, and not at all of the other.

    Raises:
        IncompatibleError: When another one did, or none can be told.
    """
    versions.check()
    from megacache.compiler.system import live_system
    from megacache.compiler.whole_files import torch_key

    if file.torch_mark == mark_of(torch_key()) or (not file.torch_mark and trust_unknown):
        return
    here = f"torch is {live_system().torch_version}"
    if not file.torch_mark:
        raise IncompatibleError(
            f"{file.path} does not tell which torch wrote it: load it with trust_unknown=True if it was this one",
            mismatches=(f"{here}, and what wrote the file is not told",),
        )
    writer = writer_of(file.torch_mark)
    reason = f"{here}, the file was written by {writer}"
    raise IncompatibleError(
        f"{file.path} is not loaded: {reason}; compile it anew with this torch, or load it with the other",
        mismatches=(reason,),
    )


def _append(target: Path, recording: Recording, contents: Mapping[str, bytes]) -> SaveReport:
    with Bundle.open_or_create(target) as bundle:
        return bundle.append(recording, contents)


def _unpack(artifact: Any, target: Path) -> None:
    from megacache.compiler.whole_files import unpack

    is_free = not target.exists() or (target.is_dir() and not any(target.iterdir()))
    if not is_free and not (target.is_dir() and is_compiled(target)):
        message = f"{target} is there already and no unpacked artifact, and torch would remove it; choose another name"
        raise BundleNotWritableError(message, path=str(target))
    unpack(artifact, target)
