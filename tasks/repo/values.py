"""The image that a values file pins, at the values path that chartpress.yaml names.

The shapes are those that chartpress writes: a mapping with ``name`` or ``repository``, or both, and ``tag``, or one
string ``name:tag``. A digest may stand behind the tag, in its place, or under ``digest``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ..core.faults import Unusable
from ..core.names import Reference
from ..core.settings import ValuesTarget
from ..core.yaml_tree import Document, MappingNode, Scalar, parse
from .charts import ImageSpec
from .files import Files, is_glob, require
from .yaml_edit import Path, mismatch, reach, text_at, with_scalars

NAME_KEYS = ("name", "repository")
TAG_KEY, DIGEST_KEY = "tag", "digest"
# Ends a name whose tag is the rest of a digest: Helm charts write both with a colon between them.
_DIGEST = "@sha256"
# https://github.com/AGWA/git-crypt/blob/master/doc/git-crypt.md and https://getsops.io/docs/
GIT_CRYPT = b"\0GITCRYPT\0"
_SOPS = re.compile(rb"^sops:\s*$|^\s*\"?mac\"?: *\"?ENC\[", re.MULTILINE)
_PLAIN = re.compile(r"[\w./-][\w./*-]*")


class PinnedImage(NamedTuple):
    """An image as values pin it, by tag or digest or both, None for what is empty; with the line of the tag or name."""

    name: str | None
    tag: str | None
    line: int
    digest: str | None = None

    def reference(self, where: str) -> Reference | None:
        """Return what it names in the file ``where``; None where it is empty."""
        if not self.name or not (self.tag or self.digest):
            return None
        tag, digest = (f":{self.tag}" if self.tag else ""), (f"@{self.digest}" if self.digest else "")
        return Reference.parse(f"{self.name}{tag}{digest}", f"{where}:{self.line}")


class ValuesPlace(NamedTuple):
    """A place of an image's name and tag: the values file, the dotted path in it, the image's key."""

    file: str
    path: str
    image: str

    def read(self, files: Files) -> PinnedImage:
        """Return the image there; raises Unusable where it cannot be read."""
        return image_at(require(files, self.file), self.path, self.file)

    def moved(self, files: Files, image: PinnedImage) -> dict[str, bytes]:
        """Return the file with the image set."""
        return {self.file: with_image(require(files, self.file), self.path, image, self.file)}


def is_encrypted(data: bytes) -> bool:
    """Whether sops or git-crypt has encrypted a file that holds ``data``."""
    return data.startswith(GIT_CRYPT) or bool(_SOPS.search(data))


def image_at(data: bytes, values_path: str, where: str) -> PinnedImage:
    """Read the image at ``values_path`` as Helm does: keys joined by dots, digits for the index in a list."""
    document = parse(data, where)
    steps = tuple(values_path.split("."))
    _changes(document, steps, PinnedImage("", "", 0))
    return _image_there(document, steps)


def _image_there(document: Document, steps: Path) -> PinnedImage:
    node = reach(document, steps).node
    if isinstance(node, Scalar):
        tagged_name, _, digest = node.value.partition("@")
        name, colon, tag = tagged_name.rpartition(":")
        if not colon or "/" in tag:
            name, tag = tagged_name, ""
        return PinnedImage(name or None, tag or None, node.line, digest or None)
    texts = {key: text_at(document, (*steps, key)) for key in (*NAME_KEYS, TAG_KEY, DIGEST_KEY)}
    named = next(filter(None, map(texts.get, NAME_KEYS)), None)
    tag, _, behind = (texts[TAG_KEY] or "").partition("@")
    nodes = (reach(document, (*steps, key)).node for key in (TAG_KEY, *NAME_KEYS))
    line = next((one.line for one in (*nodes, node) if one is not None), 1)
    if named and named.endswith(_DIGEST):
        return PinnedImage(named.removesuffix(_DIGEST), None, line, f"{_DIGEST[1:]}:{tag}")
    return PinnedImage(named, tag or None, line, behind or texts[DIGEST_KEY])


def with_image(data: bytes, values_path: str, image: PinnedImage, where: str) -> bytes:
    """Return the values file with the image set, a digest only where one is pinned; ``data`` if nothing changes."""
    if image_at(data, values_path, where).digest is None:
        image = image._replace(digest=None)
    document, steps = parse(data, where), tuple(values_path.split("."))
    return with_scalars(document, _changes(document, steps, image)) or data


class ValuesPlaces(NamedTuple):
    """The places of images, by their keys: a shared one belongs to the image that it names now.

    ``spare`` are the images that share each of their places with another one, which is named there; with such a place.
    ``unread`` tells why files that a pattern matches, and that mention an image, cannot be read.
    """

    written: dict[str, list[ValuesPlace]]
    spare: dict[str, ValuesPlace]
    unread: list[Unusable]


def find_places(
    files: Files,
    own: str | None,
    targets: Sequence[tuple[ValuesTarget, str]],
    images: Sequence[ImageSpec],
    known: Sequence[ImageSpec],
) -> ValuesPlaces:
    """Return the places of ``images``: those in ``own``, the chart's values, and those of the setting ``values``.

    A place of the setting is for the image that it names. One that is no pattern's is also for those that the setting
    means, where it names none of those ``known``.
    """
    claims: dict[tuple[str, str], dict[str, ImageSpec]] = {}
    words = [Reference(image.named).written_path.encode() for image in images if image.named]
    for image in images:
        for path in image.values_paths if own else ():
            claims.setdefault((str(own), path), {})[image.key] = image
    unread: list[Unusable] = []
    for target, file in targets:
        data, pattern = files.read(file) or b"", is_glob(target.file)
        # Most files of a pattern name other images, and take long to read.
        if pattern and not any(word in data for word in words):
            continue
        named = None
        try:
            named = _named(data, file, target.path)
        except Unusable as fault:
            lines = [line.partition(b"#")[0] for line in data.splitlines() if pattern]
            if any(word in line for line in lines for word in words):
                what = f"the file matches hub.values and names an image of ours, but cannot be read: {fault.what}"
                hint = "correct it, or narrow the pattern in invoke.yaml"
                unread.append(Unusable(what, where=fault.where, hint=hint))
        ours = [image for image in known if named and named.same_repository(Reference(image.name))]
        is_free = not pattern and (target.image is not None or not ours)
        for image in images:
            if target.image in (None, image.key) and (is_free or image in ours):
                claims.setdefault((file, target.path), {})[image.key] = image
    return ValuesPlaces(*_owned(files, claims, images), unread)


def _owned(
    files: Files, claims: Mapping[tuple[str, str], Mapping[str, ImageSpec]], images: Sequence[ImageSpec]
) -> tuple[dict[str, list[ValuesPlace]], dict[str, ValuesPlace]]:
    written: dict[str, list[ValuesPlace]] = {image.key: [] for image in images}
    spare: dict[str, ValuesPlace] = {}
    for (file, path), some in claims.items():
        named = named_at(files, file, path) if len(some) > 1 else None
        fitting = (key for key, image in some.items() if named and named.same_repository(Reference(image.name)))
        owner = next(fitting, None)
        for key in some:
            if owner in (None, key):
                written[key].append(ValuesPlace(file, path, key))
            else:
                spare.setdefault(key, ValuesPlace(file, path, str(owner)))
    return written, {key: place for key, place in spare.items() if not written[key]}


def named_at(files: Files, file: str, path: str) -> Reference | None:
    """Return the image that a values file names at ``path``, as Helm reads it; None where it names none."""
    with suppress(Unusable):
        return _named(files.read(file) or b"", file, path)
    return None


def _named(data: bytes, file: str, path: str) -> Reference | None:
    name = _image_there(parse(data, file), tuple(path.split("."))).name
    return Reference(name) if name else None


def values_setting(given: Iterable[ValuesTarget], more: Iterable[ValuesTarget]) -> str:
    """Return the setting ``values`` with ``given`` and ``more``; of these, files of one path are one pattern."""
    files: dict[str, list[str]] = {}
    for one in more:
        files.setdefault(one.path, []).append(one.file)
    new = (ValuesTarget(file, path) for path, some in files.items() for file in _patterns(list(dict.fromkeys(some))))
    entries = ({key: value for key, value in one._asdict().items() if value} for one in (*given, *new))
    written = (", ".join(f"{key}: {quoted(value)}" for key, value in one.items()) for one in entries)
    return f"hub: {{values: [{', '.join(f'{{{entry}}}' for entry in written)}]}}"


def _patterns(files: Sequence[str]) -> Sequence[str]:
    """Return one pattern for files of the same depth, with ``*`` for each folder and name in which they differ."""
    if len({file.count("/") for file in files}) > 1:
        return files
    *folders, names = zip(*(file.split("/") for file in files), strict=True)
    kinds = {name.partition(".")[2] for name in names}
    last = names[0] if len({*names}) == 1 else f"*.{kinds.pop()}" if len(kinds) == 1 else "*"
    return ["/".join((*(some[0] if len({*some}) == 1 else "*" for some in folders), last))]


def quoted(text: str) -> str:
    """Return ``text`` as it is written in YAML between brackets."""
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def _changes(document: Document, steps: Path, image: PinnedImage) -> dict[Path, str]:
    """Return what must be set for ``image`` to stand at ``steps``, the tag last."""
    found, values_path = reach(document, steps), ".".join(steps)
    if found.missing:
        there = ".".join(steps[: len(steps) - len(found.missing)])
        lines = "".join(f"{step}: {{" for step in found.missing) + "name: , tag: " + "}" * len(found.missing)
        under = f" under {there}, line {found.around.line}" if there and found.around else " at the top level"
        hint = f'add "{lines}"{under}'
        raise Unusable(f"values path {values_path} is missing", where=document.where, hint=hint)
    node = found.node
    if not isinstance(node, MappingNode) and not (isinstance(node, Scalar) and node.kind == "str"):
        hint = 'write a mapping with "name:" and "tag:" there'
        raise mismatch(document, node, f"values path {values_path}", "an image", hint)
    digest = f"@{image.digest}" if image.digest else ""
    if isinstance(node, Scalar):
        return {steps: f"{image.name}:{image.tag}{digest}"}
    # chartpress wants one of the names at least.
    *names, tagged = ((*steps, key) for key in (*NAME_KEYS, TAG_KEY))
    names = [path for path in names if not reach(document, path).missing]
    if not names:
        what, hint = f"values path {values_path} has neither name nor repository", f'add "name:" under {values_path}'
        if not reach(document, (*steps, "image")).missing:
            hint = f"correct the path: {values_path}.image"
        raise Unusable(what, where=document.place(node), hint=hint)
    name, tag, apart = str(image.name), f"{image.tag}{digest}", {}
    if image.digest and any((text_at(document, path) or "").endswith(_DIGEST) for path in names):
        name, tag = f"{name}{_DIGEST}", image.digest.partition(":")[2]
    elif image.digest and text_at(document, (*steps, DIGEST_KEY)):
        tag, apart = str(image.tag), {(*steps, DIGEST_KEY): image.digest}
    changes = {**apart, **dict.fromkeys(names, name), tagged: tag}
    # What is there must be texts.
    _ = [text_at(document, path) for path in changes]
    return changes
