from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.core import yaml_tree
from tasks.core.faults import Unusable
from tasks.core.names import Reference
from tasks.core.yaml_tree import MAX_BYTES, MAX_DEPTH, parse
from tasks.repo.chart import requirements, with_version
from tasks.repo.chartpress import read_chartpress
from tasks.repo.dockerfile import hub_base, with_base
from tasks.repo.values import PinnedImage, image_at, warnings, with_image

if TYPE_CHECKING:
    from collections.abc import Callable

WHERE = "hub/values.yaml"
CALLS: list[Callable[[bytes], object]] = [
    lambda data: image_at(data, "a.0.b", WHERE),
    lambda data: with_image(data, "a", PinnedImage("name", "tag", 0), WHERE),
    lambda data: warnings(data, WHERE),
    lambda data: requirements(data, WHERE),
    lambda data: with_version(data, "a", "1.0.0", WHERE),
    lambda data: read_chartpress(data, WHERE),
    lambda data: hub_base(data, WHERE),
    lambda data: with_base(data, Reference("a", "b"), WHERE),
]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            b"a: 1\nb: \xff\n",
            "error: the file is not UTF-8 (hub/values.yaml:2)\nhint: save it as UTF-8 text",
            id="Latin-1",
        ),
        pytest.param(
            "a: b".encode("utf-16"),
            "error: the file is not UTF-8 (hub/values.yaml:1)\nhint: save it as UTF-8 text",
            id="UTF-16",
        ),
        pytest.param(
            b"a: 1\n--- \nb: 2\n",
            "error: the file holds several YAML documents (hub/values.yaml:2)\nhint: keep one of them",
            id="two documents",
        ),
        pytest.param(
            b"a:\n\tb: 1\n",
            "error: not YAML: found character '\\t' that cannot start any token (hub/values.yaml:2)\n"
            "hint: correct the file there",
            id="indented by a tab",
        ),
        pytest.param(
            b"a: {{ .Values.x }\n",
            "error: not YAML: expected ',' or '}', but got '<stream end>' (hub/values.yaml:2)\n"
            "hint: correct the file there",
            id="a template",
        ),
        pytest.param(
            b"a: b: c\n",
            "error: not YAML: mapping values are not allowed here (hub/values.yaml:1)\nhint: correct the file there",
            id="two colons",
        ),
        pytest.param(
            b"a: \x00\n",
            "error: not YAML: special characters are not allowed (hub/values.yaml)\nhint: correct the file there",
            id="a null byte",
        ),
        pytest.param(
            b"a: *b\n",
            "error: no anchor &b before the alias *b (hub/values.yaml:1)\nhint: mend the name",
            id="an alias of nothing",
        ),
        pytest.param(
            b"[" * (MAX_DEPTH + 1),
            "error: nested deeper than 100 levels (hub/values.yaml:1)\nhint: flatten it",
            id="too deep",
        ),
        pytest.param(
            b"- " * (MAX_DEPTH + 1),
            "error: nested deeper than 100 levels (hub/values.yaml:1)\nhint: flatten it",
            id="too deep, block style",
        ),
        pytest.param(
            b"#" * (MAX_BYTES + 1),
            "error: the file has 4194305 bytes, more than 4194304 (hub/values.yaml)\n"
            "hint: name the right file, or split this one",
            id="too large",
        ),
    ],
)
@pytest.mark.timeout(60)
def test_what_cannot_be_read_is_one_fault(data: bytes, message: str) -> None:
    with pytest.raises(Unusable) as caught:
        parse(data, WHERE)
    assert str(caught.value) == message


def test_more_values_than_the_bound_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_NODES", 1000)
    with pytest.raises(Unusable) as caught:
        parse(b"[" + b",".join([b"1"] * 1000) + b"]", WHERE)
    assert str(caught.value) == ("error: more than 1000 keys and values (hub/values.yaml:1)\nhint: name the right file")


def test_a_bomb_of_aliases_is_as_small_as_its_text() -> None:
    levels = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(50))
    merges = "".join(f"m{n + 1}: &m{n + 1} {{<<: [*m{n}, *m{n}]}}\n" for n in range(50))
    data = f"a0: &a0 x\nm0: &m0 {{k: v}}\n{levels}{merges}image:\n  <<: *m50\n  name: a\n  tag: b\n".encode()
    assert with_image(data, "image", PinnedImage("a", "c", 0), WHERE) == data.replace(b"tag: b", b"tag: c")


def test_a_collection_that_holds_itself() -> None:
    data = b"a: &a\n  b: *a\nm: &m\n  <<: *m\nimage: x:y\n"
    assert with_image(data, "image", PinnedImage("x", "z", 0), WHERE) == data.replace(b"x:y", b"x:z")
    with pytest.raises(Unusable):
        image_at(data, "a.b.b.b", WHERE)


def test_ten_thousand_lines_are_read_and_edited_at_once() -> None:
    block = b"".join(b"key%d: # why\n  sub: [a, b]\n  name: x\n  tag: 'y'\n" % n for n in range(2500))
    data = block + b"image:\n  name:\n  tag:\n"
    assert with_image(data, "image", PinnedImage("a", "b", 0), WHERE) == block + b"image:\n  name: a\n  tag: b\n"


yamlish = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b",
                "0",
                "name",
                "tag",
                "dependencies",
                "charts",
                "version",
                ": ",
                ":",
                "- ",
                "-",
                "? ",
                "\n",
                "\r\n",
            ),
            *(
                "  ",
                " ",
                "\t",
                "{",
                "}",
                "[",
                "]",
                ", ",
                "'",
                '"',
                "|",
                ">",
                "|2",
                ">-",
                "#",
                " # c",
                "&a ",
                "*a",
                "!!str ",
            ),
            *(
                "!",
                "!!int ",
                "<<",
                "<<: *a",
                "~",
                "null",
                "1.10",
                "---",
                "...",
                "%YAML 1.1\n",
                "%TAG ! x\n",
                "\\",
                "@",
                "`",
            ),
            *(
                "FROM ",
                "ARG ",
                "RUN ",
                "k8s-hub",
                ":1",
                "$V",
                "${V",
                ":-",
                "}",
                "V=",
                "<<EOF",
                "EOF",
                "AS ",
                "\u2028",
                "\x85",
            ),
            *("\ufeff", "\U0001f600", "\x07", "%YAML 1.99999999999\n", '"\\x', '"\\Uffffffff"'),
        ]
    ),
    max_size=30,
).map("".join)


@given(st.one_of(yamlish.map(str.encode), st.binary(max_size=60)))
@example(b'"\\Uffffffff"')
@example(b"%YAML 9.9\n---\na")
@example(b"%YAML 1.9\n---\na")
@example(b"%YAML " + b"1" * 5000 + b".1\n---\na")
def test_whatever_stands_in_a_file_there_is_no_other_exception(data: bytes) -> None:
    for call in CALLS:
        fault = fault_of(call, data)
        assert fault is None or str(fault).count("\n") == 1


def fault_of(call: Callable[[bytes], object], data: bytes) -> Unusable | None:
    try:
        call(data)
    except Unusable as fault:
        return fault
    return None
