"""cosign: sign images in their registry, and verify signatures (https://docs.sigstore.dev/cosign/).

A key is a file, whose password cosign reads from COSIGN_PASSWORD, or the address of a key management service.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from shlex import quote

from ..core.faults import ProgramFailed, Refused, Unusable
from .command import Command
from .process import capture, map_parallel, require_installed

# cosign may ask a key service and the public log over the network.
SECONDS = 120.0
PROGRAM = "cosign"
_ADDRESS = "://"


class Signature(Enum):
    """The signature of an image, by the exit status of ``cosign verify``."""

    VALID = 0
    # https://github.com/sigstore/cosign/blob/main/cmd/cosign/errors/exit_codes.go
    MISSING = 10
    OF_ANOTHER_KEY = 12


def require_signing(key: str, folder: Path) -> None:
    """Check that cosign is installed, and can read ``key``; a file is relative to ``folder``."""
    require_installed(PROGRAM)
    if _ADDRESS in key:
        return
    if not (folder / key).is_file():
        raise Refused(
            "the signing key does not exist",
            where=key,
            hint="get it from who signs; or, for a first key: cosign generate-key-pair",
        )
    if "COSIGN_PASSWORD" not in os.environ:
        hint = "read -rs COSIGN_PASSWORD && export COSIGN_PASSWORD; leave it empty for a key without a password"
        raise Refused(f"COSIGN_PASSWORD is not set, and {key} needs it", where="hub.sign", hint=hint)


def public_key_of(key: str) -> str:
    """Return the public key for a signing ``key``: the same key service, or the ``.pub`` next to the key file.

    A variable (``env://NAME``) has only the private key: for it, the file that cosign would write.
    """
    if key.startswith("env://"):
        return "cosign.pub"
    return key if _ADDRESS in key else f"{key.removesuffix('.key')}.pub"


def require_public_key(key: str, folder: Path) -> str:
    """Return ``key``; raise Unusable if its file does not exist."""
    if _ADDRESS not in key and not (folder / key).is_file():
        hint = f"cosign public-key --key KEY >{quote(key)}"
        raise Unusable("the public key does not exist", where=f"hub.verify: {key}", hint=hint)
    return key


def sign_command(images: Sequence[str], key: str, folder: Path, *, log: bool) -> Command:
    """Return the command that signs ``images`` (``NAME@DIGEST``), and the images in their indexes."""
    argv = (PROGRAM, "sign", "--recursive", "--yes", f"--tlog-upload={str(log).lower()}", "--key", key, *images)
    return Command(argv, folder)


def signature_of(name: str, digests: Sequence[str], key: str, folder: Path, *, log: bool) -> Signature:
    """Return the weakest signature of ``name`` under ``digests``: those of an index and of its images.

    With ``log``, it must also be in the public log. Raises ProgramFailed if cosign cannot tell.
    """
    flags = ("--output=text", *(() if log else ("--insecure-ignore-tlog=true",)), "--key", key)
    commands = [Command((PROGRAM, "verify", *flags, f"{name}@{one}"), folder) for one in digests]
    found = map_parallel(_verify, commands)
    return next(one for one in (Signature.MISSING, Signature.OF_ANOTHER_KEY, Signature.VALID) if one in found)


def _verify(command: Command) -> Signature:
    output = capture(command, seconds=SECONDS)
    try:
        return Signature(output.status)
    except ValueError as err:
        what = f"cosign verify: {output.last_words}"
        raise ProgramFailed(what, where=command.argv[-1], hint=str(command)) from err
