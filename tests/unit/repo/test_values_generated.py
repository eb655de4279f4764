"""Generated values files: an edit changes what it should, and chartpress would have written the same data."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tasks.repo.values import PinnedImage, image_at, with_image

WHERE = "hub/values.yaml"

IN_LINE = ["a/b", "'a'", '"a\\tb"', "''", '""', "~", "null", "1.10", "0123", "yes", "2024-01-01"]
OVER_LINES = ["a\n«  »b", "'a\n\n«  »b'", ""]
BEFORE = [
    "",
    "# top\n",
    "---\n",
    "other: [a,   {b: 'c'}]\n",
    "long: one\n  two\n",
    "l:\n- a\n-   b\n",
]
BETWEEN = [
    "",
    "«»# why\n",
    "# shallow\n",
    "      # deeper than the keys\n",
    "\n",
    "«»pullPolicy:   Always  # x\n",
    "«»l:\n«»- 1\n«»-  2\n",
]
AFTER = ["", "«»more: {x: 1}\n", "z: |\n  text\n   more\n", "# end", "last: 'no newline'"]


@dataclass(frozen=True)
class Case:
    """A values file in pieces: what stands around the name and the tag, and how those are spelled."""

    head: str
    name: str
    middle: str
    tag: str
    tail: str
    path: str

    @property
    def text(self) -> bytes:
        return (self.head + self.name + self.middle + self.tag + self.tail).encode()


@st.composite
def cases(draw: Callable[..., Any]) -> Case:
    keys = draw(st.lists(st.sampled_from(["jupyterhub", "hub", "x-y", "z z"]), min_size=1, max_size=3))
    step = draw(st.sampled_from(["  ", " ", "    "]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    indent = step * len(keys)
    comment = st.sampled_from(["", " # set by chartpress"])
    opening = "".join(f"{step * depth}{key}:\n" for depth, key in enumerate(keys))

    def piece(text: str) -> str:
        return str(text.replace("«  »", indent + "  ").replace("«»", indent).replace("\n", newline))

    def scalar() -> tuple[str, str]:
        written = piece(draw(st.sampled_from(IN_LINE + OVER_LINES)))
        rest = draw(comment) if written and "\n" not in written else ""
        return written, rest + ("" if written.endswith("\n") else newline)

    name, after_name = scalar()
    tag, after_tag = scalar()
    return Case(
        head=piece(draw(st.sampled_from(BEFORE)) + opening + "«»name:") + (" " if name else ""),
        name=name,
        middle=after_name + piece(draw(st.sampled_from(BETWEEN)) + "«»tag:") + (" " if tag else ""),
        tag=tag,
        tail=after_tag + piece(draw(st.sampled_from(AFTER))),
        path=".".join(keys),
    )


names = st.sampled_from(["quay.io/org/hub", "localhost:5000/hub", "us-docker.pkg.dev/a/b/c-d"])
tags = st.one_of(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    st.sampled_from(["1.10", "1e5", "0x1f", "on", "null", "12_000", "0123", "2024-01-01"]),
)


def loaded(data: bytes) -> dict[str, Any]:
    found = YAML(typ="safe", pure=True).load(data)
    assert isinstance(found, dict)
    return found


def with_image_set(data: dict[str, Any], path: str, name: str, tag: str) -> dict[str, Any]:
    inner = data
    for step in path.split("."):
        inner = inner[step]
    inner["name"], inner["tag"] = name, tag
    return data


@given(cases(), names, tags)
def test_the_document_differs_at_name_and_tag_alone_as_chartpress_would_have_it(
    case: Case, name: str, tag: str
) -> None:
    image = PinnedImage(name, tag, 0)
    after = with_image(case.text, case.path, image, WHERE)
    assert loaded(after) == with_image_set(loaded(case.text), case.path, name, tag)
    found = image_at(after, case.path, WHERE)
    assert (found.name, found.tag) == (name, tag)
    assert with_image(after, case.path, image, WHERE) == after

    # Every byte around the scalars stays.
    text, tail = after.decode(), case.tail.lstrip("\r\n")
    assert text.startswith(case.head)
    assert text.endswith(tail)
    assert case.middle.strip() in text[len(case.head) : len(text) - len(tail)]

    chartpress = pytest.importorskip("chartpress")
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder, "values.yaml")
        values.write_bytes(case.text)
        chartpress._update_values_file_with_modifications(folder, {case.path: {"repository": name, "tag": tag}})  # noqa: SLF001
        assert loaded(after) == loaded(values.read_bytes())
