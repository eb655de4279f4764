#!/bin/sh
# A STAND-IN for helm, for tests. It knows "dependency update FOLDER" alone: it writes down how it was called, and
# then a lock in helm's own shape. HELM_RECORD names the file for the former; HELM_MOOD may be "removes" (fails without
# a lock left), "idle" or "interrupts" (who called it).
printf '%s: helm %s\n' "$PWD" "$*" >> "$HELM_RECORD"
test "$1 $2" = 'dependency update' || exit 64
case "$HELM_MOOD" in
    removes)
        rm -f ./*.lock
        exit 1
        ;;
    idle) exit 0 ;;
    interrupts)
        kill -INT "$PPID"
        sleep 5
        ;;
esac
cd "$3" || exit 1
for pair in requirements.yaml:requirements.lock Chart.yaml:Chart.lock; do
    from=${pair%:*} to=${pair#*:}
    test -e "$from" || continue
    grep -q '^dependencies:' "$from" || continue
    {
        sed -n '/^dependencies:/p; s/^ *version: \([0-9].*\)/  version: \1/p; s/^ *- name:/- name:/p' "$from" |
            grep -v '^  version: 0.0.1$'
        echo 'digest: sha256:0123456789abcdef'
        echo 'generated: "2026-07-24T11:45:31.263782848Z"'
    } > "$to"
    exit 0
done
