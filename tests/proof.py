#!/usr/bin/env python3
"""make proof [NAME]: the long campaigns behind a claim.

Each runs the same code as the suite at its full size and writes
docs/proof/NAME.md: date, commit, machine class and counts.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f
                      if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) >> 20
    return f"{os.cpu_count()} cores ({model}), {memory + 1} GiB, Linux " \
        f"{platform.release().split('-')[0]}"


def commit():
    """Of the start: an hour later the tree may be another."""
    return COMMIT


def described():
    out = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TOP,
                         capture_output=True, text=True)
    return out.stdout.strip()


COMMIT = described()


def write(name, title, lines):
    path = TOP / "docs" / "proof" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    today = datetime.date.today().isoformat()
    path.write_text("\n".join([
        f"# {title}", "", f"- date: {today}", f"- commit: {commit()}",
        f"- machine: {machine()}", f"- run: `make proof {name}`", "",
        *lines, ""]))
    print(f"wrote {path.relative_to(TOP)}")


def table(result):
    rows = ["| what | count |", "|---|---|"]
    for key, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in sorted(value.items()))
        rows.append(f"| {key} | {value} |")
    return rows


def books(args):
    import campaign
    lines = []
    for n, kills, title in ((50000, 0, "Nobody dies"),
                            (50000, 200, "200 times kill -9")):
        n, kills = n // args.scale, kills // args.scale
        with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder:
            print(f"== books: {n} calls, {kills} kills", flush=True)
            result = campaign.run(pathlib.Path(folder), n, kills, args.seed,
                                  progress=True)
        print(json.dumps(result))
        lines += [f"## {title}", "", *table(result), ""]
    if args.scale == 1:
        write("books", "The books agree with the providers", [
            "Mixed calls at concurrency 64: streams, unary calls, failures,",
            "failovers, hang-ups.  Every attempt of the ledger is joined to",
            "the simulator's own row by its id.  Calls, tokens and money are",
            "equal per credential; the rows that differ are those marked",
            "`estimated` or `unknown`, and each of these was cut by the",
            "simulator, by the client or by a kill.  Every attempt that the",
            "simulator received has one row, and none has two.  Then these",
            "rows are corrected from the simulator's (`ledger correct",
            "--file`), and calls, tokens and money of every credential are",
            "what `/sim/stats` says, to the last digit.", "", *lines])


def budgets(args):
    import spend
    lines = []
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder:
        print("== budgets: one budget, 50 repetitions with kills", flush=True)
        result = spend.spend(pathlib.Path(folder), 50 // min(args.scale, 25),
                             True, args.seed)
    print(json.dumps(result))
    lines += ["## One budget, spent to its end 50 times", "",
              *table(result), ""]
    for tight in (False, True):
        with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder:
            print(f"== budgets: chains of five, tight: {tight}", flush=True)
            result = spend.deep_chains(
                pathlib.Path(folder), 20000 // args.scale,
                60 // args.scale, args.seed, tight)
        print(json.dumps(result))
        lines += [f"## Chains of five, {'tight' if tight else 'with room'}",
                  "", *table(result), ""]
    if args.scale == 1:
        write("budgets", "Budgets are never passed and never stuck", [
            "64 clients, 4 workers, kill -9 of workers and the recorder in",
            "every repetition.  By the simulator's own books no budget is",
            "passed; what could not be spent is less than one hold and a",
            "twentieth; in the end nothing is pending, and what fits is",
            "served.", "", *lines])


def transfers(args):
    """Ten million, each checked: seconds."""
    program = TOP / args.build / "tests" / "model" / "transfers"
    lines = []
    for seed in (args.seed, args.seed + 1):
        out = subprocess.run([program, str(10_000_000 // args.scale),
                              str(seed)], text=True, check=True,
                             stdout=subprocess.PIPE).stdout.strip()
        print(out)
        lines += [f"- seed {seed}: {out}"]
    if args.scale == 1:
        write("transfers", "Ten million transfers balance", [
            "Random holds, settlements, voids and overages on chains of up to",
            "five of forty accounts at random prices, deaths with repair and",
            "windows that roll.  A book of double entries in 128 bits stands",
            "beside the shared tables: after each transfer debit equals",
            "credit, in every account it touched and in the whole, and the",
            "columns equal the book; no limit is passed but by what a call",
            "cost above its hold.", "", *lines])


def explore(args):
    """Every interleaving of hold.c, as far as memory goes: over an hour."""
    program = TOP / args.build / "tests" / "model" / "explore"
    size = [] if args.scale > 1 else ["proof"]
    out = subprocess.run([program, *size], text=True, check=True,
                         stdout=subprocess.PIPE).stdout
    print(out)
    if args.scale == 1:
        write("explore", "Holds, repair and windows, explored", [
            "The real hold.c, account.c and ring.c under every order of their",
            "stores and loads (x86 store buffers), with a crash at every",
            "store.", "", "```", *out.splitlines(), "```"])


def prices(args):
    """Ten million lines of random calls."""
    import price_lines
    result = price_lines.check(args.seed, 2600000 // args.scale,
                               progress=True)
    print(json.dumps(result))
    if result["wrong"]:
        sys.exit("the C code and decimal differ")
    if args.scale == 1:
        assert result["price lines"] >= 10000000
        write("prices", "Ten million price lines agree with decimal", [
            "Random prices (rates in any set of lanes, up to four steps, a",
            "fee) and random usage, sane and not, priced by",
            "`src/model/price.c` and again in Python's `decimal` by",
            "`tests/lib/pricing.py`, which shares nothing with it: every line,",
            "the step, and whether it can be priced at all are the same.",
            "Lines without tokens are not counted.", "",
            *table(result), "",
            "Beside them the cases of `tests/unit/model/price_golden.jsonl`:",
            "prices of the book and usage as each kind of provider reports",
            "it, in every `make check`."])


def agreements(args):
    import test_agreements
    n, kills = 30000 // args.scale, 100 // min(args.scale, 20)
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder:
        print(f"== agreements: {n} calls, {kills} kills", flush=True)
        result = test_agreements.keep_accounts(
            pathlib.Path(folder), n, kills, args.seed)
    print(result)
    if args.scale == 1:
        write("agreements", "Agreements keep their accounts", [
            "The mixed campaign with every provider account under an",
            "agreement: a percentage or an amount per token, a commitment, a",
            "share with a cap that is reached, one of the list cost.  Workers",
            "and the recorder are killed.  Every line's contracted cost, each",
            "commitment and each share are added up in decimal; then what was",
            "estimated or unknown is corrected from the simulator's books and",
            "added up again, and a deleted store comes back the same.", "",
            *table(result)])


SIM_CHUNK = 250  # seeds of one process


def sim_chunk(program, first, last):
    """(corrections, seeds) of a range; raises with the seed that failed."""
    r = subprocess.run([program], text=True, capture_output=True, env={
        **os.environ, "KONTOR_FROM": str(first), "KONTOR_SEEDS": str(last)})
    if r.returncode != 0:
        seed = r.stderr.replace("\r", "\n").rpartition("seed ")[2].split()[0]
        raise AssertionError(f"seed {seed}:\n{r.stdout[-2000:]}")
    text = r.stdout + r.stderr
    return int(text.partition(" corrections")[0].split()[-1]), last - first + 1


def sim(args):
    """100,000 seeds: over an hour of two cores."""
    import concurrent.futures
    program = TOP / args.build / "tests" / "t_recorder_sim_test"
    seeds, began = 100_000 // args.scale, time.monotonic()
    played, done, corrections = commit(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = [pool.submit(sim_chunk, program, first,
                               min(first + SIM_CHUNK - 1, seeds))
                   for first in range(1, seeds + 1, SIM_CHUNK)]
        for one in concurrent.futures.as_completed(waiting):
            if one.exception():
                pool.shutdown(cancel_futures=True)
                sys.exit(str(one.exception()))
            more, n = one.result()
            corrections, done = corrections + more, done + n
            print(f"  {done} of {seeds} seeds, {corrections} corrections, "
                  f"{time.monotonic() - began:.0f} s", flush=True)
            if args.minutes and time.monotonic() - began > args.minutes * 60:
                pool.shutdown(cancel_futures=True)
                break
    if args.scale == 1:
        write("sim", "A node that dies at every step, by seed", [
            "Two workers call on chains of five budgets with windows of every",
            "kind; each recorder is killed at a random step of its work, now",
            "and then a worker, and now and then the power: what was not",
            "synced is cut off or torn, and shared memory is gone.  The wall",
            "clock is virtual; it runs for months and is set by days.  What",
            "has ended is corrected while recorders die.  After each seed the",
            "books are exact: every attempt is resolved once, at what is",
            "known of it; corrections that were answered stand; no window is",
            "passed; nothing is held; columns, balances, usage and the log",
            "agree (`ledger verify`).", "",
            *table({"seeds": done, "corrections": corrections,
                    "failed": 0, "played at commit": played})])


def reports(args):
    import whole
    n, kills = 20000 // args.scale, 40 // args.scale
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder:
        print(f"== reports: {n} calls, {kills} kills", flush=True)
        result = whole.run(pathlib.Path(folder), n, kills, args.seed)
    print(json.dumps(result))
    if args.scale == 1:
        write("reports", "Every report says what the ledger says", [
            "Mixed calls of four keys under two agreements, with failures,",
            "hang-ups and kill -9, and corrections of what was left unknown.",
            "Usage, FOCUS 1.2 (hourly and daily, by the rules of the",
            "specification) and the journal that hledger adds up agree with",
            "the lines of the ledger to the nano-unit.  Then the store is",
            "deleted and made again from the log: every row of it is the",
            "same.", "", *table(result)])


def audit(args):
    import mutate
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder, \
            mutate.memory() as memory:
        source, _ = mutate.record(pathlib.Path(folder))
        result = mutate.run(source, memory, 10000 // args.scale, args.seed,
                            progress=True)
    print(json.dumps(result))
    if args.scale == 1:
        write("audit", "Changes of a log are found by both verifiers", [
            "A log that a real instance wrote (its recorder killed three",
            "times), split into three segments, and one random change each:",
            "what an attacker without the key, or a disk, can do to the log,",
            "its tiles, its checkpoints and the public key.  `kontor audit",
            "verify` and `tools/audit_verify.py` both find it, name the same",
            "first bad index and the same kind of damage; where the change",
            "itself knows the index, that one.  `fork_with_tiles` rewrites",
            "the log and every tile from a leaf on: the checkpoints bracket",
            "it.", "", *table(result)])


def routing(args):
    """Rules, outages and capacity at their full size."""
    import kit
    import routes
    import test_routing as t

    calls = 1_000_000 // args.scale
    lines = []
    with tempfile.TemporaryDirectory() as folder, \
            kit.Sim(pathlib.Path(folder), routes.sim_config(t.ZONES)) as sim:
        began = time.monotonic()
        done, said = 0, {}
        while done < calls:
            sub = pathlib.Path(folder) / f"residency-{done}"
            sub.mkdir()
            out = t.residency_campaign(
                sub, sim, min(100_000, calls - done), seed=args.seed + done)
            done += out["calls"]
            for status, n in out["by_status"].items():
                said[status] = said.get(status, 0) + n
            sim.reset()
        lines += ["## Residency", "",
                  f"{done:,} random routes under an EU-only rule, with "
                  "failovers and faults: 0 connections to the simulator "
                  f"outside, counted before it and at it ({time.monotonic() - began:.0f} s).", "",
                  "| status | calls |", "|---|---|",
                  *(f"| {k} | {v:,} |" for k, v in sorted(said.items())), ""]
        lines += ["## Outages", "",
                  "One of four providers is out; 8 callers at a time.", "",
                  "| fault | calls | good | attempts at all four |",
                  "|---|---|---|---|"]
        n = max(20_000 // args.scale, 200)
        for fault in t.OUTAGES:
            sub = pathlib.Path(folder) / f"outage-{fault}"
            sub.mkdir()
            with t.outage_instance(sub, sim, fault) as kontor:
                answers, stats = t.outage(kontor, sim, t.ZONES[0], fault, n)
            good = sum(a.status == 200 for a in answers)
            assert good >= n * 0.999, (fault, good)
            attempts = sum(r["received"] for r in stats.values())
            lines.append(f"| {fault} | {n:,} | {good:,} | {attempts:,} |")
    with tempfile.TemporaryDirectory() as folder:
        out = t.paced_capacity(pathlib.Path(folder), 60 // min(args.scale, 10))
    assert out["used_before"] >= 0.95, out
    lines += ["", "## Reserved capacity", "",
              "A minute is played in a second: 100k tokens are sold in it, "
              f"150k are asked for, {out['calls']:,} calls of 2,500 at an "
              "even pace.", "", "| | |", "|---|---|",
              f"| first on-demand call after | {out['first_spill_s']:.2f} s |",
              "| of what was sold until then, used | "
              f"{out['used_before']:.1%} |",
              f"| the same over all | {out['used_in_all']:.1%} |",
              f"| refused by the provider | {out['refused']} |"]
    lines.append("")
    if args.scale == 1:
        write("routing", "Proof of where calls run", lines)
    else:
        print("\n".join(lines))


def storm_instance(folder, sim, workers=2, listen=None, **limits):
    import kit
    config = kit.make_config(sim.url, pathlib.Path(folder) / "data",
                             workers=workers, first_byte="60s", idle="60s")
    config["limits"] = {"max_connections": 20000, "max_open_requests": 20000,
                        "max_open_requests_per_key": 20000, **limits}
    config["listen"]["gateway"].update(listen or {})
    return kit.Kontor(pathlib.Path(folder), config)


def malformed(args):
    import kit
    import storm
    limit = storm.files(20000)
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder, \
            kit.Sim(pathlib.Path(folder)) as sim, \
            storm_instance(folder, sim) as kontor:
        key = kontor.key("storm", budget="1000000/day")["key"]
        n, slow = 1_000_000 // args.scale, 5000 // args.scale
        result = storm.malformed(kontor, key, n, args.seed)
        print(json.dumps(result), flush=True)
        result |= storm.slow_readers(kontor, key, slow)
        result["open files allowed"] = limit
        result["load average of the machine"] = f"{os.getloadavg()[0]:.0f}"
        kontor.verify()
    print(json.dumps(result))
    write_scaled(args, "malformed", "Malformed requests and slow readers", [
        "Requests of the fuzzers' corpora, whole or with a chat body, each",
        "with one to four random damages: no process died, none hung, no",
        "answer of 500 or above, and the workers' memory does not grow.",
        "Then callers who ask for a long answer and read nothing, while",
        "another is served; when they leave every hold is settled.", "",
        *table(result)])


def slowloris(args):
    import kit
    import storm
    limit = storm.files(20000)
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder, \
            kit.Sim(pathlib.Path(folder)) as sim, \
            storm_instance(folder, sim) as kontor:
        key = kontor.key("drip", budget="1000000/day")["key"]
        result = storm.slowloris(kontor, key, 6000 // args.scale)
        result["open files allowed"] = limit
        result["load average of the machine"] = f"{os.getloadavg()[0]:.0f}"
        kontor.verify()
    print(json.dumps(result))
    write_scaled(args, "slowloris", "Who drips", [
        "A third drip a head and a third a body, a byte a second; a third",
        "say nothing.  Others are served all the time, and whoever drips is",
        "told 408 and closed.", "", *table(result)])


def stream_storm(args, n, rate, tls):
    """One storm at an instance of its own."""
    import certs
    import kit
    import storm
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as name, \
            kit.Sim(pathlib.Path(name)) as sim:
        folder, more = pathlib.Path(name), {}
        if tls:
            certs.ca(folder, "ca")
            certs.leaf(folder, "a", "DNS:localhost,IP:127.0.0.1", "ca")
            more["tls"] = {"certificates": {"certificate": "a.pem",
                                            "private_key": "file:a.key"}}
        with storm_instance(folder, sim, listen=more) as kontor:
            key = kontor.key("streams", budget="1000000/day")["key"]
            before = os.getloadavg()[0]
            result = storm.streams(
                folder, storm.reader(folder), kontor, sim, key, n, rate,
                max(60 // args.scale, 5),  # a scale is of the time
                folder / "ca.pem" if tls else None)
            kontor.verify()
    # Its own processes make three to five.
    result["load average before and after"] = \
        f"{before:.0f} and {os.getloadavg()[0]:.0f}"
    return result


def streams(args):
    import storm
    lines = [f"Open files allowed: {storm.files(20000)}.", ""]
    for n, rate, tls in ((10000, 2, False), (1000, 20, False),
                         (2000, 2, True), (1000, 20, True)):
        result = stream_storm(args, n, rate, tls)
        print(json.dumps(result), flush=True)
        lines += [f"## {n:,} at {rate} a second" +
                  (", callers over TLS" if tls else ""), "",
                  *table(result), ""]
    write_scaled(args, "streams", "Many streams at once", [
        "Two workers.  Every event of every stream is read, once straight",
        "from the simulator and once through kontor; a hash over what the",
        "events say, in their order, is the same for all of them.  Late is",
        "an event against its stream's pace, counted from the earliest one",
        "before it; reader, kontor and simulator share the machine, and with",
        "a load average above what these make the times say nothing.",
        "HTTP/1.1.", "", *lines])


def soak(args):
    import kit
    import storm
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder, \
            kit.Sim(pathlib.Path(folder)) as sim, \
            storm_instance(folder, sim) as kontor:
        key = kontor.key("soak", budget="1000000/day")["key"]
        seconds = 3600 / args.scale
        result = storm.soak(kontor, sim, key, seconds,
                            every=max(seconds / 60, 0.5), pause=0.2)
    print(json.dumps(result))
    write_scaled(args, "soak", "Hours of mixed calls", [
        "Streams, whole answers, resets and cuts, four callers by HTTP/1.1",
        "and four by HTTP/2: memory and descriptors stay, and",
        "`kontor ledger verify` agrees at the end.",
        "", *table(result)])


def fuzz(args):
    """Each fuzzer on to the next full ten minutes, one a core, or only those
    that are between two, or that --fuzzers names; hours add up in the file."""
    path = TOP / "docs" / "proof" / "fuzz.md"
    past = {}
    if path.exists():
        for line in path.read_text().splitlines():
            cells = [c.strip() for c in line.strip("|").split("|")]
            if len(cells) == 4 and cells[1].replace(",", "").isdigit():
                past[cells[0]] = [int(c.replace(",", "")) for c in cells[1:]]
    build = TOP / "build-fuzz"
    if not os.environ.get("KONTOR_FUZZ_BUILT"):
        subprocess.run(["make", "fuzz", "T=json", "S=1"], cwd=TOP, check=True)
    whole, bad = max(600 // args.scale, 1), []

    def one(name):
        row = past.setdefault(name, [0, 0, 0])
        seconds = whole - row[0] % whole
        began = time.monotonic()
        out = subprocess.run(
            ["sh", "tools/fuzz.sh", "build-fuzz", name, str(seconds)],
            cwd=TOP, capture_output=True, text=True)
        bad.extend([name] if out.returncode else [])
        runs = re.findall(r"number_of_executed_units: (\d+)", out.stdout)
        # One that found something ended there.
        row[0] += min(round(time.monotonic() - began), seconds)
        row[1] += sum(map(int, runs))
        row[2] += out.returncode != 0
        print(name, row, flush=True)
    names = [exe.name[5:] for exe in
             sorted((build / "tests" / "fuzz").glob("fuzz_*"))
             if exe.is_file()]
    short = [n for n in names if n not in past or past[n][0] % whole]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, args.fuzzers or short or names))
    write("fuzz", "Fuzzers", [
        "libFuzzer with ASan and UBSan, over the corpora of `tests/fuzz`;",
        "what is counted adds up from run to run.  A finding becomes a seed",
        "that `make check` replays.  Seconds are of the clock, and other work",
        "may have had most of the machine: the inputs say how much was tried.",
        f"In all {sum(r[0] for r in past.values()) / 3600:.2f} hours.", "",
        "| parser | seconds | inputs | runs with a finding |",
        "|---|---|---|---|",
        *(f"| {k} | {a:,} | {b:,} | {c:,} |"
          for k, (a, b, c) in sorted(past.items()))])
    assert not bad, bad


def console(args):
    import pages
    n = 1000000 // args.scale
    with tempfile.TemporaryDirectory(prefix="kontor-proof") as folder:
        print(f"== console: every page over {n} calls", flush=True)
        result = pages.run(folder, n)
    print(json.dumps(result))
    rows = ["| page | all it shows (ms) | its slowest request (ms) |",
            "|---|---|---|",
            *(f"| {name} | {r['page']:.0f} | {r['slowest']:.0f} |"
              for name, r in result["pages"].items())]
    if args.scale == 1:
        write("console", "Every page over a million calls", [
            f"{result['calls']} calls of twenty keys of five teams, made",
            "through the demo's gateway.  Then Debian's Chromium opens every",
            "page: milliseconds from the navigation to the last answer that",
            "the page shows, code and styles included, the best of three;",
            "and the slowest single request of it.", "", *rows])


def write_scaled(args, name, title, lines):
    """At a scale it is said so."""
    if args.scale > 1 and not args.keep:
        return
    if args.scale > 1:
        lines = [f"Scaled: 1/{args.scale} of the full size.", "", *lines]
    write(name, title, lines)


PROOFS = {"console": console, "malformed": malformed,
          "slowloris": slowloris, "streams": streams, "soak": soak,
          "fuzz": fuzz, "agreements": agreements, "audit": audit, "books": books,
          "reports": reports, "prices": prices, "budgets": budgets,
          "transfers": transfers, "explore": explore, "sim": sim,
          "routing": routing}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--scale", type=int, default=1,
                        help="divide all sizes; writes no document")
    parser.add_argument("--keep", action="store_true",
                        help="storms: write the document at a scale too")
    parser.add_argument("--minutes", type=int,
                        help="sim: stop then, and say how far it came")
    parser.add_argument("--fuzzers", type=lambda s: s.split(","),
                        help="fuzz: these, as in A,B")
    parser.add_argument("name", nargs="*", choices=[[], *PROOFS])
    args = parser.parse_args()
    os.environ["KONTOR_BUILD"] = str(TOP / args.build)
    sys.path[:0] = [str(TOP / "tests" / "lib"), str(TOP / "tests" / "e2e"),
                    str(TOP / "tests" / "browser")]
    for name in args.name or PROOFS:
        PROOFS[name](args)


if __name__ == "__main__":
    main()
