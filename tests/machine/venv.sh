#!/usr/bin/env bash
# Creates the virtual environment FOLDER with this project's libraries, and those of its EXTRAS (test,lint; '' for none).
#
# usage: venv.sh FOLDER EXTRAS [PYTHON]
# pip's own settings decide where packages come from. On Debian and Ubuntu, root gets a missing python3-venv.
set -euo pipefail

folder=$1
extras=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf 'venv: %s\n' "$*" >&2; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 3; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }
can_make_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

first_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    fail "no Python 3.10 or newer is on PATH" "install one: https://www.python.org/downloads/"
}

install_venv_module() {
    local package
    package=python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    if test "$(id -u)" != 0 || ! command -v apt-get >/dev/null; then
        fail "$python cannot make virtual environments" "sudo apt-get install $package"
    fi
    say "installing $package"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}

# Clearing it would empty the folder that the link leads to.
test ! -L "$folder" || fail "$folder is a symbolic link" "remove it, or name another folder: make venv=FOLDER"
python=${3:-$(first_python)}
can_make_venvs "$python" || install_venv_module
say "$folder: $("$python" --version)"
"$python" -m venv --clear "$folder"
# The checkout itself is what runs and is tested: only what it needs is installed, never a copy of it.
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check ".${extras:+[$extras]}"
"$folder/bin/python" -m pip uninstall --quiet --yes hubpress
"$folder/bin/python" -m compileall -q tasks
"$folder/bin/python" -m compileall -q tasks
