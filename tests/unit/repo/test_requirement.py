import pytest

from tasks.core.faults import Unusable
from tasks.repo.charts import requirements, with_version
from tests.support.calls import raised

from . import sides

WHERE = "hub/requirements.yaml"


# Files as they change: ⟦OLD→NEW⟧.
SPELLINGS = {
    "blanks, which Helm ignores": '- name: jupyterhub\n  version: ⟦" 3.3.8 "→"4.4.0"⟧\n  repository: x\n',
    "column 2, quotes, no last newline": "  - version: '⟦3.3.8→4.4.0⟧'\n    name: 'jupyterhub'",
    "siblings that share the prefix": (
        "- {name: jupyterhub-ssh, version: 3.3.8}\n- {name: jupyterhub, version: ⟦3.3.8→4.4.0⟧}\n"
        "- {name: jupyterhub-home-nfs, version: 3.3.8}\n"
    ),
    "a version that YAML takes for a number": "- {name: jupyterhub, version: ⟦3.10→4.4.0⟧}\n",
    "twice under aliases": (
        "- {name: jupyterhub, alias: a, version: ⟦3.3.8→4.4.0⟧}\n"
        "- {name: jupyterhub, alias: b, version: ⟦3.3.8→4.4.0⟧}\n"
    ),
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_only_the_version_changes(text: str) -> None:
    before, after = (f"dependencies:\n{side}".encode() for side in sides(text))
    assert with_version(before, "jupyterhub", "4.4.0", WHERE) == after
    assert with_version(after, "jupyterhub", "4.4.0", WHERE) == after


@pytest.mark.parametrize("data", ["", "name: x\n", "dependencies:\n", "dependencies: []\n", "---\n"])
def test_a_chart_without_dependencies(data: str) -> None:
    assert requirements(data.encode(), WHERE) == ()


REFUSED = {
    "another chart": (
        *("- {name: binderhub, version: 1.0.0}", "no dependency jupyterhub (hub/requirements.yaml)"),
        "name the right one as hub.dependency in invoke.yaml",
    ),
    "no version": (
        *("- name: jupyterhub", "the dependency jupyterhub has no version (hub/requirements.yaml:2)"),
        "add version: with an exact version",
    ),
    "two versions": (
        "- {name: jupyterhub, version: 3.3.8}\n- {name: jupyterhub, alias: b, version: 3.3.7}",
        "the dependency jupyterhub is at 3.3.8 on line 2 and at 3.3.7 here (hub/requirements.yaml:3)",
        "give both the same version first",
    ),
}


@pytest.mark.parametrize(("data", "what", "hint"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_moved(data: str, what: str, hint: str) -> None:
    told = f"error: {what}\nhint: {hint}"
    assert raised(Unusable, with_version, f"dependencies:\n{data}\n".encode(), "jupyterhub", "4.4.0", WHERE) == told
