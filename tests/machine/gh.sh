#!/usr/bin/env bash
# Puts the GitHub CLI on this machine, where it is missing: on Debian and Ubuntu as root, from the machine's own package
# sources (Debian has it since 12, Ubuntu since 22.04). Elsewhere nothing is installed, and the way to get it is named.
set -euo pipefail

if command -v gh >/dev/null; then exit 0; fi
packages() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
if test "$(id -u)" = 0 && test -e /etc/debian_version && command -v apt-get >/dev/null; then
    printf 'gh: installing gh\n' >&2
    packages update
    packages install -y --no-install-recommends gh && exit 0
fi
printf 'error: gh is missing (this machine)\nhint: install the GitHub CLI, for pull requests: https://cli.github.com\n' >&2
exit 3
