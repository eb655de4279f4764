"""Docker itself reads each of these Dockerfiles, and names the same base image.

Nothing is pulled: the images would come from a port of this machine that nobody serves.
"""

import subprocess

import pytest

from tasks.repo.dockerfile import hub_base

HUB = "127.0.0.1:1/k8s-hub"


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
    text = dockerfile.replace("«H»", HUB)
    base = hub_base(text.encode(), "Dockerfile")
    assert base is not None
    argv = ["docker", "buildx", "build", "--progress=plain", "-"]
    build = subprocess.run(argv, input=text.encode(), capture_output=True, check=False, timeout=60)
    faults = [line for line in build.stderr.decode().splitlines() if line.startswith("ERROR: ")]
    assert f" {base.reference}: " in faults[-1]
