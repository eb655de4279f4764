#!/usr/bin/env bash
# Runs the quick tests on every Python from 3.10 on that is found here: on PATH, and among pyenv's.
#
# usage: pythons.sh [PYTEST ARGUMENT...]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=${PYENV_ROOT:-$HOME/.pyenv}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

# One line for each minor version: VERSION PROGRAM.
find_pythons() {
    local minor program version
    for minor in 10 11 12 13 14; do
        for program in "python3.$minor" "$root"/versions/3."$minor".*/bin/python; do
            if version=$(version_of "$program") && test "$version" = "3.$minor"; then
                printf '%s %s\n' "$version" "$(command -v "$program")"
                break
            fi
        done
    done
}

pythons=$(find_pythons)
test -n "$pythons" || { printf 'error: no Python 3.10 or newer is here\nhint: pyenv install 3.13\n' >&2; exit 3; }
failed=
while read -r version program; do
    folder=.venvs/$version
    printf '\n== Python %s (%s)\n' "$version" "$program"
    if ! test "$folder/.ready" -nt pyproject.toml; then
        tests/machine/venv.sh "$folder" test,lint "$program" && touch "$folder/.ready"
    fi
    "$folder/bin/python" -m pytest -n 3 -m "not engine and not gcloud and not helm" "$@" </dev/null || failed="$failed $version"
done <<<"$pythons"

printf '\nran on Python:%s\n' "$(cut -d ' ' -f 1 <<<"$pythons" | tr '\n' ' ' | sed 's/^/ /; s/ $//')"
test -z "$failed" || { printf 'error: failed on Python:%s\nhint: .venvs/VERSION/bin/python -m pytest\n' "$failed" >&2; exit 1; }
