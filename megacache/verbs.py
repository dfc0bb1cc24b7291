"""Verbs: what people call, each on the process that runs.

Layer: above process, below the faces.

    with megacache.session("train", bundle="train.megacache") as s:
        model(x)
    s.tree()
"""

from __future__ import annotations

from pathlib import Path

from megacache.bundle import SaveReport
from megacache.errors import IncompatibleError
from megacache.process import Everything, process
from megacache.report import LoadReport
from megacache.sessions import AnyPath, Only, Session
from megacache.trust.gate import Trust
from megacache.views.units import count


def enable() -> Session:
    """Begin to capture; a second call does nothing.

    Returns:
        The session that holds what is compiled outside of any other one.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """
    return process.enable()


def disable() -> None:
    """Stop capturing and leave torch exactly as it was. What was captured can still be shown and saved."""
    process.disable()


def session(
    name: str,
    bundle: AnyPath | None = None,
    *,
    fresh: bool = False,
    precompile: bool = True,
    autosave: bool = False,
    trust: Trust = None,
    cell: str | None = None,
    notebook: str | None = None,
) -> Session:
    """Make a session, to be used in a `with` block: it loads what is right, captures, and saves the union.

    Args:
        name: For people; two sessions may share one.
        bundle: A file to load from, if it is there, and to save to at the end. Without one nothing is loaded or saved.
        fresh: Give torch an empty cache directory for this session, so that only the bundle can serve.
        precompile: Whether guarded codes may be served, so that Dynamo need not trace what is proven to be the same.
        autosave: Save also while the session is open, every few seconds in which torch compiled: a process that is
            killed loses no more than these. Asks for a bundle.
        trust: Whom you trust, as `load` takes it. Of a bundle that is not, nothing is loaded, and a warning says why.
        cell: The text of the notebook cell that the session captures.
        notebook: Where the notebook is, if that can be known.

    Raises:
        SessionError: When it is to save by itself and has no bundle.
    """
    return Session(
        process,
        name,
        bundle,
        fresh=fresh,
        precompile=precompile,
        autosave=autosave,
        trust=trust,
        cell=cell,
        notebook=notebook,
    )


def load(path: AnyPath, *, trust: Trust = None, trust_unknown: bool = False, only: Only | None = None) -> LoadReport:
    """Hand a bundle's artifacts to torch, in the session that is open now; nothing is saved.

    To load a cache is to run its code, so a file of somebody else's is loaded only when you say so.

    Args:
        path: The bundle.
        trust: None means files of your own, and those that a key on your list signed (`megacache trust`). True means
            this file, whoever made it. A public key, or several, as text or as paths of `.pub` files, mean that one
            of them must have signed it, whoever owns it.
        trust_unknown: Load also what came from torch's own container, which does not say on which CPU it was compiled.
        only: One function, with its resume functions: itself, a compiled one, a module, a code object, or its name, as
            `module.qualname`. None means all.

    Returns:
        What was loaded and what was refused, with a reason for each.

    Raises:
        ArtifactNotFoundError: When the bundle has nothing of the function.
        IncompatibleError: When nothing could be loaded, since another system compiled it: another torch, Python, CPU.
        UntrustedError: When the bundle is not your own, and nobody whom you trust signed it.
        KeyFileError: When what `trust` names is no public key.
        BundleError: When the bundle cannot be read; see `errors`.
        TorchError: When torch is absent or lacks a name that we need.
    """
    enable()
    current = process.open[-1]
    report = current.load(path, trust=trust, trust_unknown=trust_unknown, only=only)
    differences = current.incompatibilities()
    if differences and all(each.verdict == "refused" for each in report.verdicts):
        raise IncompatibleError(
            f"nothing of {path} was loaded: {'; '.join(differences)}; compile anew and save into the same bundle",
            mismatches=differences,
        )
    return report


def save(path: AnyPath, *, only: Only | None = None) -> SaveReport:
    """Save everything that this process captured, of all sessions, into one bundle.

    Args:
        path: The bundle; what it already holds stays in it.
        only: One function, with its resume functions: itself, a compiled one, a module, a code object, or its name, as
            `module.qualname`. None means all.

    Raises:
        SessionError: When nothing was captured, since `enable()` was never called.
        ArtifactNotFoundError: When nothing of the function was captured.
        BundleError: When the bundle cannot be written; see `errors`.
    """
    return everything().save(path, only=only)


def export(path: AnyPath) -> int:
    """Write everything that this process captured into one file for somebody without megacache.

    Args:
        path: A name that ends in `.html` gives the explorer as one page; any other gives torch's own container, which
            plain `torch.compiler.load_cache_artifacts` loads.

    Returns:
        The size of the file in bytes.

    Raises:
        SessionError: When nothing was captured.
        FrontEndError: When the page is asked for and its front end was not built.
        BundleNotWritableError: When the file cannot be written, or a bundle would be lost.
    """
    if Path(path).suffix != ".html":
        return process.export(process.told(), Path(path))
    process.capture.flush()
    return everything().export_html(path)


def config() -> dict[str, str]:
    """Return the options of torch that differ from their defaults now, as `{"inductor.epilogue_fusion": "False"}`.

    Raises:
        TorchError: When torch is absent or lacks a name that we need.
    """
    from megacache.compiler.capture import live_options

    return live_options()


def everything() -> Everything:
    """Return all that this process captured, to look at it as one recording."""
    return Everything(process)


def status() -> str:
    """Return what megacache does now, in a few lines for people."""
    if not process.has_capture:
        return "megacache is off: nothing was captured yet"
    capture = process.capture
    lines = [f"megacache is {'on' if process.is_on else 'off'}, torch {capture.system.torch_version}"]
    lines += [f"  session {each.name}: {each.summary()}" for each in process.sessions]
    if process.compiled_before:
        lines.append(
            f"  {count(process.compiled_before, 'frame')} compiled before megacache was on: in no session, and"
            " served by no bundle. In a new kernel, switch it on first"
        )
    lines += [f"  fault in {fault.where}: {fault.error.strip().splitlines()[-1]}" for fault in capture.faults]
    return "\n".join(lines)
