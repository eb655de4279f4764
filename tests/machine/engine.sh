#!/usr/bin/env bash
# Puts a Docker engine with buildx, a registry and a static busybox on this machine, where they are missing.
#
# Debian and Ubuntu as root: from the machine's own package sources. Anywhere else nothing is installed:
# what is missing is named with the way to get it. Safe to run again; does nothing where all is there.
set -euo pipefail

log=${TMPDIR:-/tmp}/hubpress-dockerd.log
pin_file=/etc/apt/preferences.d/hubpress-engine
source_file=/etc/apt/sources.list.d/hubpress-engine.sources

say() { printf 'engine: %s\n' "$*" >&2; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 3; }

engine_answers() { docker info >/dev/null 2>&1; }
buildx_answers() { docker buildx version >/dev/null 2>&1; }
registry_there() { command -v docker-registry >/dev/null; }
busybox_there() { test -x /bin/busybox; }
can_install() { test "$(id -u)" = 0 && test -e /etc/debian_version && command -v apt-get >/dev/null; }

# Debian 12's own docker.io is 20.10 and has no buildx; the next release's packages run on its libc.
add_newer_debian() {
    local uri
    uri=$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } |
        sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' | head -n 1)
    test -n "$uri" || fail "no Debian package source found (/etc/apt)" "install Docker Engine with buildx: https://docs.docker.com/engine/install/"
    say "adding Debian 13 as a source for docker.io and docker-buildx alone"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' "$uri" >"$source_file"
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' >"$pin_file"
    apt-get update -qq
}

install_engine() {
    local from=
    apt-get update -qq
    if ! apt-cache show docker-buildx >/dev/null 2>&1; then
        add_newer_debian
        from=/trixie
    fi
    say "installing docker.io and docker-buildx"
    apt-get install -y -qq --no-install-recommends "docker.io$from" "docker-buildx$from" >/dev/null
}

install_missing() {
    export DEBIAN_FRONTEND=noninteractive
    if ! buildx_answers || ! { engine_answers || command -v dockerd >/dev/null; }; then install_engine; fi
    if ! registry_there || ! busybox_there; then
        say "installing docker-registry and busybox-static"
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends docker-registry busybox-static >/dev/null
    fi
    command -v docker >/dev/null || apt-get install -y -qq --no-install-recommends docker-cli >/dev/null
}

start_engine() {
    say "starting dockerd (log: $log)"
    setsid dockerd >"$log" 2>&1 </dev/null &
    for _ in $(seq 60); do
        if engine_answers; then return; fi
        sleep 0.5
    done
    tail -n 20 "$log" >&2
    fail "the Docker engine does not start ($log)" "start it by hand: dockerd"
}

if can_install; then
    install_missing
    engine_answers || start_engine
    exit 0
fi
buildx_answers || fail "docker buildx is missing (this machine)" "install Docker Desktop, or Docker Engine with the buildx plugin: https://docs.docker.com/engine/install/"
engine_answers || fail "no Docker engine answers (docker info)" "start Docker Desktop, or run as root on Debian or Ubuntu: make engine"
