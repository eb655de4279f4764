import os
import resource
import sys
import tarfile
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.charts import archive, chart, entry

from .readers import READERS, outcome

# A few here; many with ``make fuzz``.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
# Far more than any of them needs: a machine may be busy.
SECONDS = 5.0


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_whatever_comes_in_a_reader_reads_it_or_says_why_not_in_one_fault(name: str, data: st.DataObject) -> None:
    inputs, read = READERS[name]
    given_to_it = data.draw(inputs)
    begin = time.process_time()
    fault = outcome(read, given_to_it)
    assert time.process_time() - begin < SECONDS
    assert fault is None or len(str(fault).splitlines()) == 2


# -- small files that would cost a careless reader hours or gigabytes


# Of the processor: what else the machine does, does not count.
BOMB_SECONDS, MOST_MEMORY, LONGEST_FAULT = 15.0, 400 * 1024**2, 5000
MACOS = sys.platform == "darwin"  # it counts bytes, Linux KiB
_DEEP = "[" * 100_000
_ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 100))
BOMBS: dict[str, tuple[str, Any]] = {
    "aliases in values": ("values", _ALIASES.encode()),
    "aliases in the index": ("chart index", f"{_ALIASES}entries: {{jupyterhub: *a99}}\n".encode()),
    "aliases in an archive": ("chart archive", chart(f"{_ALIASES}hub: {{image: *a99}}\n".encode())),
    "an extended header of digits": ("chart archive", archive(entry("x", b"1" * 200_000, type=tarfile.XHDTYPE))),
    "a range that can be read in many ways": ("range of versions", " 1.1.1-1 " * 20 + "|"),
    "a marked line of versions": ("marked line", "1.1.1-" * 20_000),
    "a Renovate comment of one word": ("marked line", f"# renovate: {'a' * 100_000}\nx = 3.2.1"),
    "values of blank lines": ("encrypted values", b"\n " * 100_000),
    "deep values": ("values", _DEEP.encode()),
    "deep Docker configuration": ("Docker's configuration", _DEEP.encode()),
    "deep answer of a registry": ("registry", (200, "", _DEEP.encode())),
    "a number of a million digits": ("registry", (200, "", b'{"schemaVersion": ' + b"9" * 1_000_000 + b"}")),
    "a challenge without an end": ("registry", (401, "Bearer " + 'a="b",' * 100_000, b"")),
    "a Dockerfile of arguments that double": (
        "Dockerfile",
        b"ARG A0=xx\n" + b"".join(b"ARG A%d=${A%d}${A%d}\n" % (n, n - 1, n - 1) for n in range(1, 60)) + b"FROM $A59\n",
    ),
    "a Dockerfile of defaults in defaults": ("Dockerfile", b"FROM " + b"${A:-" * 5000 + b"}" * 5000 + b"\n"),
    "a Dockerfile of heredocs": ("Dockerfile", b"FROM k8s-hub:1\n" + b"RUN <<A <<B <<C\n" * 20_000),
    "a Dockerfile of one command's heredocs": (
        "Dockerfile",
        b"FROM k8s-hub:1\nRUN " + b"<<A " * 50_001 + b"\n" + b"A\n" * 50_001,
    ),
    "fields in a template": ("template", "{TAG}" * 100_000),
    "a name of dashes": ("image's name", "a" + "-" * 100_000),
    "an address of at-signs": ("text with secrets", "://" + "a@" * 100_000),
    "a file of addresses": ("credential file", b"".join(b"a://%d@c\n" % number for number in range(5000))),
    "words of paths": ("programs' last words", "projects/a/locations/" * 50_000),
}


@pytest.mark.parametrize(("name", "given"), BOMBS.values(), ids=BOMBS)
def test_a_small_file_costs_little(name: str, given: object) -> None:
    _, read = READERS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    fault = outcome(read, given)
    assert time.process_time() - begin < BOMB_SECONDS
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if MACOS else 1024)
    assert grown < MOST_MEMORY
    assert fault is None or len(str(fault)) < LONGEST_FAULT
