"""The signatures of the images that the values name."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.faults import DOOR, ProgramFailed
from ..core.names import Reference
from ..image.signing import signature_of
from ..repo.hub import Hub
from ..tools.cosign import PROGRAM, Signature, require_public_key
from ..tools.process import require_installed
from ..tools.registry import FoundImage
from .problems import Code, Problem, Unchecked


def signature_problems(hub: Hub, pinned: Reference, found: FoundImage, where: str) -> Iterator[Problem | Unchecked]:
    """Yield what is wrong with the signature of ``pinned``, which the values name at ``where``, if a key is set."""
    key = hub.settings.verify
    if key is None:
        return
    require_public_key(key, hub.git.folder)
    try:
        require_installed(PROGRAM)
        signature = signature_of(hub, pinned.name, found.digests, key)
    except ProgramFailed as fault:
        yield Unchecked(f"the signature of {pinned}: {fault.what}", fault.hint)
        return
    sign = f"{DOOR} build" if hub.settings.sign else f"cosign sign --recursive --key KEY {pinned.name}@{found.digest}"
    if signature is Signature.MISSING:
        yield Problem(Code.UNSIGNED, where, f"{pinned} is not signed", sign)
    if signature is Signature.OF_ANOTHER_KEY:
        message = f"{pinned} has no signature that {key} verifies"
        yield Problem(Code.WRONG_SIGNATURE, where, message, f"find out who signed it, then: {sign}")
