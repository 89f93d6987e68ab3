#!/usr/bin/env python3
"""Checks documents of GLPI's inventory format with a validator that is not ours (Python's jsonschema), over a schema
that was written by hand from the format's rules (glpi/format.schema.json).

    glpi.py              the exported samples hold, and every deliberately broken variant is refused
    glpi.py FILE…        each document holds; FILE may be - (standard input)
    glpi.py --agent AGENT
                         what this agent exports of this computer holds; where COS_TEST_FIXTURES names a folder with
                         real tables, screens and trees, what it exports of each of them too

Besides the schema: keys are lower case, nothing of persons is there, and what the format has no place for stands below
content.cos. Exit code 0: holds; 1: does not; 2: wrong usage or an unreadable file. Called by `make test`.
"""

import base64
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

try:
    from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
except ImportError:
    sys.exit("glpi.py needs the Python package jsonschema (Debian: python3-jsonschema)")

FOLDER = Path(__file__).resolve().parent / "glpi"
SCHEMA = json.loads((FOLDER / "format.schema.json").read_text())

# Sections that tell of people: the agent has nothing to write there.
OF_PERSONS = {"users", "local_users", "local_groups", "processes", "envs", "remote_mgmt", "licenseinfos", "accesslog"}
OF_PERSONS_BELOW = {"lastloggeduser", "datelastloggeduser", "winowner", "wincompany", "workgroup", "username", "userid"}


def pattern(_validator, expression, instance, _schema):
    """ECMA-262's `$` is the very end; Python's also stands before a last line feed."""
    anchored = expression[:-1] + r"\Z" if expression.endswith("$") else expression
    if isinstance(instance, str) and not re.search(anchored, instance):
        yield ValidationError(f"{instance!r} does not match {expression!r}")


Validator = validators.extend(Draft202012Validator, {"pattern": pattern})
VALIDATOR = Validator(SCHEMA, format_checker=FormatChecker())


def complaints(document):
    """What breaks the format's rules, as text."""
    return [f"{'/'.join(map(str, error.absolute_path)) or 'root'}: {error.message[:200]}" for error in VALIDATOR.iter_errors(document)]


def complaints_of_ours(document):
    """What breaks the promises of our own documents besides."""
    found = complaints(document)
    content = document.get("content", {})
    known = SCHEMA["properties"]["content"]["properties"]
    for section, value in content.items():
        if section == "cos":
            continue
        if section in OF_PERSONS:
            found.append(f"content/{section}: tells of persons")
        if section not in known:
            found.append(f"content/{section}: the format has no such section; what is ours stands below content.cos")
            continue
        keys = known[section].get("properties") or known[section].get("items", {}).get("properties", {})
        for entry in value if isinstance(value, list) else [value]:
            if not isinstance(entry, dict):
                continue
            if not entry:
                found.append(f"content/{section}: an empty entry")
            for key, below in entry.items():
                if key in OF_PERSONS_BELOW:
                    found.append(f"content/{section}/{key}: tells of persons")
                if key != key.lower() or key not in keys:
                    found.append(f"content/{section}/{key}: the format has no such key")
                if below is None or below == "":
                    found.append(f"content/{section}/{key}: says nothing")
    for monitor in content.get("monitors", []):
        if "base64" in monitor and not base64.b64decode(monitor["base64"], validate=True).startswith(b"\0\xff\xff\xff\xff\xff\xff\0"):
            found.append("content/monitors/base64: is no EDID")
    if "deviceid" in document and not document["deviceid"].startswith("cos-"):
        found.append("deviceid: is not ours")
    return found


def put(document, path, value):
    *above, last = path
    for step in above:
        document = document.setdefault(step, {}) if isinstance(document, dict) else document[step]
    document[last] = value


SMALLEST = {"deviceid": "x", "content": {"versionclient": "y"}}

# (path, value) put into the smallest document: the format's rules refuse each of these.
REFUSED = [
    (["cos"], {"school": 1}),
    (["query"], "INVENTORY"),
    (["deviceid"], 7),
    (["itemtype"], "Projector"),
    (["partial"], "yes"),
    (["content", "versionclient"], 1),
    (["content", "bios"], {"bdate": "02/11/2019"}),
    (["content", "bios"], {"secure_boot": "on"}),
    (["content", "bios"], {"ssn": 12345}),
    (["content", "cpus"], [{"arch": "e2k"}]),
    (["content", "cpus"], [{"arch": "riscv64"}]),
    (["content", "cpus"], [{"arch": "loongarch64"}]),
    (["content", "cpus"], [{"arch": "amd64"}]),
    (["content", "cpus"], [{"core": "4"}]),
    (["content", "cpus"], {"core": 4}),
    (["content", "memories"], [{"capacity": "4096"}]),
    (["content", "memories"], [{"speed": 2667}]),
    (["content", "memories"], [{"numslots": "1"}]),
    (["content", "networks"], [{"type": "ethernet"}]),
    (["content", "networks"], [{"description": "eth0", "type": "vpn"}]),
    (["content", "networks"], [{"description": "wwan0", "type": "wwan"}]),
    (["content", "networks"], [{"description": "eth0", "status": "Up"}]),
    (["content", "networks"], [{"description": "eth0", "speed": 1000}]),
    (["content", "networks"], [{"description": "eth0", "ipaddress": "fe80::1"}]),
    (["content", "operatingsystem"], {"boot_time": "2026-09-01T08:00:00+03:00"}),
    (["content", "operatingsystem"], {"boot_time": "2026-09-01 08:00:00.5"}),
    (["content", "operatingsystem"], {"install_date": "01.09.2026"}),
    (["content", "operatingsystem"], {"timezone": {"name": "MSK", "offset": "+03:00"}}),
    (["content", "operatingsystem"], {"timezone": {"name": "MSK"}}),
    (["content", "printers"], [{"driver": "HP"}]),
    (["content", "printers"], [{"name": "HP", "network": "1"}]),
    (["content", "slots"], [{"name": "PCI1", "status": "in use"}]),
    (["content", "softwares"], [{"version": "1"}]),
    (["content", "storages"], [{"disksize": "256060"}]),
    (["content", "storages"], [{"disksize": 256060.5}]),
    (["content", "virtualmachines"], [{"name": "vm", "status": "started"}]),
    (["content", "batteries"], [{"capacity": "57570"}]),
    (["content", "accesslog"], {}),
    (["content", "monitors"], [{"base64": "not base64"}]),
]

ALLOWED = [
    (["content", "cos"], {"format": "x", "anything": [1]}),
    (["content", "bios"], {"school": "a key of somebody's own"}),
    (["content", "cpus"], [{"arch": "i686"}, {"arch": "armv7l"}, {"arch": "aarch64"}]),
    (["content", "operatingsystem"], {"boot_time": "2026-09-01T08:00:00Z", "install_date": "2026-09-01"}),
    (["content", "operatingsystem"], {"boot_time": "2026-09-01T08:00:00+03:00:00"}),
    (["content", "networks"], [{"description": "eth0", "type": "ethernet", "status": "lowerlayerdown", "ipaddress": "10.0.0.1"}]),
    (["tag"], "59"),
]


def judge_the_schema():
    wrong = []
    if complaints(SMALLEST):
        wrong.append("the smallest document is refused")
    for key in ("deviceid", "content"):
        if not complaints({name: value for name, value in SMALLEST.items() if name != key}):
            wrong.append(f"a document without {key} is allowed")
    if not complaints({"deviceid": "x", "content": {}}):
        wrong.append("a document without versionclient is allowed")
    for path, value in REFUSED:
        document = copy.deepcopy(SMALLEST)
        put(document, path, value)
        if not complaints(document):
            wrong.append(f"{'/'.join(path)} = {json.dumps(value)} is allowed")
    for path, value in ALLOWED:
        document = copy.deepcopy(SMALLEST)
        put(document, path, value)
        wrong += [f"{'/'.join(path)} = {json.dumps(value)} is refused: {complaint}" for complaint in complaints(document)]
    return wrong


def judge_ourselves():
    """Whether the further promises are looked at."""
    of_ours = {"deviceid": "cos-1", "content": {"versionclient": "cos-agent_v1"}}
    variants = [
        (["content", "users"], [{"login": "x"}]),
        (["content", "hardware"], {"lastloggeduser": "x"}),
        (["content", "school"], {}),
        (["content", "bios"], {"School": "x"}),
        (["content", "bios"], {"ssn": ""}),
        (["content", "storages"], [{}]),
        (["content", "monitors"], [{"base64": "AAAA"}]),
    ]
    wrong = [] if not complaints_of_ours(of_ours) else ["our smallest document is refused"]
    for path, value in variants:
        document = copy.deepcopy(of_ours)
        put(document, path, value)
        if not complaints_of_ours(document):
            wrong.append(f"of ours, {'/'.join(path)} = {json.dumps(value)} is allowed")
    return wrong


def exported(agent, root=None):
    command = [agent, "inventory", "--glpi"] + (["--root", str(root)] if root else [])
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    return json.loads(done.stdout)


def trees(fixtures, scratch):
    """A file tree per fixture: name and directory."""
    for number, path in enumerate(sorted(fixtures.rglob("*"))):
        root = scratch / str(number)
        if path.parent.name == "smbios" and path.suffix == ".bin":
            root.mkdir()
            shutil.copy(path, root / "dmidecode.bin")
        elif path.parent.name == "smbios" and path.suffix == ".dmi":
            tables = root / "sys/firmware/dmi/tables"
            tables.mkdir(parents=True)
            shutil.copy(path, tables / "DMI")
        elif path.parent.name == "edid" and path.suffix == ".bin":
            port = root / "sys/class/drm/card0-HDMI-A-1"
            port.mkdir(parents=True)
            shutil.copy(path, port / "edid")
            (port / "status").write_text("connected\n")
        elif path.parent.name == "os-release":
            (root / "etc").mkdir(parents=True)
            shutil.copy(path, root / "etc/os-release")
        elif path.name.endswith((".tar.gz", ".tar.xz")):
            root.mkdir()
            with tarfile.open(path) as archive:
                archive.extractall(root, filter="data")
            inside = [entry for entry in root.iterdir()]
            if len(inside) == 1 and inside[0].is_dir() and inside[0].name not in ("proc", "sys", "etc"):
                root = inside[0]
        else:
            continue
        yield path.relative_to(fixtures), root


def judge_an_agent(agent):
    wrong = [f"this computer: {complaint}" for complaint in complaints_of_ours(exported(agent))]
    count = 1
    folder = os.environ.get("COS_TEST_FIXTURES")
    if folder:
        with tempfile.TemporaryDirectory() as scratch:
            for name, root in trees(Path(folder), Path(scratch)):
                wrong += [f"{name}: {complaint}" for complaint in complaints_of_ours(exported(agent, root))]
                count += 1
    return wrong, count


def read(name):
    try:
        return json.loads(sys.stdin.read() if name == "-" else Path(name).read_text())
    except (OSError, ValueError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)


def main(arguments):
    if arguments[:1] == ["--agent"] and len(arguments) == 2:
        wrong, count = judge_an_agent(arguments[1])
    elif arguments and not arguments[0].startswith("--"):
        count = len(arguments)
        wrong = [f"{name}: {complaint}" for name in arguments for complaint in complaints_of_ours(read(name))]
    elif not arguments:
        samples = sorted(FOLDER.glob("exported-*.json"))
        wrong = judge_the_schema() + judge_ourselves()
        wrong += [f"{sample.name}: {complaint}" for sample in samples for complaint in complaints_of_ours(read(sample))]
        count = len(samples)
        if count < 4:
            wrong.append(f"only {count} exported samples")
    else:
        print(__doc__, file=sys.stderr)
        return 2
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    if not wrong:
        print(f"GLPI's format: {count} documents hold" + ("" if arguments else f", {len(REFUSED)} broken ones are refused"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
