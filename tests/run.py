#!/usr/bin/env python3
"""Run the suites and end with one line that adds up all of them.

    run.py --build DIR [--suite A,B] [--but C] all | lint unit corpus e2e browser clients

Uses nothing outside the standard library, so that `make check` needs no
virtual environment.  The last line is `N passed, M failed[, K skipped]`.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ALL = ["lint", "unit", "corpus", "e2e", "browser", "clients"]


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        if self.skipped:
            text += f", {self.skipped} skipped"
        return text


def run_lint(_, tally):
    out = subprocess.run(["sh", "tools/lint.sh"], cwd=TOP, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    sys.stdout.write(out.stdout)
    for line in out.stdout.splitlines():
        if line.startswith("not ok "):
            tally.add(failed=1)
        elif line.startswith("ok ") and "# skip" in line:
            tally.add(skipped=1)
        elif line.startswith("ok "):
            tally.add(passed=1)
    if out.returncode and not tally.failed:
        tally.add(failed=1)


def count_cmocka(text, ok, tally):
    """Counts one executable: its cmocka groups, or itself as one test."""
    passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
    skipped = sum(map(int, re.findall(r"\[  SKIPPED \] (\d+) test", text)))
    failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", text)))
    if not ok and not failed:
        failed = 1
    if ok and not passed and not skipped:
        passed = 1
    tally.add(passed, failed, skipped)


def run_meson(args, tally, corpus):
    tests = json.loads(subprocess.check_output(
        ["meson", "introspect", "--tests", args.build], cwd=TOP))
    names = [t["name"] for t in tests
             if t["name"].startswith("corpus/") == corpus]
    if args.suite and not corpus:
        wanted = tuple(s + "/" for s in args.suite.split(","))
        names = [n for n in names if n.startswith(wanted)]
    names = [n for n in names if n not in args.but.split(",")]
    if not names:
        print("no such tests configured")
        return
    log = os.path.join(TOP, args.build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    code = subprocess.run(
        ["meson", "test", "-C", args.build, "--no-rebuild", "--quiet",
         "--print-errorlogs", "--num-processes", str(os.cpu_count() or 1)]
        + names, cwd=TOP, env=environment()).returncode
    seen = 0
    with open(log, encoding="utf-8", errors="replace") as rows:
        for row in rows:
            test = json.loads(row)
            seen += 1
            if test["result"] == "SKIP":
                tally.add(skipped=1)
                continue
            count_cmocka(test.get("stdout", "") + test.get("stderr", ""),
                         test["result"] == "OK", tally)
    if seen != len(names):
        print(f"{len(names) - seen} unit programs did not report")
        tally.add(failed=len(names) - seen)
    if code and not tally.failed:
        tally.add(failed=1)


def run_unit(args, tally):
    run_meson(args, tally, corpus=False)


def run_corpus(args, tally):
    run_meson(args, tally, corpus=True)


def run_pytest(args, tally, folder):
    report = os.path.join(TOP, args.build, f"{folder}.xml")
    if os.path.exists(report):
        os.unlink(report)
    env = environment()
    env["KONTOR_BUILD"] = os.path.join(TOP, args.build)
    # Without this the kept folders of a failed run could fill a small disk.
    code = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "--durations=8",
         "-p", "no:cacheprovider", f"--junitxml={report}",
         os.path.join("tests", folder)] + args.pytest,
        cwd=TOP, env=env).returncode
    if not os.path.exists(report):
        print(f"pytest left no report (exit {code})")
        tally.add(failed=1)
        return
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total = int(suite.get("tests", 0))
        tally.add(max(total - bad - skipped, 0), bad, skipped)
    if code and not tally.failed:
        tally.add(failed=1)


def run_e2e(args, tally):
    run_pytest(args, tally, "e2e")


def run_browser(args, tally):
    run_pytest(args, tally, "browser")


def run_clients(args, tally):
    run_pytest(args, tally, "clients")


def environment():
    env = dict(os.environ)
    env.setdefault("KONTOR_SHARED", os.path.join(os.path.dirname(TOP),
                                                 "shared"))
    return env


def run_step(args, step, total):
    print(f"== {step}", flush=True)
    tally, began = Tally(), time.monotonic()
    globals()["run_" + step](args, tally)
    print(f"== {step}: {tally.passed} good, {tally.failed} bad, "
          f"{tally.skipped} left out, {time.monotonic() - began:.0f} s",
          flush=True)
    total.add(tally.passed, tally.failed, tally.skipped)


def start_beside(args, step):
    """Another run of this program, its words kept until it is asked."""
    log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
    return subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), "--build", args.build,
         *(f"--pytest={word}" for word in args.pytest), step],
        cwd=TOP, stdout=log, stderr=subprocess.STDOUT), log


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--suite", default="")
    parser.add_argument("--but", default="",
                        help="unit tests to leave out")
    parser.add_argument("--pytest", action="append", default=[])
    parser.add_argument("what", nargs="+", choices=ALL + ["all"])
    args = parser.parse_args()
    total = Tally()
    shared = environment()["KONTOR_SHARED"]
    if not os.path.isdir(shared):
        print(f"no {shared}: tests of its captures and specs are left out")
    # The longest by far, and most of it is waiting: beside the others.
    beside = {step: start_beside(args, step)
              for step in ["e2e"] if "all" in args.what}
    for step in ALL if "all" in args.what else args.what:
        if step in beside:
            continue
        run_step(args, step, total)
    for step, (process, log) in beside.items():
        process.wait()
        log.seek(0)
        *text, last = log.read().rstrip().split("\n")
        print(*text, sep="\n", flush=True)
        total.add(*map(int, re.findall(r"(\d+) (?:passed|failed|skipped)",
                                       last)))
        if process.returncode and not total.failed:
            total.add(failed=1)
    print(total, flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
