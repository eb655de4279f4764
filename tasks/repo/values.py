"""Values in YAML files: find and set single scalars by a path of keys, and the image in a values file.

All other bytes stay the same, and scalars keep their quotes. A new value is always a string: plain if YAML 1.1 and 1.2
both read it as a string, else in double quotes. The result is parsed again, and must differ only at the intended
scalars. Unsafe edits are refused: duplicate keys, shared values, and values with a tag, with an anchor or in a block.

An image has the forms that chartpress writes: a mapping with ``name``, ``repository`` or both, and ``tag``, or a string
``name:tag``. A digest can follow the tag, replace it, or be under ``digest``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from string import ascii_letters, digits
from typing import NamedTuple, TypeAlias

from ..core.faults import Unusable
from ..core.names import Reference
from ..core.settings import FILE, DeploymentSetting, PinTarget, ValuesTarget, WholeImage
from ..core.yaml_tree import (
    Data,
    Document,
    Edit,
    Leaf,
    MappingNode,
    Node,
    Scalar,
    SequenceNode,
    merged,
    mismatch,
    parse,
    parse_all,
    reads_as_text,
    target_of,
    walk,
)
from .files import Files

Path = tuple[str, ...]
SettingEntry: TypeAlias = DeploymentSetting | PinTarget | ValuesTarget | WholeImage
NAME_KEYS = ("name", "repository")
TAG_KEY, DIGEST_KEY = "tag", "digest"
# The end of a name whose tag is the rest of a digest: charts join them with a colon.
_DIGEST = "@sha256"
_BLANKS = " \t"
_PLAIN = frozenset(ascii_letters + digits + "._/:@+-=*")
# A plain scalar can also begin with an option: `--build-arg=A=1`.
_OPTION = r"--?[a-z]"
_PLAIN_FIRST = frozenset(ascii_letters + digits + "_/.")
_MAX_INDEX_DIGITS = 9
_TEXT, _GIVE_TEXT = "a string", "give it one plain value"


class Found(NamedTuple):
    """The end of a path: ``node``, the value of ``key`` in the mapping or list ``around``.

    Attributes:
        node: the value, aliases resolved; None if it is missing.
        missing: the remaining steps, which ``around`` does not have.
    """

    node: Node | None
    around: Node | None = None
    key: Scalar | None = None
    missing: Path = ()


def reach(document: Document, steps: Path) -> Found:
    """Follow ``steps`` from the root, through aliases and merge keys, like Helm."""
    here = Found(document.root)
    for taken, step in enumerate(steps):
        there = None if is_nothing(here.node) else _step(document, here, step, steps[: taken + 1])
        if there is None:
            return Found(None, here.node, missing=steps[taken:])
        here = there
    return here


def text_at(document: Document, steps: Path) -> str | None:
    """Return the text of the scalar at ``steps``, or None if it is missing, null or empty."""
    node = reach(document, steps).node
    if is_nothing(node):
        return None
    if isinstance(node, Scalar):
        return node.value or None
    raise mismatch(node, document.where, ".".join(steps), _TEXT, _GIVE_TEXT)


def is_nothing(node: Node | None) -> bool:
    """Whether ``node`` is missing or null."""
    return node is None or (isinstance(node, Scalar) and node.kind == "null")


def with_scalars(document: Document, changes: Mapping[Path, str]) -> bytes:
    """Return the file with the scalars at these paths set; raise Unusable if anything else would change."""
    edits: set[Edit] = set()
    for path, value in changes.items():
        found, name = reach(document, path), ".".join(path)
        node = found.node
        if found.missing:
            hint = f'add "{": ".join(found.missing)}:" there'
            raise Unusable(f"{name} is missing", where=document.place(found.around), hint=hint)
        if not isinstance(node, Scalar):
            raise mismatch(node, document.where, name, _TEXT, _GIVE_TEXT)
        if not node.is_text or node.value != value:
            edits.add(_rewrite(document, node, found.key, value))
    data = document.text.edited(edits)
    if not edits:
        return data
    after: Data = None
    with suppress(Unusable, StopIteration):
        after = next(one for one in parse_all(data, document.where) if one.line == document.line).plain()
    for (path, was), (there, now) in zip_longest(walk(document.plain()), walk(after), fillvalue=((), None)):
        wanted = (changes[path], True) if path in changes else _meant(was)
        if (there, _meant(now)) != (path, wanted):
            raise _not_plain(document.where, path)
    return data


def _rewrite(document: Document, node: Scalar, key: Scalar | None, value: str) -> Edit:
    """Return the edit that replaces a scalar by ``value``, or adds it to a key without a value."""
    content = document.text.content
    if node.tag or node.anchor or node.style in {"|", ">"}:
        raise _not_plain(document.place(node))
    if key is None or node.style or node.value:
        return Edit(node.start, node.end, _spelled(value, node.style))
    colon = len(content) - len(content[key.end :].lstrip(_BLANKS))
    rest = len(content) - len(content[colon + 1 :].lstrip(_BLANKS))
    if rest > colon + 1 and content[rest : rest + 1] != "#":
        return Edit(colon + 2, colon + 2, _spelled(value, ""))
    return Edit(colon + 1, colon + 1, f" {_spelled(value, '')}")


def _not_plain(where: str, other: Path = ()) -> Unusable:
    return Unusable(
        f"the file cannot be edited there without changing {'.'.join(other) or 'something else'}",
        where=where,
        hint="write each value plainly on one line with its key, without an anchor, alias or merge key (<<)",
    )


def _meant(value: Data) -> object:
    """Return what an edit must preserve: a scalar's text and whether it is a string, else the type."""
    return (str(value), value.node.is_text) if isinstance(value, Leaf) else type(value)


def _spelled(value: str, style: str) -> str:
    """Return ``value`` as a scalar on one line, in the ``Scalar.style`` if possible."""
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    # Safe in every YAML reader, in block and flow context.
    begins_plain = value[:1] in _PLAIN_FIRST or re.match(_OPTION, value)
    is_safe = begins_plain and _PLAIN.issuperset(value) and not value.endswith(":")
    if style != '"' and is_safe and reads_as_text(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _step(document: Document, here: Found, step: str, steps: Path) -> Found | None:
    """Follow one ``step`` from ``here``, or return None; raise Unusable for a scalar, and for duplicate keys."""
    above, inside = ".".join(steps[:-1]) or "the file", here.node
    entries: Sequence[tuple[Scalar | None, Node]] = []
    if isinstance(inside, SequenceNode):
        if not (step.isascii() and step.isdigit() and len(step) <= _MAX_INDEX_DIGITS):
            hint = "name the item by its number, counted from 0"
            raise mismatch(inside, document.where, above, "a mapping", hint)
        entries = [(None, item) for item in inside.children[int(step) : int(step) + 1]]
    elif isinstance(inside, MappingNode):
        own = inside.own(step)
        if len(own) > 1:
            lines = " and ".join(str(key.line) for key, _ in own)
            raise Unusable(
                f"{'.'.join(steps)} is ambiguous: the key {step} stands on lines {lines}",
                where=document.where,
                hint="keep one of them: Helm reads the last, chartpress refuses both",
            )
        entries = own or [entry for source in merged(inside) for entry in source.own(step)[-1:]]
    else:
        raise mismatch(inside, document.where, above, "a mapping or a list", "correct the path, or the file")
    for key, node in entries:
        return Found(target_of(node), inside, key)
    return None


class PinnedImage(NamedTuple):
    """An image in the values as written, which may be invalid, or lack its name or tag; and its ``path:line``."""

    written: Reference
    where: str

    @property
    def image(self) -> Reference | None:
        """The image, or None if it is incomplete."""
        name, tag, digest = self.written
        return self.written if name and (tag or digest) else None


class ValuesPlace(NamedTuple):
    """A place of an image's name and tag: the values file, the dotted path, and the image's key."""

    file: str
    path: str
    image: str

    def read(self, files: Files) -> PinnedImage:
        """Return the image there; raise Unusable if it cannot be read."""
        return image_at(self._data(files), self.path, self.file)

    def moved(self, files: Files, image: Reference) -> dict[str, bytes]:
        """Return the file with the image set."""
        return {self.file: with_image(self._data(files), self.path, image, self.file)}

    def _data(self, files: Files) -> bytes:
        data = files.read(self.file)
        if data is None:
            hint = f'write it, with "name:" and "tag:" under {self.path}'
            raise Unusable("the values file is missing", where=self.file, hint=hint)
        return data


def image_at(data: bytes, values_path: str, where: str) -> PinnedImage:
    """Read the image at ``values_path``: keys joined by dots, with indexes for lists; raise Unusable without one."""
    document, steps = _document(data, where, values_path)
    if "" in steps:
        meant = ".".join(filter(None, steps)) or "jupyterhub.hub.image"
        hint = f"correct it in chartpress.yaml or {FILE}: {meant}"
        raise Unusable(f"values path {values_path} has an empty part", where=where, hint=hint)
    found = reach(document, steps)
    if found.missing:
        there = ".".join(steps[: len(steps) - len(found.missing)])
        lines = "".join(f"{step}: {{" for step in found.missing) + "name: , tag: " + "}" * len(found.missing)
        under = f" under {there}, line {found.around.line}" if there and found.around else " at the top level"
        hint = f'add "{lines}"{under}'
        raise Unusable(f"values path {values_path} is missing", where=where, hint=hint)
    node = found.node
    if not isinstance(node, MappingNode) and not (isinstance(node, Scalar) and node.kind == "str"):
        hint = 'write a mapping with "name:" and "tag:" there'
        raise mismatch(node, where, f"values path {values_path}", "an image", hint)
    # chartpress needs at least one of the names.
    if isinstance(node, MappingNode) and all(reach(document, (*steps, key)).missing for key in NAME_KEYS):
        what, hint = f"values path {values_path} has neither name nor repository", f'add "name:" under {values_path}'
        if not reach(document, (*steps, "image")).missing:
            hint = f"correct the path: {values_path}.image"
        raise Unusable(what, where=document.place(node), hint=hint)
    return _image_there(document, steps)


def _document(data: bytes, where: str, values_path: str) -> tuple[Document, Path]:
    """Return a file's YAML document, of several the one with ``values_path``, and the steps of that path."""
    steps, having = tuple(values_path.split(".")), []
    for document in parse_all(data, where):
        with suppress(Unusable):
            having += [] if reach(document, steps).missing else [document]
    return having[0] if len(having) == 1 else parse(data, where), steps


def _image_there(document: Document, steps: Path) -> PinnedImage:
    node = reach(document, steps).node
    if isinstance(node, Scalar):
        tagged_name, _, digest = node.value.partition("@")
        name, colon, tag = tagged_name.rpartition(":")
        if not colon or "/" in tag:
            name, tag = tagged_name, ""
        return PinnedImage(Reference(name, tag or None, digest or None), document.place(node))
    texts = {key: text_at(document, (*steps, key)) for key in (*NAME_KEYS, TAG_KEY, DIGEST_KEY)}
    named = next(filter(None, map(texts.get, NAME_KEYS)), None)
    tag, _, behind = (texts[TAG_KEY] or "").partition("@")
    nodes = (reach(document, (*steps, key)).node for key in (TAG_KEY, *NAME_KEYS))
    where = document.place(next(filter(None, nodes), node))
    name, _, in_name = (named or "").partition("@")
    if in_name == _DIGEST[1:]:
        return PinnedImage(Reference(name, None, f"{in_name}:{tag}"), where)
    return PinnedImage(Reference(name, tag or None, in_name or behind or texts[DIGEST_KEY]), where)


def with_image(data: bytes, values_path: str, image: Reference, where: str) -> bytes:
    """Return the values file with the image set, and its digest only if one is pinned."""
    pinned = image_at(data, values_path, where).written.digest is not None
    document, steps = _document(data, where, values_path)
    digest = image.digest if pinned else None
    behind = f"@{digest}" if digest else ""
    if isinstance(reach(document, steps).node, Scalar):
        return with_scalars(document, {steps: f"{image.name}:{image.tag}{behind}"})
    tag, apart = (*steps, TAG_KEY), (*steps, DIGEST_KEY)
    names = {(*steps, key): image.name for key in NAME_KEYS if not reach(document, (*steps, key)).missing}
    changes = {**names, tag: f"{image.tag}{behind}"}
    if digest and text_at(document, apart):
        changes = {apart: digest, **names, tag: str(image.tag)}
    elif digest and any((text_at(document, path) or "").endswith(_DIGEST) for path in names):
        changes = {**{path: f"{name}{_DIGEST}" for path, name in names.items()}, tag: digest.partition(":")[2]}
    return with_scalars(document, changes)


def named_at(files: Files, file: str, path: str) -> Reference | None:
    """Return the image without tag that a values file names at ``path``, or None."""
    with suppress(Unusable):
        return name_in(files.read(file) or b"", file, path)
    return None


def name_in(data: bytes, file: str, path: str) -> Reference | None:
    """Return the image without tag at ``path``, or None; raise Unusable if the file cannot be read."""
    name = _image_there(*_document(data, file, path)).written.name
    return Reference(name) if name else None


def values_setting(given: Iterable[ValuesTarget], more: Iterable[ValuesTarget]) -> str:
    """Return the setting ``values`` with ``given`` and ``more``; files with the same path become a pattern."""
    files: dict[str, list[str]] = {}
    for one in more:
        files.setdefault(one.path, []).append(one.file)
    new = (ValuesTarget(file, path) for path, some in files.items() for file in _patterns(list(dict.fromkeys(some))))
    return f"hub: {{values: [{', '.join(map(in_brackets, (*given, *new)))}]}}"


def _patterns(files: Sequence[str]) -> Sequence[str]:
    """Return a pattern for files of the same depth, with ``*`` for each part in which they differ."""
    if len({file.count("/") for file in files}) > 1:
        return files
    *folders, names = zip(*(file.split("/") for file in files), strict=True)
    kinds = {name.partition(".")[2] for name in names}
    last = names[0] if len({*names}) == 1 else f"*.{kinds.pop()}" if len(kinds) == 1 else "*"
    return ["/".join((*(some[0] if len({*some}) == 1 else "*" for some in folders), last))]


def in_brackets(entry: SettingEntry) -> str:
    """Return an entry of a setting's list as a mapping in YAML's flow style."""
    return f"{{{', '.join(fields_of(entry))}}}"


def fields_of(entry: SettingEntry) -> list[str]:
    """Return the fields of an entry of a setting's list in YAML's flow style, without empty ones."""
    return [f"{key}: {quoted(value)}" for key, value in entry._asdict().items() if value]


def quoted(text: str | tuple[str, ...]) -> str:
    """Return a text, or a list of texts, in YAML's flow style, with quotes if needed."""
    if not isinstance(text, str):
        return f"[{', '.join(map(quoted, text))}]"
    return text if _spelled(text, "") == text else _spelled(text, "'")
