#!/usr/bin/env bash
# Puts a Docker engine with buildx, a registry, a static busybox and cosign on this machine, where they are missing.
#
# Debian and Ubuntu as root: from the machine's own package sources. Anywhere else nothing is installed:
# what is missing is named with the way to get it. Safe to run again; does nothing where all is there.
set -euo pipefail

log=${TMPDIR:-/tmp}/hubpress-dockerd.log
pin_file=/etc/apt/preferences.d/hubpress-engine
source_file=/etc/apt/sources.list.d/hubpress-engine.sources
by_hand="install Docker Engine with buildx: https://docs.docker.com/engine/install/"

say() { printf 'engine: %s\n' "$*" >&2; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 3; }

engine_answers() { docker info >/dev/null 2>&1; }
cosign_there() { command -v cosign >/dev/null; }
buildx_answers() { docker buildx version >/dev/null 2>&1; }
registry_there() { command -v docker-registry >/dev/null; }
# A static busybox is all that the stand-in image is made of.
busybox_there() { test -x /bin/busybox && grep -qE "not a dynamic|statically" <<<"$(LC_ALL=C ldd /bin/busybox 2>&1)"; }
is_debian() { grep -qE '^ID="?debian"?$' /etc/os-release; }
has_systemd() { test -d /run/systemd/system; }
packages() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
can_install() { test "$(id -u)" = 0 && test -e /etc/debian_version && command -v apt-get >/dev/null; }

# Debian 12's own docker.io is 20.10, and it has neither buildx nor cosign; the next release's packages run on its libc.
add_newer_debian() {
    local uri
    if test -e "$source_file"; then return; fi
    uri=$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } |
        sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' | head -n 1)
    test -n "$uri" || fail "no Debian package source found (/etc/apt)" "$by_hand"
    say "adding Debian 13 as a source for docker.io, docker-buildx and cosign alone"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' "$uri" >"$source_file"
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' >"$pin_file"
    packages update
}

# install_newer HINT PACKAGE...: from the system's own release where that has the last of them.
install_newer() {
    local hint=$1 from=
    shift
    packages update
    if ! apt-cache show "${@: -1}" >/dev/null 2>&1; then
        is_debian || fail "this system's packages have no ${*: -1} (apt-cache show ${*: -1})" "$hint"
        add_newer_debian
    fi
    if test -e "$source_file"; then from=/trixie; fi
    say "installing $*"
    packages install -y --no-install-recommends "${@/%/$from}"
}

install_missing() {
    export DEBIAN_FRONTEND=noninteractive
    if ! buildx_answers || ! { engine_answers || command -v dockerd >/dev/null; }; then
        install_newer "$by_hand" docker.io docker-buildx
    fi
    if ! registry_there || ! busybox_there; then
        say "installing docker-registry and busybox-static"
        packages update
        packages install -y --no-install-recommends docker-registry busybox-static
        # The package serves everybody on port 5000 as soon as it is installed; only its program is wanted.
        if has_systemd; then systemctl --quiet disable --now docker-registry; fi
    fi
    # The engine is of use without it.
    cosign_there || (install_newer "install cosign: https://docs.sigstore.dev/cosign/system_config/installation/" cosign) || true
    command -v docker >/dev/null || packages install -y --no-install-recommends docker-cli
}

start_engine() {
    if has_systemd; then
        say "starting the docker service"
        systemctl start docker
    else
        start_dockerd
    fi
    for _ in $(seq 120); do
        if engine_answers; then return; fi
        sleep 0.5
    done
    if test -f "$log"; then tail -n 20 "$log" >&2; fi
    fail "the Docker engine does not start" "start it by hand: dockerd"
}

start_dockerd() {
    say "starting dockerd (log: $log)"
    setsid dockerd >"$log" 2>&1 </dev/null &
}

if can_install; then
    install_missing
    engine_answers || start_engine
    exit 0
fi
buildx_answers || fail "docker buildx is missing (this machine)" "install Docker Desktop, or Docker Engine with the buildx plugin: https://docs.docker.com/engine/install/"
engine_answers || fail "no Docker engine answers (docker info)" "start Docker Desktop, or run as root on Debian or Ubuntu: make engine"
