import pytest

from tasks.core import yaml_tree
from tasks.core.faults import Unusable
from tasks.core.names import Reference
from tasks.core.yaml_tree import MAX_BYTES, MAX_DEPTH, child, load_file, parse, text_under
from tasks.repo.values import PinnedImage, image_at, with_image
from tests.support.calls import raised

WHERE = "hub/values.yaml"


# What cannot be read, and what is said of it.
UNREADABLE = {
    "Latin-1": (b"a: 1\nb: \xff\n", "the file is not UTF-8 (hub/values.yaml:2)", "save it as UTF-8 text"),
    "two documents": (
        b"a: 1\n--- \nb: 2\n",
        "the file holds several YAML documents (hub/values.yaml:2)",
        "keep one of them",
    ),
    "an alias of nothing": (
        *(b"a: *b\n", "no anchor before the alias (hub/values.yaml:1)"),
        "fix its name; a text that begins with * is quoted",
    ),
    "too deep": (b"[" * (MAX_DEPTH + 1), "nested deeper than 100 levels (hub/values.yaml:1)", "flatten it"),
    "too large": (
        *(b"#" * (MAX_BYTES + 1), "the file has 4194305 bytes, more than 4194304 (hub/values.yaml)"),
        "name the right file, or split this one",
    ),
    "too many": (
        *(b"[" + b",".join([b"1"] * 1000) + b"]", "more than 1000 keys and values (hub/values.yaml:1)"),
        "name the right file",
    ),
}


@pytest.mark.parametrize(("data", "what", "hint"), UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.timeout(60)
def test_what_cannot_be_read_is_one_fault(monkeypatch: pytest.MonkeyPatch, data: bytes, what: str, hint: str) -> None:
    monkeypatch.setattr(yaml_tree, "MAX_NODES", 1000)
    assert raised(Unusable, parse, data, WHERE) == f"error: {what}\nhint: {hint}"


def test_a_bomb_of_aliases_is_as_small_as_its_text_and_not_edited() -> None:
    levels = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(50))
    merges = "".join(f"m{n + 1}: &m{n + 1} {{<<: [*m{n}, *m{n}]}}\n" for n in range(50))
    data = f"a0: &a0 x\nm0: &m0 {{k: v}}\n{levels}{merges}image:\n  <<: *m50\n  name: a\n  tag: b\n".encode()
    last = data.count(b"\n")
    assert image_at(data, "image", WHERE) == PinnedImage(Reference("a", "b"), f"{WHERE}:{last}")
    with pytest.raises(Unusable, match="its aliases stand for too much"):
        with_image(data, "image", Reference("a", "c"), WHERE)


def test_plain_data_has_aliases_and_merge_keys_written_out_and_tells_where_each_text_stands() -> None:
    data = b"a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: [on]\nb2: &b\n"
    found = load_file(data, WHERE)
    assert found == {"a": {"x": "1", "y": "2"}, "b": {"x": "1", "y": ["on"]}, "b2": None}
    inner = child(found, "b")
    assert [str(text_under(inner, "x")), getattr(text_under(inner, "x"), "place", "")] == ["1", "hub/values.yaml:1"]


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 {k: v}\n" + "".join(f"a{n + 1}: &a{n + 1} {{x: *a{n}, y: *a{n}, <<: *a{n}}}\n" for n in range(400)),
        "a: &a {image: *a, <<: *a}\n",
    ],
    ids=["a bomb", "a mapping that holds itself"],
)
@pytest.mark.timeout(60)
def test_aliases_that_stand_for_too_much_are_refused_as_helm_refuses_them(text: str) -> None:
    with pytest.raises(Unusable, match="its aliases stand for too much"):
        load_file(text.encode(), WHERE)
