#!/usr/bin/env python3
"""Measures an agent at rest against a real controller on loopback, both as separate processes.

agent_at_rest.py AGENT CONTROLLER [SECONDS]   prints the figures; exits 1 when the resident memory is beyond its bound.

Measured: resident memory while the agent waits in its long poll, CPU time by the process's own clock (nanoseconds), wake-ups, the time from start to visible in the controller's database, and that an agent goes on by itself
after its controller was stopped and started. CPU seconds per hour are an extrapolation of SECONDS (default 120) plus the
cost of the collections that fall into an hour; it is said so where it is printed.
"""

import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

RESIDENT_LIMIT_KIB = 11 * 1024
# ОГРН;ИНН;Вид;Полное наименование;ОКТМО муниципалитета;Муниципалитет;Номер здания;Адрес;Населённый пункт;ОКТМО здания
REGISTER = (
    "ОГРН;ИНН;Вид;Полное наименование;ОКТМО муниципалитета;Муниципалитет;Номер здания;Адрес;Населённый пункт;ОКТМО здания\n"
    "{ogrn};{inn};ШКОЛА;Школа для измерений;57701000;Пермь;1;ул. Мира, 1;Пермь;57701000001\n"
)
COLLECTIONS_PER_HOUR = 1 / 24


def ogrn():
    body = 120599900001
    return f"{body}{body % 11 % 10}"


def inn():
    body = "599900001"
    weights = (2, 4, 10, 3, 5, 9, 4, 6, 8)
    check = sum(weight * int(digit) for weight, digit in zip(weights, body)) % 11 % 10
    return f"{body}{check}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, condition, patience=60.0, pause=0.003):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
    sys.exit(f"{what}: not within {patience} s")


class Controller:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.port, self.database = free_port(), f"{folder}/controller.sqlite"
        self.config = f"{folder}/controller.toml"
        with open(self.config, "w") as file:
            file.write(
                f"[region]\nid = 'RU-PER'\nname = 'Пермский край'\ntime_zone = 'Asia/Yekaterinburg'\n"
                f"[device_listener]\naddress = '127.0.0.1:{self.port}'\nnames = ['localhost']\n"
                f"[people_listener]\naddress = '127.0.0.1:{free_port()}'\nnames = ['localhost']\n"
                f"[database]\nurl = 'sqlite:{self.database}'\n[authority]\ndirectory = '{folder}/authority'\n"
            )
        self.say("ca", "init")
        with open(f"{folder}/register.csv", "w") as file:
            file.write(REGISTER.format(ogrn=ogrn(), inn=inn()))
        self.say("organization", "import", f"{folder}/register.csv", "--yes")
        self.say("token", "create", "--organization", ogrn(), "--uses", "1", "--file", f"{folder}/token")
        self.child = None
        self.start()

    def say(self, *arguments):
        subprocess.run([self.program, "--config", self.config, *arguments], check=True, stdout=subprocess.DEVNULL)

    def start(self):
        log = open(f"{self.folder}/controller.log", "a")
        self.child = subprocess.Popen([self.program, "--config", self.config, "serve"], stderr=log, stdout=log)

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until("the controller listens", answers)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait()

    def seen_after(self, micros):
        reading = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return reading.execute("SELECT 1 FROM presence WHERE last_seen_at > ?", (micros,)).fetchone()
        finally:
            reading.close()

    def reports(self):
        reading = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return reading.execute("SELECT count(*) FROM presence WHERE last_report_at IS NOT NULL").fetchone()[0]
        finally:
            reading.close()


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def cpu_and_wakeups(pid):
    """Nanoseconds on a CPU of all its threads, those that ended included, and how often its one lasting thread slept."""
    # The process's CPU clock (clock_getcpuclockid): the complement of its id, kind 2.
    nanoseconds = time.clock_gettime_ns((~pid << 3) | 2)
    with open(f"/proc/{pid}/status") as status:
        turns = next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches:"))
    return nanoseconds, turns


def collection_seconds(agent):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([agent, "inventory", "--json"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    agent, program = sys.argv[1], sys.argv[2]
    seconds = float(sys.argv[3]) if len(sys.argv) == 4 else 120.0
    with tempfile.TemporaryDirectory() as folder:
        controller = Controller(program, folder)
        running = None
        try:
            running = measure(agent, controller, folder, seconds)
        finally:
            if running is not None and running.poll() is None:
                running.terminate()
                running.wait()
            if controller.child.poll() is None:
                controller.stop()


def measure(agent, controller, folder, seconds):
    config = f"{folder}/agent.toml"
    with open(config, "w") as file:
        file.write(f"state_dir = '{folder}/state'\n[proxy]\ndirect = true\n")
    environment = {"COS_AGENT_CONFIG": config, "PATH": ""}
    subprocess.run([agent, "enroll", "--file", f"{folder}/token"], check=True, env=environment, stdout=subprocess.DEVNULL)
    log = open(f"{folder}/agent.log", "a")

    def start():
        begun, now = time.monotonic(), int(time.time() * 1e6)
        child = subprocess.Popen([agent, "run"], env=environment, stderr=log)
        until("the agent is visible", lambda: controller.seen_after(now))
        return child, time.monotonic() - begun

    child, first = start()
    until("the first report is held", controller.reports)
    child.terminate()
    child.wait()
    child, visible = start()
    time.sleep(5)
    (cpu, turns), begun = cpu_and_wakeups(child.pid), time.monotonic()
    time.sleep(seconds)
    (cpu_after, turns_after), took = cpu_and_wakeups(child.pid), time.monotonic() - begun
    resident = resident_kib(child.pid)
    at_rest = (cpu_after - cpu) / 1e9 / took * 3600
    collection = collection_seconds(agent)
    print(f"from start to visible: {first:.3f} s the first time, {visible:.3f} s after a restart of the agent")
    print(f"resident at rest: {resident / 1024:.1f} MiB")
    print(
        f"CPU: {(cpu_after - cpu) / 1e6:.1f} ms and {turns_after - turns} wake-ups in {took:.0f} s of long polls; "
        f"one collection {collection * 1e3:.0f} ms"
    )
    print(f"extrapolated: {at_rest + collection * COLLECTIONS_PER_HOUR:.2f} CPU seconds per hour, {at_rest:.2f} of them waiting")
    # The controller goes and comes back; nobody touches the agent.
    controller.stop()
    controller.start()
    back, now = time.monotonic(), int(time.time() * 1e6)
    until("the agent came back by itself", lambda: controller.seen_after(now), patience=120)
    print(f"controller stopped and started: seen again {time.monotonic() - back:.1f} s after it listened, by the agent's own pauses")
    print(f"resident afterwards: {resident_kib(child.pid) / 1024:.1f} MiB")
    if resident > RESIDENT_LIMIT_KIB:
        child.terminate()
        child.wait()
        sys.exit(f"the agent at rest takes {resident} KiB, at most {RESIDENT_LIMIT_KIB} are allowed")
    return child


if __name__ == "__main__":
    main()
