"""A recorded log, its tiles and its checkpoints, changed at random.

Each mutation is what an attacker without the key can do to the files, or what
a disk does; both verifiers must find it and name the same first bad index.
Where the mutation itself knows the index, that one.
"""
import collections
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile

import kit

sys.path.insert(0, str(kit.TOP / "tools"))
import audit_verify as second  # noqa: E402

HEAD = 64
HISTORY, CURRENT, PUB = "tiles/history", "tiles/checkpoint", "audit.pub"
LEVELS = "tiles/level/"


def crc_of(frame):
    (length,) = struct.unpack_from("<I", frame)
    return second.crc32c(bytes(frame[16:28] + frame[8:32 + length]))


def sealed(frame):
    """With a checksum that fits."""
    frame = bytearray(frame)
    struct.pack_into("<I", frame, 4, crc_of(frame))
    return bytes(frame)


def leaf_of(frame):
    (length,) = struct.unpack_from("<I", frame)
    return hashlib.sha256(b"\0" + frame[8:32 + length]).digest()


def head(number, base):
    out = bytearray(HEAD)
    struct.pack_into("<8sIIIIQq", out, 0, b"ktseg\r\n\x1a", 1, number, 42, 1,
                     base, 0)
    struct.pack_into("<I", out, 40, second.crc32c(bytes(out[:40])))
    return bytes(out)


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Log:
    """The files of a data directory; frames by segment."""

    def __init__(self, folder, segments=3):
        self.files = {
            str(p.relative_to(folder)): p.read_bytes()
            for top in ("log", "tiles") for p in (folder / top).rglob("*")
            if p.is_file()}
        self.files[PUB] = (folder / PUB).read_bytes()
        key = second.read_key(self.files[PUB])
        self.seals = second.read_checkpoints(
            self.files[CURRENT], self.files[HISTORY], key)
        self.notes = []
        rest = self.files[HISTORY]
        while rest:
            note, _, rest = rest.partition(b"=\n\n")
            self.notes.append(note + b"=\n\n")
        frames = []
        for name in sorted(f for f in self.files if f.endswith(".seg")):
            data = self.files.pop(name)
            at = HEAD
            while found := second.frame_at(data, at, len(data)):
                frames.append(data[at:found[1]])
                at = found[1]
            assert at == len(data)
        assert len(frames) == self.seals[-1].size
        # A young log is one segment; headers are not signed, so it may as
        # well be three.
        n = len(frames)
        cuts = [n * i // segments for i in range(segments + 1)]
        self.frames = [frames[a:b] for a, b in zip(cuts, cuts[1:])]
        self.first = cuts[:-1]
        self.n = n
        self.files.update(self.log(self.frames))

    def log(self, frames, bases=None):
        """The segments' files; bases: as they were before a change."""
        out, base = {}, 0
        for i, seg in enumerate(frames):
            if bases:
                base = bases[i]
            out[f"log/{i + 1:08d}.seg"] = head(i + 1, base) + b"".join(seg)
            base += sum(map(len, seg))
        return out

    def bases(self):
        out, base = [], 0
        for seg in self.frames:
            out.append(base)
            base += sum(map(len, seg))
        return out

    def where(self, i):
        """(segment, number in it) of frame i."""
        for s in reversed(range(len(self.first))):
            if i >= self.first[s]:
                return s, i - self.first[s]
        raise IndexError(i)

    def tiles(self, frames):
        """As they would be for these frames."""
        out, hashes, level = {}, [leaf_of(f) for f in frames], 0
        while hashes:
            out[f"{LEVELS}{level}"] = b"".join(hashes)
            whole = []
            for n in range(0, len(hashes) // 256 * 256, 256):
                row = hashes[n:n + 256]
                while len(row) > 1:
                    row = [node(a, b) for a, b in zip(row[::2], row[1::2])]
                whole += row
            hashes, level = whole, level + 1
        return out


class Mutator:
    """kind -> (files that change (None: gone), the index or None)."""

    def __init__(self, log, rng):
        self.log, self.rng = log, rng

    def copy(self):
        return [list(seg) for seg in self.log.frames]

    def placed(self, frames):
        """Later segments say where they begin, or what they said before."""
        return self.log.log(
            frames, None if self.rng.random() < 0.5 else self.log.bases())

    def forged(self, frame):
        """One byte of the payload changed, the checksum right."""
        frame = bytearray(frame)
        (length,) = struct.unpack_from("<I", frame)
        frame[32 + self.rng.randrange(length)] ^= self.rng.randrange(1, 256)
        return sealed(frame)

    def bit(self, data, at=None):
        at = self.rng.randrange(len(data)) if at is None else at
        out = bytearray(data)
        out[at] ^= 1 << self.rng.randrange(8)
        return bytes(out)

    # --- the log ---------------------------------------------------------

    def flip(self):
        i, frames = self.rng.randrange(self.log.n), self.copy()
        s, k = self.log.where(i)
        frames[s][k] = self.bit(frames[s][k])
        return self.log.log(frames), i

    def flip_sealed(self):
        i, frames = self.rng.randrange(self.log.n), self.copy()
        s, k = self.log.where(i)
        frames[s][k] = self.forged(frames[s][k])
        return self.log.log(frames), i

    def drop(self):
        i, frames = self.rng.randrange(self.log.n), self.copy()
        s, k = self.log.where(i)
        del frames[s][k]
        return self.placed(frames), i

    def insert(self):
        i, frames = self.rng.randrange(self.log.n), self.copy()
        s, k = self.log.where(i)
        other = self.rng.choice([j for j in (i - 1, i + 1, self.rng.randrange(
            self.log.n)) if 0 <= j < self.log.n and j != i])
        t, m = self.log.where(other)
        new = self.log.frames[t][m]
        how = self.rng.randrange(3)
        if how == 1:
            new = self.forged(self.log.frames[s][k])
        elif how == 2:  # a journal nobody has heard of
            new = bytearray(new)
            struct.pack_into("<QIIHH", new, 8, 1, 42, 9, 7, 7)
            new = sealed(new)
        frames[s].insert(k, new)
        return self.placed(frames), i

    def insert_and_renumber(self):
        """Every later frame of that journal gets the next number."""
        i, frames = self.rng.randrange(self.log.n), self.copy()
        s, k = self.log.where(i)
        name = frames[s][k][16:28]
        frames[s].insert(k, self.forged(frames[s][k]))
        for t in range(len(frames)):
            for m, f in enumerate(frames[t]):
                if f[16:28] == name and (t, m) > (s, k):
                    seq = struct.unpack_from("<Q", f, 8)[0] + 1
                    frames[t][m] = sealed(
                        f[:8] + struct.pack("<Q", seq) + f[16:])
        return self.placed(frames), i

    def reorder(self):
        frames = self.copy()
        i, j = sorted(self.rng.sample(range(self.log.n), 2))
        if self.rng.random() < 0.5:  # neighbours
            j = i + 1
        (s, k), (t, m) = self.log.where(i), self.log.where(j)
        frames[s][k], frames[t][m] = frames[t][m], frames[s][k]
        return self.placed(frames), i

    def truncate(self):
        s = self.rng.randrange(len(self.log.frames))
        name = f"log/{s + 1:08d}.seg"
        data = self.log.files[name]
        cut = self.rng.randrange(HEAD, len(data))
        at, i = HEAD, self.log.first[s]
        for f in self.log.frames[s]:
            if at + len(f) > cut:
                break
            at, i = at + len(f), i + 1
        out = {name: data[:cut]}
        if self.rng.random() < 0.5:  # and nothing behind it
            out.update({f"log/{t + 1:08d}.seg": None
                        for t in range(s + 1, len(self.log.frames))})
        return out, i

    def segment_head(self):
        s = self.rng.randrange(len(self.log.frames))
        name = f"log/{s + 1:08d}.seg"
        data = self.log.files[name]
        if self.rng.random() < 0.2:
            return {name: None}, self.log.first[s]
        return {name: self.bit(data, self.rng.randrange(44))}, \
            self.log.first[s]

    def forked(self):
        """The frames from k on are others, as many or fewer."""
        k = self.rng.randrange(self.log.n)
        flat = [f for seg in self.log.frames for f in seg]
        new = flat[:k] + [self.forged(f) for f in flat[k:]]
        return k, new

    def fork(self):
        k, new = self.forked()
        return self.log.log([new, [], []]), k

    def fork_with_tiles(self):
        """What the tiles can tell is gone: two checkpoints have it between
        them."""
        k, new = self.forked()
        out = self.log.log([new, [], []])
        out.update(self.log.tiles(new))
        return out, max(s.size for s in self.log.seals if s.size <= k)

    # --- the tree --------------------------------------------------------

    def some_level(self):
        """(file, number, its signed bytes); what is behind is nobody's."""
        name = self.rng.choice(sorted(
            f for f in self.log.files if f.startswith(LEVELS)))
        level = int(name.removeprefix(LEVELS))
        return name, level, \
            self.log.files[name][:32 * (self.log.n >> 8 * level)]

    def tile(self):
        name, level, data = self.some_level()
        at = self.rng.randrange(len(data))
        return {name: self.bit(data, at)}, at // 32 << 8 * level

    def tile_cut(self):
        name, level, data = self.some_level()
        if self.rng.random() < 0.2:
            return {name: None}, 0
        cut = self.rng.randrange(len(data))
        return {name: data[:cut]}, cut // 8192 * 256 << 8 * level

    def tile_swap(self):
        data = self.log.files[LEVELS + "0"]
        a, b = sorted(self.rng.sample(range(self.log.n // 256), 2))
        tile = [data[i:i + 8192] for i in range(0, len(data), 8192)]
        tile[a], tile[b] = tile[b], tile[a]
        return {LEVELS + "0": b"".join(tile)}, a * 256

    # --- checkpoints -----------------------------------------------------

    def history(self, at):
        """Of a change at this byte: the state before that note."""
        i, end = 0, 0
        for i, note in enumerate(self.log.notes):
            end += len(note)
            if at < end:
                break
        return self.log.seals[i - 1].size if i > 0 else 0

    def checkpoint(self):
        data = self.log.files[CURRENT]
        new = self.bit(data)
        if self.rng.random() < 0.2:
            new = data[:self.rng.randrange(len(data))]
        last = self.log.notes[-1]
        n = len(self.log.notes)
        assert last.startswith(data) or self.log.seals[-1].history == n
        return {CURRENT: new}, None

    def history_flip(self):
        data = self.log.files[HISTORY]
        at = self.rng.randrange(len(data))
        return {HISTORY: self.bit(data, at)}, self.history(at)

    def history_cut(self):
        data = self.log.files[HISTORY]
        at = self.rng.randrange(len(data))
        return {HISTORY: data[:at]}, self.history(at)

    def history_drop(self):
        notes = list(self.log.notes)
        i = self.rng.randrange(len(notes))
        del notes[i]
        return {HISTORY: b"".join(notes)}, \
            self.log.seals[i - 1].size if i > 0 else 0

    def history_swap(self):
        notes = list(self.log.notes)
        i, j = sorted(self.rng.sample(range(len(notes)), 2))
        notes[i], notes[j] = notes[j], notes[i]
        return {HISTORY: b"".join(notes)}, \
            self.log.seals[i - 1].size if i > 0 else 0

    def roll_back(self):
        """An older checkpoint in the place of the current one; that before
        the last is what a crash leaves, and the last is taken then."""
        i = self.rng.randrange(len(self.log.notes) - 2)
        return {CURRENT: self.log.notes[i][:-1]}, None

    def any_file(self):
        name = self.rng.choice([CURRENT, HISTORY])
        return {name: None}, None

    def pub(self):
        return {PUB: self.bit(self.log.files[PUB])}, None


WEIGHTS = {
    "flip": 20, "flip_sealed": 8, "drop": 8, "insert": 8,
    "insert_and_renumber": 4, "reorder": 8, "truncate": 8, "segment_head": 3,
    "fork": 6, "fork_with_tiles": 6, "tile": 6, "tile_cut": 4, "tile_swap": 1,
    "checkpoint": 4, "history_flip": 4, "history_cut": 3, "history_drop": 2,
    "history_swap": 2, "roll_back": 1, "any_file": 1, "pub": 1}


def first(folder):
    """(good, index, what) by `kontor audit verify`."""
    r = subprocess.run([str(kit.KONTOR), "audit", "verify", "--json", "--dir",
                        str(folder)], capture_output=True, text=True)
    if r.returncode not in (0, 1) or kit.TROUBLE.search(r.stderr):
        return "crash", r.returncode, r.stderr[-500:]
    if not r.stdout:
        return False, None, "key"
    out = json.loads(r.stdout)
    assert (r.returncode == 0) == out["good"]
    p = out["problem"] or {"index": None, "what": None}
    return out["good"], p["index"], p["what"]


def other(folder):
    """The same by tools/audit_verify.py."""
    try:
        out = second.verify_dir(folder)
    except ValueError:
        return False, None, "key"
    p = out["problem"] or {"index": None, "what": None}
    return out["good"], p["index"], p["what"]


class Place:
    """A directory that is the good one but for one mutation."""

    def __init__(self, folder, log):
        self.folder, self.log = folder, log
        for name, data in log.files.items():
            self.put(name, data)

    def put(self, name, data):
        path = self.folder / name
        if data is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def run(self, files):
        """What both say of these files in place of the good ones."""
        for name, data in files.items():
            self.put(name, data)
        try:
            return first(self.folder), other(self.folder)
        finally:
            for name in files:
                self.put(name, self.log.files.get(name))


@contextlib.contextmanager
def memory():
    """A folder that is no disk, where there is one."""
    shm = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(
            prefix="kontor-mutate", dir=shm if shm.is_dir() else None) as t:
        yield pathlib.Path(t)


def run(source, folder, n, seed, progress=False):
    """n mutations; counts by kind.  Raises on the first that is missed."""
    log = Log(source)
    lanes = [Place(folder / str(i), log) for i in range(2)]
    for lane in lanes:
        assert lane.run({}) == ((True, None, None), (True, None, None))

    def play(number):
        rng = random.Random(f"{seed}.{number}")
        m = Mutator(log, rng)
        kind = rng.choices(list(WEIGHTS), WEIGHTS.values())[0]
        files, index = getattr(m, kind)()
        if all(log.files.get(k) == v for k, v in files.items()):
            return None  # changed nothing
        lane = lanes.pop()
        try:
            a, b = lane.run(files)
        finally:
            lanes.append(lane)
        about = f"seed {seed}.{number}: {kind}: expected {index}, kontor " \
                f"says {a}, the second verifier {b}"
        assert a[0] is False and b[0] is False, about
        assert a[1] == b[1] and a[2] == b[2], about
        assert index is None or a[1] == index, about
        assert a[1] is not None or kind == "pub", about
        return kind

    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        for i, kind in enumerate(pool.map(play, range(n))):
            counts[kind or "changed nothing"] += 1
            if progress and i % 1000 == 999:
                print(f"  {i + 1} of {n}", flush=True)
    return {"frames": log.n, "checkpoints": len(log.seals), "mutations": n,
            "seed": seed, "found by both, same index": n -
            counts["changed nothing"], "kinds": dict(counts)}


def record(folder, kills=3, calls=60):
    """A log that a real instance wrote, its recorder killed now and then."""
    with kit.Sim(folder) as sim:
        config = kit.make_config(sim.url, folder / "data", workers=1)
        with kit.Kontor(folder, config) as k:
            key = k.key("audit")["key"]
            with k.http(key) as http:
                for turn in range(kills + 1):
                    for i in range(calls):
                        r = http.post("/v1/chat/completions", json={
                            "model": "m-openai", "messages": [
                                {"role": "user", "content": f"{turn} {i}"}]})
                        assert r.status_code == 200, r.text
                    last = r.headers["x-kontor-request-id"]
                    if turn < kills:
                        os.kill(k.of_role("recorder")[0], signal.SIGKILL)
                        kit.wait_for("the recorder to be back", lambda: len(
                            k.of_role("recorder")) == 1)
                        k.wait_ready()
    return folder / "data", last
