"""Templates of names in braces."""

import pytest

from tasks.core.faults import Unusable
from tasks.image.tag import fields, render

NAMES = {"TAG": "1.2.3", "LAST_COMMIT": "abc1234"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        pytest.param("plain", "plain", id="no name"),
        pytest.param("", "", id="nothing"),
        pytest.param("{TAG}", "1.2.3", id="a name"),
        pytest.param("v{TAG}-{LAST_COMMIT}-{TAG}", "v1.2.3-abc1234-1.2.3", id="names, one twice"),
        pytest.param("{{TAG}}", "{TAG}", id="braces"),
        pytest.param("{{{TAG}}}", "{1.2.3}", id="a name in braces"),
        pytest.param("${{TAG}}", "${TAG}", id="a shell's variable"),
        pytest.param("%{{ if }}", "%{ if }", id="what bake would evaluate"),
    ],
)
def test_names_are_filled_in(template: str, text: str) -> None:
    assert render(template, NAMES, "here") == text


def test_what_is_filled_in_is_not_read_again() -> None:
    assert render("{A}", {"A": "{B}", "B": "b"}, "here") == "{B}"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        pytest.param("{BRANCHES}", "it may use {TAG}, {LAST_COMMIT}", id="an unknown name"),
        pytest.param("{}", "it may use {TAG}, {LAST_COMMIT}", id="no name"),
        pytest.param("{0}", "it may use {TAG}, {LAST_COMMIT}", id="a number"),
        pytest.param("{TAG.__class__}", "it may use {TAG}, {LAST_COMMIT}", id="an attribute"),
        pytest.param("{TAG[0]}", "it may use {TAG}, {LAST_COMMIT}", id="an item"),
        pytest.param("{TAG!r}", "it may use {TAG}, {LAST_COMMIT}", id="a conversion"),
        pytest.param("{TAG:>999999999}", "it may use {TAG}, {LAST_COMMIT}", id="a width that fills the memory"),
        pytest.param("{TAG:{TAG}}", "it may use {TAG}, {LAST_COMMIT}", id="a name in a name"),
        pytest.param("{TAG", "expected '}' before end of string", id="an open brace"),
        pytest.param("TAG}", "Single '}' encountered in format string", id="a closing brace"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(template: str, why: str) -> None:
    with pytest.raises(Unusable) as refused:
        render(template, NAMES, "chartpress.yaml: images.hub.buildArgs")
    assert str(refused.value) == (
        f"error: the template {template!r} cannot be filled in: {why} (chartpress.yaml: images.hub.buildArgs)\n"
        "hint: fix it in chartpress.yaml: images.hub.buildArgs"
    )


def test_the_names_of_a_template() -> None:
    assert fields("{{no}} {TAG} {LAST_COMMIT:x} {TAG}", "here") == {"TAG", "LAST_COMMIT"}
    with pytest.raises(Unusable, match="cannot be filled in"):
        fields("{", "here")
