#!/usr/bin/env bash
# Runs the tests. `--slow` runs those that are too long for every change.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo_test() {
    if cargo nextest --version >/dev/null 2>&1; then cargo nextest run "$@"; else cargo test "$@"; fi
}

folder=$(mktemp -d)
finish() { packaging/test/postgres.sh stop "$folder/postgres"; rm -rf "$folder"; }
trap finish EXIT
mkdir -p "$folder"
chmod 755 "$folder"
COS_TEST_POSTGRES=$(packaging/test/postgres.sh start "$folder/postgres")
export COS_TEST_POSTGRES
echo "PostgreSQL of the tests: $COS_TEST_POSTGRES"

if [ "${1-}" = --slow ]; then
    # The properties once more, with sixteen times the cases.
    PROPTEST_CASES=4096 cargo_test -p inventory-schema -p cos-agent --lib
    # Every reader of bytes on many more changed samples.
    COS_TEST_FUZZ=60000 cargo_test -p cos-agent --test byte_readers
    # Files of other inventory systems of fifty megabytes, the worst of each kind.
    COS_TEST_IMPORT_MB=50 cargo_test -p cos-controller --lib large_files
    # A thousand copies of one disk image, on both engines.
    COS_TEST_CLONES=1000 cargo_test -p cos-controller --test device_interface copies_of_one_image
    # A checkpoint over a whole region, and many more changes to an archive of evidence.
    COS_TEST_HEADS=120000 cargo_test -p cos-controller --test store_contract a_large_region
    COS_TEST_CHANGES=4000 cargo_test -p cos-controller --test device_interface every_change
    # The controller killed fifty times on each engine, and the kills that are too long for every change.
    COS_TEST_SLOW=1 COS_TEST_KILLS=50 cargo_test -p cos-controller --test kill
    # The official JavaScript client of ndt7 in Chromium, both ways.
    COS_TEST_NDT7_JS=$(packaging/test/ndt7_js.sh) cargo_test -p cos-controller --test ndt7_js
    # Lines of known rates, five times each: accuracy, verdicts, cost, credit, cards, cross traffic, losses.
    COS_LINE_RUNS=5 cargo bench -p cos-measurement --bench line
    # A fleet of 2,000 agents with every fault.
    COS_FLEET_AGENTS=2000 cargo_test --release -p cos-fleet --test small
    exit
fi

cargo fmt --all --check
cargo build --workspace --all-targets
cargo clippy --workspace --all-targets --quiet -- -D warnings
cargo_test --workspace

# An independent reader of the schemas, and the agent as it is shipped on this very computer.
python=python3
$python -c 'import jsonschema' 2>/dev/null || python=/usr/bin/python3
$python inventory-schema/tests/validate.py
$python inventory-schema/tests/glpi.py
cargo build --profile shipped -p cos-agent
$python packaging/test/shipped_agent.py target/shipped/cos-agent
target/shipped/cos-agent inventory --json | $python inventory-schema/tests/validate.py inventory -
$python inventory-schema/tests/glpi.py --agent target/shipped/cos-agent
