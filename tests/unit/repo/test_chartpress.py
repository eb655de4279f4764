import pytest

from tasks.core.faults import Unusable
from tasks.repo.charts import ChartSpec, ImageSpec, read_chartpress
from tests.support.calls import raised

WHERE = "helm-charts/chartpress.yaml"


def read(text: str) -> tuple[ChartSpec, ...]:
    return read_chartpress(text.encode(), WHERE)


def image(text: str) -> ImageSpec:
    """Read the options of one image, ``hub``."""
    return read(f"charts: [{{name: c, imagePrefix: p/, images: {{hub: {text}}}}}]")[0].images[0]


@pytest.mark.parametrize(
    ("written", "expected"),
    [("a.b", ("a.b",)), ("[a.b, c]", ("a.b", "c")), ("[]", ()), ("{}", ()), ("''", ()), ("null", ()), ("", ())],
)
def test_values_path(written: str, expected: tuple[str, ...]) -> None:
    assert image(f"{{valuesPath: {written}}}").values_paths == expected


def test_anchors_and_merge_keys() -> None:
    config = read(
        """
charts:
- name: c
  images:
    a: &a {contextPath: images/hub, valuesPath: a.image, buildArgs: &args {V: "1"}}
    b: {<<: *a, valuesPath: b.image}
    c: {<<: [{contextPath: c}, *a], buildArgs: {<<: *args, W: "2"}}
"""
    )
    a, b, c = config[0].images
    assert (b.context, b.values_paths, b.build_args) == (a.context, ("b.image",), a.build_args)
    assert (c.context, c.values_paths, c.build_args) == ("c", ("a.image",), {"V": "1", "W": "2"})


NO_TRUTH = "charts:\n- name: c\n  images:\n    hub:\n      rebuildOnContextPathChanges: no"
# A file, what is said of it, and the line.
UNUSABLE = {
    "empty": ("", "no charts", ""),
    "not YAML": ("<html>\n<a: b: c", "not YAML: mapping values are not allowed here", ":2"),
    "no name": ("charts:\n- chartPath: c", "charts[0].name is missing", ""),
    "a number that chartpress gives to Docker as 3.1": (
        "charts:\n- {name: c, images: {h: {buildArgs: {PYTHON: 3.10}}}}",
        *("charts[0].images.h.buildArgs.PYTHON is the number '3.10', not a string", ":2"),
    ),
    "a truth value": (
        *(NO_TRUTH, "charts[0].images.hub.rebuildOnContextPathChanges is the text 'no', not true or false", ":5"),
    ),
}


@pytest.mark.parametrize(("text", "what", "line"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_chartpress_cannot_use(text: str, what: str, line: str) -> None:
    assert raised(Unusable, read, text).splitlines()[0] == f"error: {what} ({WHERE}{line})"
