"""Signing images after they were verified, and what signatures they have."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.faults import Fault, Refused
from ..core.names import Reference
from ..core.plan import Action, Fact, Values
from ..repo.hub import Hub
from ..tools import cosign
from ..tools.command import Command
from ..tools.cosign import Signature
from ..tools.process import ask_all
from ..tools.registry import FoundImage, inspect_all
from .build import SKIPPED, Build, results_of
from .proof import image_fact


def sign_actions(build: Build, relies: Sequence[Fact], to_come: str) -> tuple[Action, ...]:
    """Return the action that signs what the registry has of the images once they are built, if a key is set.

    Images that are signed already are left out. ``to_come`` stands for a digest that only the build tells.
    """
    hub = build.hub
    key = hub.settings.sign
    if key is None or not build.pushes:
        return ()
    cosign.require_signing(key, hub.git.folder)
    public = hub.settings.verify or cosign.public_key(key, hub.git.folder)
    cosign.require_public_key(public, hub.git.folder)
    # What the registry has already, pinned by digest.
    there = {one.key: one.source for one in build.images if one.source}
    there |= {one.key: one.reference.pinned(one.proof.digest) for one in build.images if one.proof}
    signatures = dict(zip(there, _signatures(hub, [*there.values()], public), strict=True))
    wanted = [one for one in build.images if one.status != SKIPPED and signatures.get(one.key) is not Signature.VALID]
    if not wanted:
        return (Action(f"signed already: {', '.join(str(one.reference) for one in build.images)}"),)

    def do(values: Values) -> Values:
        keys = {one.key for one in wanted}
        pushed = [one for one in build.after(values).images if one.key in keys]
        images = [one.reference.pinned(one.proof.digest) for one in pushed if one.proof]
        cosign.sign(_command(hub, key, [f"{image.name}@{image.digest}" for image in images]))
        for image, signature in zip(images, _signatures(hub, images, public), strict=True):
            if signature is not Signature.VALID:
                raise Refused(
                    f"the signature that was made cannot be verified with {public}",
                    where=image,
                    hint="hub.verify must be the public key of hub.sign: see cosign public-key --key KEY",
                )
        return results_of(one._replace(signed=public) for one in pushed)

    names = [f"{one.image.spec.name}@{there[one.key].digest if one.key in there else to_come}" for one in wanted]
    facts = [image_fact(there[one.key]) for one in wanted if one.key in there]
    what = f"sign {', '.join(str(one.reference) for one in wanted)}"
    return (Action(what, f"hub.sign is {key}", do, (f"$ {_command(hub, key, names)}",), (*relies, *facts)),)


def signature_of(hub: Hub, name: str, digests: Sequence[str], public: str) -> Signature:
    """Return the weakest signature that ``name`` has under ``digests``: those of an index and of what it holds."""
    log = hub.settings.public_log
    commands = (cosign.verify_command(f"{name}@{one}", public, hub.git.folder, log=log) for one in digests)
    found = set(ask_all(cosign.verify, commands))
    return next(one for one in (Signature.MISSING, Signature.OF_ANOTHER_KEY, Signature.VALID) if one in found)


def _command(hub: Hub, key: str, images: Sequence[str]) -> Command:
    return cosign.sign_command(images, key, hub.git.folder, log=hub.settings.public_log)


def _signatures(hub: Hub, images: Sequence[Reference], public: str) -> list[Signature]:
    answers = inspect_all(images)
    for answer in answers.values():
        if isinstance(answer, Fault):
            raise answer
    found = ((one, answers[one]) for one in images)
    digests = ((one, answer.digests if isinstance(answer, FoundImage) else ()) for one, answer in found)
    return [signature_of(hub, one.name, known or (str(one.digest),), public) for one, known in digests]
