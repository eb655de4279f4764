"""actions/labeler's file, in both formats."""

import pytest

from tasks.core.faults import Unusable
from tasks.review.team import PullRequestPaths, labels_of
from tests.support.calls import InMemory, raised

RELEASE = PullRequestPaths(
    ("hub/requirements.yaml", "hub/values.yaml", "images/hub/Dockerfile"), "bump-z2jh-3.3.8", "staging"
)
# As Cal-ICOR and Berkeley have them.
VERSION_4 = """\
python: ['**/*.py']
dockerfile: ['**/Dockerfile']
configuration: ['**/*.{json,yaml}']
hub-images: ['images/**']
documentation: [any: ['**/*.txt', '!**/requirements.txt'], 'docs/**']
helm-config: ['chartpress.yaml', 'hub/*.yaml']
jupyterhub-deployment: ['hub/**']
'hub: cuesta': ['deployments/cuesta/**']
"""
VERSION_5 = """\
changed-files-labels-limit: 8
hub-images: [changed-files: [any-glob-to-any-file: images/**]]
jupyterhub-deployment: [any: [changed-files: [any-glob-to-any-file: ['hub/**', 'support/**']]]]
'hub: cuesta': [changed-files: [any-glob-to-any-file: deployments/cuesta/**]]
"""


def labels(text: str, request: PullRequestPaths = RELEASE, path: str = ".github/labeler.yml") -> list[str]:
    return list(labels_of(InMemory({path: text.encode()}), request))


def test_the_labels_of_a_release() -> None:
    given = ["dockerfile", "configuration", "hub-images", "helm-config", "jupyterhub-deployment"]
    assert labels(VERSION_4) == given
    assert labels(VERSION_5, path=".github/labeler.yaml") == ["hub-images", "jupyterhub-deployment"]
    assert labels_of(InMemory(), RELEASE) == ()
    dotted = PullRequestPaths((".github/workflows/x.yaml",), "b", "main")
    assert labels("it: [{changed-files: [{any-glob-to-any-file: '**'}]}]\n", dotted) == ["it"]


@pytest.mark.parametrize(
    ("rules", "applies"),
    [
        # Up to version 4: https://github.com/actions/labeler/tree/v4#common-examples
        ("images/**", True),
        ("['!docs/**']", True),
        ("[{any: ['**/*.yaml', '!hub/**']}]", False),
        ("[{all: ['!docs/**']}]", True),
        ("[{any: ['images/**'], all: ['hub/**']}]", False),
        ("['./images/**']", True),
        ("['#images/**']", False),
        ("['{hub,images}/**/*.yaml']", True),
        ("['hub/@(values|other).yaml']", True),
        # Since version 5: https://github.com/actions/labeler/tree/v5#match-object
        ("[{changed-files: [{any-glob-to-all-files: ['hub/**', '**']}]}]", True),
        ("[{changed-files: [{all-globs-to-any-file: ['**/*.yaml', '!hub/v*']}]}]", True),
        ("[{changed-files: [{all-globs-to-any-file: ['**/*.yaml', '!hub/**']}]}]", False),
        ("[{changed-files: [{all-globs-to-all-files: ['!docs/**', '!**/*.md']}]}]", True),
        ("[{all: [{changed-files: [{any-glob-to-any-file: hub/**}]}, {base-branch: '^staging$'}]}]", True),
        ("[{all: [{changed-files: [{any-glob-to-any-file: hub/**}]}, {base-branch: '^prod$'}]}]", False),
        ("[{head-branch: '^bump-'}]", True),
        ("[{head-branch: ['^feature', '^fix']}]", False),
        ("[{changed-files: [{any-glob-to-any-file: docs/**}]}, {head-branch: '^bump-'}]", True),
        ("[{any: [{head-branch: '^bump-'}]}, {all: [{base-branch: prod}]}]", False),
        ("[{}]", False),
        ("[]", False),
    ],
)
def test_a_rule(rules: str, applies: bool) -> None:
    assert (labels(f"it: {rules}\n") == ["it"]) == applies


@pytest.mark.parametrize(
    "text",
    [
        "it: [images/**",
        "it: {images: x}",
        "it: [{changed-files: [{any-glob: x}]}]",
        "it: [{head-branch: '('}]",
        "it: ['{1..99999}']",
        "it: [{any: [x, {y: z}]}]",
    ],
)
def test_what_the_labeler_fails_on_is_named(text: str) -> None:
    error, hint = raised(Unusable, labels, text).splitlines()
    assert error.startswith("error: it is not a file of actions/labeler: ")
    assert hint == "hint: fix .github/labeler.yml"
