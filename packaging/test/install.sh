#!/usr/bin/env bash
# Installs what the tests need and this machine does not have: PostgreSQL, haproxy, Chromium with its driver, rpm and
# Berkeley DB's tools, which make databases of packages to read, Python's jsonschema, and what makes and measures
# network lines. Debian's packages only. Does nothing where everything is there.
set -euo pipefail

missing=()
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v chromium >/dev/null || missing+=(chromium)
command -v chromedriver >/dev/null || missing+=(chromium-driver)
command -v haproxy >/dev/null || missing+=(haproxy)
command -v rpmbuild >/dev/null || missing+=(rpm)
command -v db_load >/dev/null || missing+=(db-util)
command -v ip >/dev/null && command -v tc >/dev/null || missing+=(iproute2)
command -v chrt >/dev/null || missing+=(util-linux)
command -v nft >/dev/null || missing+=(nftables)
command -v ethtool >/dev/null || missing+=(ethtool)
command -v iperf3 >/dev/null || missing+=(iperf3)
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v python3 >/dev/null || missing+=(python3)
{ python3 -c 'import jsonschema' || /usr/bin/python3 -c 'import jsonschema'; } >/dev/null 2>&1 || missing+=(python3-jsonschema)
# Cyrillic in screenshots needs a font that has it.
fc-list ':lang=ru' 2>/dev/null | grep -q . || missing+=(fonts-dejavu-core)

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
echo "Installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "These packages are missing and neither root nor sudo is at hand: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
