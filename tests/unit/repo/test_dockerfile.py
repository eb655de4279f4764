import subprocess

import pytest

from tasks.core.faults import Unusable
from tasks.core.names import Reference
from tasks.repo.dockerfile import hub_base, with_base, with_images
from tests.support.calls import raised

from . import sides

WHERE = "images/hub/Dockerfile"
OLD_DIGEST = "sha256:" + "0" * 64
DIGEST = "sha256:" + "1" * 64
HUB = "quay.io/jupyterhub/k8s-hub"
NEW = Reference(HUB, "4.4.0")
PINNED = NEW._replace(digest=DIGEST)
ONE_PIECE = "write its version in one piece, in FROM or as one ARG or build argument that no other image uses"


# Dockerfiles as they change: ⟦OLD→NEW⟧. H stands for the hub image's name, D for the old digest, N for the new.
MOVES = {
    "plain": "FROM «H»⟦:3.3.8→:4.4.0⟧\n",
    "lower case, CRLF": "from   «H»⟦:3.3.8→:4.4.0⟧  \r\nuser root\r\n",
    "byte order mark, tabs": "\ufeff\tFROM\t«H»⟦:3.3.8→:4.4.0⟧\t\n",
    "a commented-out FROM above": "# syntax=docker/dockerfile:1\n# FROM «H»:1.0\n\nFROM «H»⟦:3.3.8→:4.4.0⟧\n",
    "platform and AS": "FROM --platform=linux/amd64 «H»⟦:3.3.8→:4.4.0⟧ AS hub\n",
    "in quotes": 'FROM "«H»⟦:3.3.8→:4.4.0⟧"\n',
    "over lines": "FROM \\\n  «H»⟦:3.3.8→:4.4.0⟧ \\\n  # why\n  AS x\n",
    "several stages": "FROM python:3.12 AS build\nRUN x\nFROM «H»⟦:3.3.8→:4.4.0⟧\nCOPY --from=build /a /b\n",
    "files taken from the image": (
        "FROM «H»⟦:3.3.8→:4.4.0⟧ AS a\nFROM a\nCOPY --chown=1:1 --from=«H»⟦:3.3.8→:4.4.0⟧ /a /b\n"
        "RUN --mount=type=bind,from=«H»⟦:3.3.7→:4.4.0⟧,target=/x make\nCOPY --from=a /a /b\nRUN x --from=«H»:1.0\n"
    ),
    "files taken from an image of another name": (
        "FROM ⟦jupyterhub/k8s-hub:3.3.8→«H»:4.4.0⟧\nCOPY --from=reg.example.edu/k8s-hub⟦:3.3.8→:4.4.0⟧ /a /b\n"
    ),
    "files taken from a stage k8s-hub": "FROM python AS k8s-hub\nFROM «H»⟦:3.3.8→:4.4.0⟧\nCOPY --from=k8s-hub /a /b\n",
    "a stage that is called k8s-hub": "FROM «H»⟦:3.3.8→:4.4.0⟧ AS base\nFROM base AS k8s-hub\nFROM K8S-HUB\n",
    "several here-documents": (
        "FROM «H»⟦:3.3.8→:4.4.0⟧\nCOPY <<-'A' <<\"B\" /x/\nFROM «H»:1\n\tA\nFROM «H»:2\nB\nRUN cat <<<x 3<<C\n"
        "FROM «H»:3\nC\n"
    ),
    "FROM as an argument of RUN": "FROM a\nRUN echo \\\nFROM «H»:1.0\nFROM «H»⟦:3.3.8→:4.4.0⟧\n",
    "ARG with the version": "ARG Z2JH_VERSION=⟦3.3.8→4.4.0⟧\nFROM «H»:${Z2JH_VERSION}\n",
    "ARG in single quotes": "ARG V='⟦3.3.8→4.4.0⟧' # c\nFROM «H»:$V\n",
    "ARG with the image": "ARG BASE=«H»⟦:3.3.8→:4.4.0⟧\nFROM ${BASE}\n",
    "an ARG that uses an ARG": "ARG V=⟦3.3.8→4.4.0⟧\nARG BASE=«H»:$V\nFROM $BASE\n",
    "ARG for a registry that moves": (
        "ARG REG=⟦docker.io→quay.io⟧\nFROM ${REG}⟦/jupyterhub/k8s-hub:3.3.8→/jupyterhub/k8s-hub:4.4.0⟧\n"
    ),
    "default in FROM": "FROM «H»:${⟦V:-3.3.8→V:-4.4.0⟧}\n",
    "a default that is not used": "ARG V=⟦3.3.8→4.4.0⟧\nFROM «H»:${V:-9}\n",
    "a suffix for a variable that is empty": "ARG SLIM=\nFROM «H»${SLIM:+-slim}⟦:3.3.8→:4.4.0⟧\n",
    "spellings elsewhere that are not read": (
        'ARG P="a"b\nFROM python:${V#v} AS a\nFROM $P AS b\nFROM «H»⟦:3.3.8→:4.4.0⟧\nRUN echo ${X%%y}\n'
    ),
    "no tag": "FROM «H»⟦→:4.4.0⟧\n",
    "a digest goes": "FROM «H»⟦:3.3.8@«D»→:4.4.0⟧\n",
    "another repository": "FROM ⟦jupyterhub/k8s-hub:3.3.8→«H»:4.4.0⟧\n",
    "the same image twice, at different versions": "FROM «H»⟦:3.3.8→:4.4.0⟧ AS a\nFROM «H»⟦:3.3.7→:4.4.0⟧ AS b\n",
    "normal and slim by one ARG": "ARG V=⟦3.3.8→4.4.0⟧\nFROM «H»:$V AS a\nFROM «H»-slim:$V\n",
}
# The same where the new image has a digest.
MOVES_WITH_DIGEST = {
    "a digest moves": "FROM «H»⟦:3.3.8@«D»→:4.4.0@«N»⟧\n",
    "a digest does not come": "FROM «H»⟦:3.3.8→:4.4.0⟧ AS x\n",
    "ARG for version and digest": "ARG V=⟦3.3.8→4.4.0⟧\nARG D=⟦«D»→«N»⟧\nFROM «H»:$V@$D\n",
    "a digest for one of two": "FROM «H»⟦:3.3.8@«D»→:4.4.0@«N»⟧ AS a\nFROM «H»⟦-slim:3.3.8→-slim:4.4.0⟧\n",
}


@pytest.mark.parametrize(
    ("text", "new"),
    [*((text, NEW) for text in MOVES.values()), *((text, PINNED) for text in MOVES_WITH_DIGEST.values())],
    ids=[*MOVES, *MOVES_WITH_DIGEST],
)
def test_only_the_base_image_changes(text: str, new: Reference) -> None:
    text = text.replace("«H»", HUB).replace("«D»", OLD_DIGEST).replace("«N»", DIGEST)
    before, after = (side.encode() for side in sides(text))
    assert with_base(before, new, WHERE)[0] == after
    assert with_base(after, new, WHERE)[0] is after


# A file, what is said of it, its line, and the hint.
STUCK = {
    "another base": (
        *("FROM python:3.12\nFROM ${BASE}\n", "no FROM inherits from z2jh's hub image", ""),
        "write FROM quay.io/jupyterhub/k8s-hub:VERSION, or give the ARG that it uses a default",
    ),
    "not a name": (
        *("FROM a/k8s-hub:b:c\n", "'a/k8s-hub:b:c' is not an image name", ":1"),
        "write it as host/path:tag, for example quay.io/jupyterhub/k8s-hub:4.4.0",
    ),
    "an ARG that another image uses": (
        f"ARG V=3.3.8\nFROM python:$V\nFROM {HUB}:$V\n",
        *("the edit would make FROM python:$V name python:4.4.0 instead of python:3.3.8", ":2", ONE_PIECE),
    ),
    "a version in pieces": (
        f"ARG A=3\nARG B=3\nFROM {HUB}:$A.$B.8\n",
        *(f"the edit would make FROM {HUB}:$A.$B.8 name {HUB}:3.3.8 instead of {HUB}:4.4.0", ":3", ONE_PIECE),
    ),
}


@pytest.mark.parametrize(("data", "what", "line", "hint"), STUCK.values(), ids=STUCK)
def test_a_dockerfile_that_cannot_be_moved(data: str, what: str, line: str, hint: str) -> None:
    assert raised(Unusable, with_base, data.encode(), NEW, WHERE) == f"error: {what} ({WHERE}{line})\nhint: {hint}"


@pytest.mark.parametrize(
    ("data", "line", "fault"),
    [
        (f"ARG V\nFROM {HUB}:$V\n", 2, "V, which has no default"),
        (f"ARG V=1\nARG V\nFROM {HUB}:$V\n", 3, "V, which has no default"),
        ("FROM ${REG}/k8s-hub:1\nARG REG=quay.io\n", 1, "REG, which has no default"),
        *(
            (text, line, f"{sign}, which is not supported")
            for text, line, sign in (
                (f"ARG V=v3.3.8\nFROM {HUB}:${{V#v}}\n", 2, "${V#v}"),
                (f"FROM {HUB}:${{V-3.3.8}}\n", 1, "${V-3.3.8}"),
                (f"ARG V=3\nFROM {HUB}:${{V:?no}}\n", 2, "${V:?no}"),
                (f"ARG D=3.3.8\nFROM {HUB}:${{V:-${{D}}}}\n", 2, "${V:-${D}}"),
                (f"FROM {HUB}:3.3.8$\n", 1, "$"),
                (f"FROM {HUB}:'3.3.8'\n", 1, "'"),
                (f"FROM {HUB}:\\3.3.8\n", 1, "\\"),
                (f"FROM '{HUB}:$V'\n", 1, "$ in single quotes"),
                (f"FROM {HUB}:3.\\\n3.8\n", 1, "a line break inside"),
            )
        ),
        (f"ARG V=3.'3'.8\nFROM {HUB}:$V\n", 2, "', which is not supported, in ARG V"),
        (f'ARG W="3"".3" V=$W.8\nFROM {HUB}:$V\n', 2, '", which is not supported, in ARG W, in ARG V'),
    ],
)
def test_a_base_image_that_the_file_does_not_tell_is_refused_by_what_hides_it(data: str, line: int, fault: str) -> None:
    message, hint = raised(Unusable, hub_base, data.encode(), WHERE).splitlines()
    assert message.endswith(f" uses {fault} (images/hub/Dockerfile:{line})")
    assert hint == (
        "hint: write plain text, $X, ${X}, ${X:-text} or ${X:+text}, quoted as a whole or not at all, and give X a "
        "value: ARG X=… before the first FROM, or buildArgs in chartpress.yaml"
    )


def test_one_digest_is_not_pinned_on_two_images() -> None:
    data = f"FROM {HUB}:1@{OLD_DIGEST} AS a\nFROM {HUB}-slim:1@{OLD_DIGEST}\n".encode()
    assert "is not that of quay.io/jupyterhub/k8s-hub-slim" in raised(Unusable, with_base, data, PINNED, WHERE)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("FROM python:3.12\n", None),
        ("FROM my-k8s-hub:1\nFROM k8s-hub/x\nFROM k8s-hubs\n", None),
        ("ARG TARGETARCH\nFROM x-$TARGETARCH\n", None),
        ("FROM k8s-hub:1\n", (1, "k8s-hub:1", "k8s-hub:1")),
        ("\nFROM a:5000/k8s-hub-slim\n", (2, "a:5000/k8s-hub-slim", "a:5000/k8s-hub-slim")),
        ("ARG V=1\nFROM x/k8s-hub:${V}\n", (2, "x/k8s-hub:1", "x/k8s-hub:${V}")),
        (f"FROM k8s-hub:1@{DIGEST}", (1, f"k8s-hub:1@{DIGEST}", f"k8s-hub:1@{DIGEST}")),
        ("FROM k8s-hub:1 AS a\nFROM k8s-hub:2 AS b\nFROM b AS c\nFROM C", (2, "k8s-hub:2", "k8s-hub:2")),
    ],
)
def test_reading(data: str, found: tuple[int, str, str] | None) -> None:
    base = hub_base(data.encode(), WHERE)
    assert (base and (base.line, str(base.reference), base.text)) == found


def test_what_stands_in_for_hub_images_is_written_whole_wherever_their_parts_are_from() -> None:
    data = (
        'ARG R=quay.io/jupyterhub V=1\nFROM --platform=linux/amd64 "${R}/k8s-hub:$V" AS a\nFROM $R/k8s-hub-slim:$V\n'
        "COPY --from=quay.io/jupyterhub/k8s-hub:2 /x /x\nCOPY --from=a /y /y\n"
    )
    hub = "quay.io/jupyterhub/k8s-hub"
    images = {Reference(hub, "1"): Reference("l/a", "1"), Reference(f"{hub}-slim", "1"): Reference("l/b", "1")}
    assert with_images(data.encode(), images, WHERE).decode() == (
        data.replace('"${R}/k8s-hub:$V"', "l/a:1").replace("$R/k8s-hub-slim:$V", "l/b:1")
    )


def test_the_stages_that_build_on_it() -> None:
    base = hub_base(b"FROM python AS py\nFROM k8s-hub:1 AS a\nFROM A AS b\nFROM py\n", WHERE)
    assert base is not None
    assert base.targets == {"1", "a", "2", "b"}
    last = hub_base(b"FROM k8s-hub:1\n", WHERE)
    assert last is not None
    assert last.targets == {"0", ""}


# -- Docker itself names the same base image; nothing is pulled: it would come from a port that nobody serves


LOCAL = "127.0.0.1:1/k8s-hub"


@pytest.mark.engine
@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM «H»:1",
        'FROM "«H»:2"\n',
        "from\t«H»:3\tas\tx\r\n",
        "FR\\\nOM «H»:4\n",
        "\\\n  FROM \\ \n\n# why\n\n «H»:5",
        "ARG V=1\nARG V\nFROM «H»:${V:-6}\n",
        "ARG V=\nFROM «H»:7${V:+x}\n",
        "ARG V=x\nFROM «H»:8.0.0-rc${V:+1}\n",
        'ARG A=1 V="9"\nARG W=$V # why\nFROM «H»:${W}\n',
        "ARG V=13 \\\n# why\n W=14\nFROM «H»:$V.$W\n",
        "# note\n# escape=`\nFROM scratch AS a\nRUN \\\nFROM b:\nFROM «H»:16\n",
        "FROM scratch AS a\nRUN echo \\\\\nFROM «H»:17\n",
        "FROM scratch AS a\nCOPY <<-'A' <<\"B\" /x/\nFROM x:\n\tA\nFROM x:\nB\nFROM «H»:18\n",
        "FROM scratch AS a\nRUN cat <<<x 3<<C\nFROM x:\nC\nFROM «H»:22\n",
        "FROM scratch AS a\nRUN echo '<<E' $((1<<2)) \"it's\" x<<E\nFROM «H»:19\n",
        "FROM scratch AS a\nONBUILD RUN <<E\nFROM x:\nE\nFROM «H»:20\n",
        "FROM scratch AS A\nFROM a AS b\nFROM «H»:21\n",
    ],
)
def test_docker_names_the_same_image(dockerfile: str) -> None:
    text = dockerfile.replace("«H»", LOCAL)
    base = hub_base(text.encode(), "Dockerfile")
    assert base is not None
    argv = ["docker", "buildx", "build", "--progress=plain", "-"]
    build = subprocess.run(argv, input=text.encode(), capture_output=True, check=False, timeout=60)
    faults = [line for line in build.stderr.decode().splitlines() if line.startswith("ERROR: ")]
    assert f" {base.reference}: " in faults[-1]
