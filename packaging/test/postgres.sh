#!/usr/bin/env bash
# A PostgreSQL of the tests' own: a new cluster in a temporary folder, on its own port, as a user who is
# not root.
#   postgres.sh start DIR [-c SETTING=VALUE]…   makes and starts a cluster, prints its address
#   postgres.sh standby DIR PRIMARY    makes and starts a standby of the cluster in PRIMARY, which from then on
#                                      answers a commit only after the standby has it; prints the standby's address
#   postgres.sh resume DIR             starts it again after it was killed
#   postgres.sh promote DIR            makes a standby the primary
#   postgres.sh stop DIR               ends and removes it
set -euo pipefail

# Debian's own folder holds all of the programs; what stands in PATH may be links to some of them.
binaries=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 | grep . || command -v initdb)")

as_user() {
    if [ "$(id -u)" -ne 0 ]; then "$@"; return; fi
    local user=postgres
    id -u "$user" >/dev/null 2>&1 || user=nobody
    setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}

make_folder() {
    mkdir -p "$folder"
    if [ "$(id -u)" -eq 0 ]; then
        local user=postgres
        id -u "$user" >/dev/null 2>&1 || user=nobody
        chown "$user" "$folder"
        chmod 755 "$folder"
    fi
    choose_port >"$folder/port"
}

choose_port() {
    python3 - <<'PORT'
import random, socket
# Below the range from which the kernel takes ports for outgoing connections.
while True:
    port = random.randint(15000, 30000)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
PORT
}

# What is said goes into the log, which is shown where it matters.
quietly() {
    "$@" >>"$folder.log" 2>&1 || { cat "$folder.log" >&2; [ ! -f "$folder/server.log" ] || cat "$folder/server.log" >&2; exit 1; }
}

start_server() {
    quietly as_user "$binaries/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/server.log" \
        -o "-p $(cat "$folder/port") -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c max_connections=200 $*" start
}

address() { echo "postgres://cos@127.0.0.1:$(cat "$folder/port")/postgres"; }

ask() { as_user "$binaries/psql" -h 127.0.0.1 -p "$(cat "$1/port")" -U cos -d postgres -qAtX -c "$2"; }

command=${1-} folder=${2-}
case "$command" in
start)
    make_folder
    cd /
    quietly as_user "$binaries/initdb" -D "$folder/data" -U cos -A trust -E UTF8 --locale=C.UTF-8
    start_server "${@:3}"
    address
    ;;
standby)
    primary=$3
    make_folder
    cd /
    name=$(basename "$folder" | tr -c 'a-z0-9\n' _)
    quietly as_user "$binaries/pg_basebackup" -D "$folder/data" -R -X stream -c fast -C -S "$name" \
        -d "host=127.0.0.1 port=$(cat "$primary/port") user=cos application_name=$name"
    start_server
    # After the copy, so that a promoted standby does not wait for one of its own.
    ask "$primary" "ALTER SYSTEM SET synchronous_standby_names = '$name'"
    ask "$primary" "SELECT pg_reload_conf()" >>"$folder.log"
    address
    ;;
resume)
    cd /
    start_server
    ;;
promote)
    cd /
    quietly as_user "$binaries/pg_ctl" -D "$folder/data" -w -t 60 promote
    ;;
stop)
    cd /
    as_user "$binaries/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$folder" "$folder.log"
    ;;
*)
    echo "usage: postgres.sh start|resume|promote|stop DIR, or postgres.sh standby DIR PRIMARY" >&2
    exit 2
    ;;
esac
