from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks.core.faults import Unusable
from tasks.core.names import Reference
from tasks.core.settings import DeploymentSetting
from tasks.repo.values import PinnedImage, image_at, in_brackets, with_image
from tests.support.calls import opened, raised
from tests.support.hubs import make_hub

from . import sides

NAME = "quay.io/org/hub"
TAG = "0.0.1-0.dev.git.7.habc1234"
WHERE = "hub/values.yaml"
IMAGE = Reference(NAME, TAG)
PLAINLY = "write each value plainly on one line with its key, without an anchor, alias or merge key (<<)"
DIGEST = f"sha256:{'0' * 64}"
NOT_ALONE = "the file cannot be edited there without changing something else"


# Spellings of ``image:`` as they change: ⟦OLD→NEW⟧. N and T stand for the new name and tag.
SPELLINGS = {
    "plain": "image:\n  name: ⟦a→«N»⟧\n  tag: ⟦b→«T»⟧\n",
    "single quotes": "image:\n  name: '⟦a→«N»⟧'\n  tag: '⟦b→«T»⟧'\n",
    "double quotes": 'image:\n  name: "⟦a→«N»⟧"\n  tag: "⟦b→«T»⟧"\n',
    "nothing": "image:\n  name:⟦→ «N»⟧\n  tag:⟦→ «T»⟧\n",
    "empty quotes": "image:\n  name: '⟦→«N»⟧'\n  tag: \"⟦→«T»⟧\"\n",
    "nothing but a comment": "image:\n  name:⟦→ «N»⟧ # set by chartpress\n  tag: ⟦→«T» ⟧  # set, too\n",
    "comments": "image:\n  name: ⟦a→«N»⟧ # one\n  tag: '⟦b→«T»⟧'   # two\n",
    "odd blanks": "image:\n  name  :  ⟦a→«N»⟧\n  tag:   ⟦b→«T»⟧\t# c\n",
    "flow": "image: {name: ⟦a→«N»⟧, tag: ⟦b→«T»⟧}\n",
    "flow with nothing": "image: {name: ⟦→«N»⟧, tag: ⟦→«T»⟧}\n",
    "JSON": '{"image": {"name":"⟦a→«N»⟧","tag":"⟦b→«T»⟧"}}',
    "repository": "image:\n  repository: ⟦a→«N»⟧\n  tag: ⟦b→«T»⟧\n",
    "name and repository": "image:\n  repository: ⟦a→«N»⟧\n  name: ⟦c→«N»⟧\n  tag: ⟦b→«T»⟧\n",
    "one string": "image: ⟦a:b→«N»:«T»⟧\n",
    "one quoted string": "image: '⟦a:b→«N»:«T»⟧'  # c\n",
    "CRLF": "image:\r\n  name: ⟦a→«N»⟧\r\n  tag: ⟦b→«T»⟧\r\n",
    "CRLF and nothing": "image:\r\n  name:⟦→ «N»⟧\r\n  tag:⟦→ «T»⟧\r\n",
    "byte order mark": "\ufeffimage:\n  name: ⟦a→«N»⟧\n  tag: ⟦b→«T»⟧\n",
    "no last newline": "image:\n  name: ⟦a→«N»⟧\n  tag: ⟦b→«T»⟧",
    "markers": "---\nimage:\n  name: ⟦a→«N»⟧\n  tag: ⟦b→«T»⟧\n...\n",
    "a merge key beside": "d: &d {pullPolicy: x}\nimage:\n  <<: *d\n  name: ⟦a→«N»⟧\n  tag: ⟦b→«T»⟧\n",
    "not ASCII": "image:\n  name: ⟦ä→«N»⟧ # ü\n  tag: '⟦ß→«T»⟧'\n",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_only_the_image_changes(text: str) -> None:
    before, after = (side.replace("«N»", NAME).replace("«T»", TAG).encode() for side in sides(text))
    assert with_image(before, "image", IMAGE, WHERE) == after
    assert with_image(after, "image", IMAGE, WHERE) == after


PATHS = {
    "flow in flow": ("a.b.c.image", "a: {b: {c: {image: x:1}}}", "a: {b: {c: {image: hub:t}}}"),
    "list, column 0": ("l.1.image", "l:\n- image: a:b\n- image: a:b\n", "l:\n- image: a:b\n- image: hub:t\n"),
    "a list's item itself": ("l.0", "l:\n  - a:b\n", "l:\n  - hub:t\n"),
    "list of images": ("l.0", "l:\n  - name: a\n    tag: b\n", "l:\n  - name: hub\n    tag: t\n"),
    "a key of digits": ("0.image", "0:\n  image: a:b\n", "0:\n  image: hub:t\n"),
    "keys that YAML 1.1 takes for truth values": ("yes.on", "yes: {on: a:b}\n", "yes: {on: hub:t}\n"),
}


@pytest.mark.parametrize(("values_path", "before", "after"), PATHS.values(), ids=PATHS)
def test_the_path_leads_through_lists_and_mappings(values_path: str, before: str, after: str) -> None:
    assert with_image(before.encode(), values_path, Reference("hub", "t"), WHERE).decode() == after


TAGS = (
    *("1.10", "123", "0123", "1e5", "0123e4", "0x1f", "0o17", "0b11", "12_000", "1:30", "1.", ".5", "-1", "+1"),
    *("on", "Yes", "y", "N", "off", "true", "False", "null", "NULL", "~", "2024-01-01", ".inf", ".nan"),
    *("=", "<<", "-", "a b", "a: b", "a #b", "'", '"', "\\", "*a", "&a", "!a", "|", "{", "@", "%", "- a"),
    *("a:", "", "ä"),
)


@pytest.mark.parametrize("before", ["tag: b", "tag: 'b'", 'tag: "b"', "tag:", "tag: 1.9"])
def test_a_tag_always_reads_back_as_the_same_text(before: str) -> None:
    for tag in TAGS:
        after = with_image(f"image:\n  name: a\n  {before}\n".encode(), "image", Reference("a", tag), WHERE)
        for version in ("1.1", "1.2"):
            yaml = YAML(typ="safe", pure=True)
            yaml.version = version
            assert yaml.load(after)["image"]["tag"] == tag
        assert after.startswith(b"image:\n  name: a\n  tag: ")


@pytest.mark.parametrize("name", [*filter(None, TAGS), "2024", ".", ".ci/hub", "clusters/*/a.yaml", "o'hub"])
def test_a_setting_that_is_proposed_reads_back_as_the_same_text(name: str) -> None:
    """``init`` wrote ``context: 2024`` for an image in a folder of that name, and the next task refused the number."""
    for version in ("1.1", "1.2"):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version
        entry = in_brackets(DeploymentSetting(name, (name,)))
        assert yaml.load(f"[{entry}]") == [{"name": name, "values": [name]}]


@pytest.mark.parametrize(
    ("data", "written", "line"),
    [
        ("image:\n  name: a\n  tag: b\n", Reference("a", "b"), 3),
        ("image:\n  name:\n  tag: ~\n", Reference(""), 3),
        ("image: {repository: a, tag: 1.10}\n", Reference("a", "1.10"), 1),
        ("# c\nimage: localhost:5000/a:b\n", Reference("localhost:5000/a", "b"), 2),
        ("image: localhost:5000/a\n", Reference("localhost:5000/a"), 1),
        (f"image: a:b@{DIGEST}\n", Reference("a", "b", DIGEST), 1),
        (f"image: a@{DIGEST}\n", Reference("a", None, DIGEST), 1),
        (f"image:\n  name: a\n  tag: b@{DIGEST}\n", Reference("a", "b", DIGEST), 3),
        (f"image:\n  name: a@sha256\n  tag: {'0' * 64}\n", Reference("a", None, DIGEST), 3),
        (f"image:\n  name: a@{DIGEST}\n  tag:\n", Reference("a", None, DIGEST), 3),
        (f"image: {{repository: a, tag: b, digest: '{DIGEST}'}}\n", Reference("a", "b", DIGEST), 1),
        ("image: ''\n", Reference(""), 1),
        ("n: &n a\nimage: {name: *n, tag: b}\n", Reference("a", "b"), 2),
    ],
)
def test_reading(data: str, written: Reference, line: int) -> None:
    assert image_at(data.encode(), "image", WHERE) == PinnedImage(written, f"{WHERE}:{line}")


# What stands at jupyterhub.hub, and what is said of jupyterhub.hub.image.
NO_IMAGES = {
    "missing": (
        *("\n    x: 1", "values path jupyterhub.hub.image is missing (hub/values.yaml)"),
        'add "image: {name: , tag: }" under jupyterhub.hub, line 3',
    ),
    "through a text": (
        *(" on", "jupyterhub.hub is the text 'on', not a mapping or a list (hub/values.yaml:2)"),
        "correct the path, or the file",
    ),
    "neither name nor repository": (
        "\n    image:\n      tag: b",
        "values path jupyterhub.hub.image has neither name nor repository (hub/values.yaml:4)",
        'add "name:" under jupyterhub.hub.image',
    ),
    "a key twice at the end": (
        "\n    image:\n      name: a\n      tag: b\n      tag: c",
        "jupyterhub.hub.image.tag is ambiguous: the key tag stands on lines 5 and 6 (hub/values.yaml)",
        "keep one of them: Helm reads the last, chartpress refuses both",
    ),
}


@pytest.mark.parametrize(("there", "what", "hint"), NO_IMAGES.values(), ids=NO_IMAGES)
def test_a_path_that_leads_to_no_image(there: str, what: str, hint: str) -> None:
    data, told = f"jupyterhub:\n  hub:{there}\n".encode(), f"error: {what}\nhint: {hint}"
    assert raised(Unusable, image_at, data, "jupyterhub.hub.image", WHERE) == told
    assert raised(Unusable, with_image, data, "jupyterhub.hub.image", IMAGE, WHERE) == told


SHARED = {
    "through an alias": ("x.image", "x: &x {image: {name: a, tag: b}}\njupyterhub:\n  hub: *x\n"),
    "a shared mapping": ("y", "jupyterhub:\n  hub:\n    image: &x {name: a, tag: b}\ny: *x\n"),
    "from a merge key": ("d.image", "d: &d\n  image: {name: a, tag: b}\njupyterhub:\n  hub:\n    <<: *d\n"),
}


@pytest.mark.parametrize(("other", "data"), SHARED.values(), ids=SHARED)
def test_what_is_shared_is_read_and_refused_where_it_would_be_edited(other: str, data: str) -> None:
    found = image_at(data.encode(), "jupyterhub.hub.image", WHERE)
    assert found.written == Reference("a", "b")
    assert with_image(data.encode(), "jupyterhub.hub.image", Reference("a", "b"), WHERE) == data.encode()
    told = f"error: the file cannot be edited there without changing {other}.name (hub/values.yaml)\nhint: {PLAINLY}"
    assert raised(Unusable, with_image, data.encode(), "jupyterhub.hub.image", IMAGE, WHERE) == told


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'image:\n  name: a\n  tag: "b@{DIGEST}" # why\n', 'image:\n  name: «N»\n  tag: "«T»@«D»" # why\n'),
        (f"image: a:b@{DIGEST}\n", "image: «N»:«T»@«D»\n"),
        (f"image: a@{DIGEST}\n", "image: «N»:«T»@«D»\n"),
        (f"image: {{name: a@sha256, tag: '{'0' * 64}'}}\n", "image: {name: «N»@sha256, tag: '«H»'}\n"),
        (f"image: {{name: 'a@{DIGEST}', tag: }}\n", "image: {name: '«N»', tag: «T»@«D»}\n"),
        (f"image: {{name: a, tag: b, digest: '{DIGEST}'}}\n", "image: {name: «N», tag: «T», digest: '«D»'}\n"),
        ("image: {name: a, tag: b, digest: }\n", "image: {name: «N», tag: «T», digest: }\n"),
        ("image: {name: a, tag: b}\n", "image: {name: «N», tag: «T»}\n"),
    ],
    ids=[
        *("tag", "string", "string without a tag", "name", "all in the name", "a key of its own", "an empty key"),
        "no digest",
    ],
)
def test_a_digest_stays_a_digest(before: str, after: str) -> None:
    digest = f"sha256:{'1' * 64}"
    texts = {"«N»": NAME, "«T»": TAG, "«D»": digest, "«H»": "1" * 64}
    for sign, text in texts.items():
        after = after.replace(sign, text)
    assert with_image(before.encode(), "image", IMAGE._replace(digest=digest), WHERE).decode() == after


@pytest.mark.parametrize(
    ("tag", "what", "hint"),
    [
        ("", "image.tag is missing (hub/values.yaml:2)", 'add "tag:" there'),
        *(
            (tag, f"{NOT_ALONE} (hub/values.yaml:3)", PLAINLY)
            for tag in ("  tag: !!int 7", "  tag: &t b", "  tag: &t b\nother: *t", "  tag: |\n    b")
        ),
        ("  ? tag", f"{NOT_ALONE} (hub/values.yaml)", PLAINLY),
    ],
)
def test_an_edit_that_would_change_something_else(tag: str, what: str, hint: str) -> None:
    data = f"image:\n  name: a\n{tag}\n".encode()
    assert raised(Unusable, with_image, data, "image", IMAGE, WHERE) == f"error: {what}\nhint: {hint}"


@pytest.mark.parametrize(("path", "meant"), [("a..b", "a.b"), (".a.b.", "a.b"), (".", "jupyterhub.hub.image")])
def test_a_path_with_an_empty_part(path: str, meant: str) -> None:
    """It was told to write a key without a name."""
    assert raised(Unusable, image_at, b"a: {b: x:1}", path, WHERE) == (
        f"error: values path {path} has an empty part ({WHERE})\n"
        f"hint: correct it in chartpress.yaml or invoke.yaml: {meant}"
    )


@pytest.mark.parametrize("index", ["1", "00000000000000000000001", "9" * 5000, "²", "-1"])
def test_a_list_index_that_is_not_there(index: str) -> None:
    with pytest.raises(Unusable):
        image_at(b"l: [a:b]\n", f"l.{index}", WHERE)


def test_a_repository_that_builds_one_of_its_images_manages_that_images_values(tmp_path: Path) -> None:
    made = make_hub(tmp_path / "hub")
    made.edit("chartpress.yaml", "      hub:\n", "      lab: {valuesPath: lab.image}\n      hub:\n")
    made.write("images/lab/Dockerfile", made.read("images/hub/Dockerfile"))
    made.commit("Add another hub image")
    assert "hub/values.yaml" in opened(made, images=["lab"]).managed
