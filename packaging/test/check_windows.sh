#!/usr/bin/env bash
# Type-checks the agent for Windows. Needs no rustup target: Debian's rustc comes with the sources of the standard
# library, which is checked along. Nothing is linked, so no C is compiled either: in the place of a compiler for
# Windows stands one that makes empty files.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
for package in rustc-web cargo-web rust-web-src binutils-mingw-w64-x86-64; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -ne 0 ]; then
    echo "Installing: ${missing[*]}"
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
cat >"$tools/compiler" <<'COMPILER'
#!/bin/sh
# What it is asked to make stays empty; asked what it is, it says GCC.
while [ $# -gt 0 ]; do
    case "$1" in
        -E) printf '#define __GNUC__ 12\ngcc\n' ;;
        -o) shift; : >"$1" ;;
        cq*|cr*|s) [ $# -gt 1 ] && : >"$2" ;;
    esac
    shift
done
COMPILER
chmod +x "$tools/compiler"

target=x86_64-pc-windows-gnu
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER='' CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/windows
export CC_x86_64_pc_windows_gnu=$tools/compiler CXX_x86_64_pc_windows_gnu=$tools/compiler AR_x86_64_pc_windows_gnu=$tools/compiler
export AWS_LC_SYS_PREBUILT_NASM=1 AWS_LC_SYS_NO_JITTER_ENTROPY=1
exec_cargo() { /usr/bin/cargo "$@" -Z build-std=std,panic_abort --target "$target"; }
exec_cargo check --locked -p cos-agent
exec_cargo check --locked -p cos-agent --no-default-features
