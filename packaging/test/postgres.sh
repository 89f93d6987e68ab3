#!/usr/bin/env bash
# A PostgreSQL of the tests' own: a new cluster in a temporary folder, on its own port, as a user who is
# not root.  postgres.sh start DIR [-c SETTING=VALUE]…  prints its address;  postgres.sh stop DIR  ends and removes it.
set -euo pipefail

binaries=$(dirname "$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
# pg_wrapper's links need the real folder.
if [ ! -x "$binaries/postgres" ]; then binaries=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)"); fi

as_user() {
    if [ "$(id -u)" -ne 0 ]; then "$@"; return; fi
    local user=postgres
    id -u "$user" >/dev/null 2>&1 || user=nobody
    setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}

case "${1-}" in
start)
    folder=$2
    mkdir -p "$folder"
    if [ "$(id -u)" -eq 0 ]; then
        user=postgres; id -u "$user" >/dev/null 2>&1 || user=nobody
        chown "$user" "$folder"
        chmod 755 "$folder"
    fi
    port=$(python3 - <<'PORT'
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
)
    cd /
    as_user "$binaries/initdb" -D "$folder/data" -U cos -A trust -E UTF8 --locale=C.UTF-8 >"$folder.log" 2>&1 || { cat "$folder.log" >&2; exit 1; }
    as_user "$binaries/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/server.log" \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c max_connections=200 ${*:3}" start >>"$folder.log" 2>&1 \
        || { cat "$folder.log" "$folder/server.log" >&2; exit 1; }
    echo "postgres://cos@127.0.0.1:$port/postgres"
    ;;
stop)
    folder=$2
    cd /
    as_user "$binaries/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$folder" "$folder.log"
    ;;
*)
    echo "usage: postgres.sh start|stop DIR" >&2
    exit 2
    ;;
esac
