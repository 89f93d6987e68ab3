#!/usr/bin/env bash
# Fetches the official JavaScript client of ndt7 by name and version, checks its digest, and prints the folder that
# holds it. For tests only; it is never part of what is shipped or checked in.
set -euo pipefail
cd "$(dirname "$0")/../.."

package='@m-lab/ndt7'
version=0.1.4
digest=c3e54253b1c4d68d0df5878f68faff77920f7da91974521b9583a97f188b5d20

folder=$PWD/target/ndt7-js-$version
if [ ! -f "$folder/package/src/ndt7.js" ]; then
    if ! command -v npm >/dev/null; then
        echo 'npm is needed: apt-get install npm' >&2
        exit 1
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && npm pack --silent --ignore-scripts "$package@$version" >/dev/null)
    archive=$(echo "$folder"/*.tgz)
    echo "$digest  $archive" | sha256sum --check --quiet >&2
    tar -xzf "$archive" -C "$folder"
fi
echo "$folder/package/src"
