#!/usr/bin/env python3
"""Validates documents against schema/*.json with a validator that is not ours (Python's jsonschema).

    validate.py                  every sample holds, and every deliberately broken variant is refused
    validate.py inventory FILE   one document of that kind; FILE may be - (standard input)

Exit code 0: valid; 1: not valid; 2: wrong usage, or a file cannot be read. It knows nothing of the Rust
types: `cargo test -p inventory-schema` compares them with the schemas. Called by `make test`.
"""

import copy
import json
import re
import sys
from pathlib import Path

try:
    from jsonschema import Draft202012Validator, ValidationError, validators
except ImportError:
    sys.exit("validate.py needs the Python package jsonschema (Debian: python3-jsonschema)")

CRATE = Path(__file__).resolve().parent.parent


def pattern(_validator, expression, instance, _schema):
    """JSON Schema's patterns are ECMA-262, where `$` is the very end; Python's also stands before a last line feed."""
    anchored = expression[:-1] + r"\Z" if expression.endswith("$") else expression
    if isinstance(instance, str) and not re.search(anchored, instance):
        yield ValidationError(f"{instance!r} does not match {expression!r}")


Validator = validators.extend(Draft202012Validator, {"pattern": pattern})


def closed(schema):
    """The schema with a refusal of fields it does not name: released readers keep those, but a document that
    this very version wrote has none. Branches and embedded definitions share their object's fields, so that
    only objects which stand alone are closed."""
    schema = copy.deepcopy(schema)
    embedded = set()

    def embed(node):
        if isinstance(node, dict):
            if "properties" in node and "$ref" in node:
                embedded.add(node["$ref"].rpartition("/")[2])
            for below in node.values():
                embed(below)
        elif isinstance(node, list):
            for below in node:
                embed(below)

    def close(node, alone):
        if isinstance(node, dict):
            for key, below in node.items():
                if key == "$defs":
                    for name, definition in below.items():
                        close(definition, name not in embedded)
                else:
                    close(below, key not in ("anyOf", "oneOf", "allOf"))
            if "properties" in node and alone:
                node.setdefault("unevaluatedProperties", False)
        elif isinstance(node, list):
            for below in node:
                close(below, alone)

    embed(schema)
    close(schema, True)
    return schema


def schema_of(kind):
    path = CRATE / "schema" / f"{kind}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.json")))
        raise SystemExit(usage(f"there is no document called {kind}; there are: {known}"))
    return json.loads(path.read_text(encoding="utf-8"))


def usage(message):
    print(message, file=sys.stderr)
    return 2


def faults(kind, document):
    """What is wrong with the document, each as `where: what`."""
    schema = closed(schema_of(kind))
    Draft202012Validator.check_schema(schema)
    found = sorted(Validator(schema).iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))
    return [f"{error.json_path}: {error.message[:300]}" for error in found]


def replaced(document, path, value):
    """The document with the value at `path` (names and indices) exchanged; `MISSING` takes it away."""
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


MISSING = object()
ZERO = "sha256:" + "0" * 64

# Sample, where, what stands there instead, what is broken by it.
BROKEN = [
    ("inventory-1", ["format"], "inventory/2", "a version that is not released"),
    ("inventory-1", ["agent"], MISSING, "a missing required field"),
    ("inventory-1", ["agent"], "0.1.0\n", "a line feed at the end"),
    ("inventory-1", ["sections", "memory"], MISSING, "a missing section"),
    ("inventory-1", ["sections", "memory", "content", "installed", "value"], "8 GB", "text where a number belongs"),
    ("inventory-1", ["sections", "memory", "content", "installed", "value"], 8.5, "a fraction"),
    ("inventory-1", ["sections", "memory", "content", "installed", "value"], -1, "a negative size"),
    ("inventory-1", ["sections", "memory", "content", "installed", "value"], 2**53, "a number beyond 2^53 - 1"),
    ("inventory-1", ["sections", "memory", "content", "installed", "source"], MISSING, "a fact without a source"),
    ("inventory-1", ["sections", "memory", "content", "installed", "source"], "hearsay", "a source that is not listed"),
    ("inventory-1", ["sections", "system", "content", "maker", "value"], "x" * 129, "a text that is too long"),
    ("inventory-1", ["sections", "system", "content", "maker", "value"], "", "an empty text"),
    ("inventory-1", ["sections", "system", "content", "maker", "value"], "a\x07b", "a control character"),
    ("inventory-1", ["sections", "system", "content", "maker", "value"], "a\u202eb", "a direction-changing character"),
    ("inventory-1", ["sections", "system", "content", "owner"], "Иванова", "a field that is not listed"),
    ("inventory-1", ["sections", "system", "content", "uuid", "value"], "3F1C9A52-7D0E-4B6A-9C11-5E8F20A7B364", "a UUID in capitals"),
    ("inventory-1", ["sections", "display", "content", "monitors", 0, "edid"], "sha256:00", "a digest that is too short"),
    ("inventory-1", ["sections", "network", "content", "cards", 0, "address", "value"], "02-00-5e-00-53-01", "an address with dashes"),
    ("inventory-1-sparse", ["sections", "system", "problems"], MISSING, "a section with neither content nor a problem"),
    ("envelope-1", ["key"], ZERO.upper(), "a digest in capitals"),
    ("envelope-1", ["place", "sequence"], 0, "a chain that counts from 0"),
    ("envelope-1", ["sections", "diary"], ZERO, "a section that is not listed"),
    ("envelope-1", ["clock", "device"], "2026-09-01T06:30:00Z", "a time without microseconds"),
    ("report_batch-1", ["reports", 0, "signature"], "не base64", "a signature that is not base64"),
    ("report_batch-1", ["reports", 0, "envelope"], "x" * 2049, "an envelope above its limit"),
    ("report_batch-1", ["bodies", "digest"], "{}", "a body without a digest"),
    ("report_answers-1", ["answers", 5, "code"], MISSING, "a refusal without a code"),
    ("report_answers-1", ["answers", 0, "outcome"], "perhaps", "an outcome that is not listed"),
    ("enrollment_token-1", ["controllers", 0], "http://controller.example", "a controller without TLS"),
    ("enrollment_token-1", ["secret"], "short", "a secret that is too short"),
    ("enrollment_token-1", ["ca"], MISSING, "a token that pins no CA"),
    ("enrollment_request-1", ["evidence", "user"], "ivanova", "a field that is not listed"),
    ("enrollment_request-1", ["csr"], 7, "a number where text belongs"),
    ("enrollment_answer-1", ["receipt"], MISSING, "an issued certificate without a receipt"),
    ("receipt-1", ["device"], "7", "an id that is no UUID"),
    ("signed_receipt-1", ["document"], "x" * 65537, "a signed document that is too long"),
    ("check_in-1", ["held", "memory"], "sha256:xyz", "a digest that is not hexadecimal"),
    ("check_in-1", ["spool", "bytes"], None, "null where a number belongs"),
    ("check_in_answer-1", ["wanted", 0], "history", "a section that is not listed"),
    ("time_answer-1", ["nonce"], "short", "a nonce that is too short"),
    ("problem-1", ["status"], 200, "a refusal that says it succeeded"),
]


def check_samples():
    failures, samples = [], {}
    for path in sorted((CRATE / "examples").glob("*.json")):
        samples[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        found = faults(path.stem.split("-")[0], samples[path.stem])
        failures += [f"examples/{path.name} is not valid at {fault}" for fault in found]
    for name, path, value, what in BROKEN:
        if not faults(name.split("-")[0], replaced(samples[name], path, value)):
            failures.append(f"the schema lets {what} pass: {name} with {'.'.join(map(str, path))} = {value!r}")
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        return 1
    print(f"{len(samples)} samples are valid, {len(BROKEN)} broken variants are refused")
    return 0


def check_document(kind, file):
    schema_of(kind)
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        return usage(f"{file} cannot be read: {error.strerror}")
    name = "standard input" if file == "-" else file
    try:
        document = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        print(f"{name} is not JSON: {error}", file=sys.stderr)
        return 1
    found = faults(kind, document)
    for fault in found:
        print(f"{name}: {fault}", file=sys.stderr)
    if found:
        return 1
    print(f"{name} is a valid {kind}")
    return 0


def main(arguments):
    if not arguments:
        return check_samples()
    if arguments in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    if len(arguments) == 2 and not arguments[0].startswith("-"):
        return check_document(*arguments)
    return usage(__doc__.strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
