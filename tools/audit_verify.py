#!/usr/bin/env python3
"""audit_verify.py - a second opinion on kontor's log, sharing no code with it

Reads a data directory or a receipt, nothing else; needs Python 3.11.  docs/audit.md says what is
checked and in which order: the first bad index is the one that `kontor audit verify` names.
"""
import argparse, base64, collections, hashlib, json, pathlib, re, struct, sys
from functools import cache, lru_cache, reduce

FRAME_MAX, INT_MAX, WIDTH = 4 << 20, (1 << 63) - 1, 256
Checkpoint = collections.namedtuple("Checkpoint", "size place time history root")
NOTE = re.compile(rb"(.*\n)\n((?:\xe2\x80\x94 [^ \n]+ [^ \n]+\n){1,16})", re.S)
TEXT = re.compile(rb"([^\n\0]{1,64})\nN\n([^\n]{44})\nplace N\ntime N\nhistory N\n".replace(
    b"N", rb"(0|[1-9][0-9]*)"))

class Bad(Exception): pass  # what, index, place, text
# --- Ed25519 (RFC 8032, 5.1.7, without the cofactor) and CRC-32C ---------------
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, I = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)

def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    e, f = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = f - e, d - c, d + c, e + f
    return e * f % P, g * h % P, f * g % P, e * h % P

def times(n, a):
    rest = times(n >> 1, add(a, a)) if n else (0, 1, 1, 0)
    return add(rest, a) if n & 1 else rest

def point(raw):
    sign, y = divmod(int.from_bytes(raw, "little"), 1 << 255)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    x = x if v * x * x % P == u else x * I % P
    if y >= P or v * x * x % P != u or (x == 0 and sign):
        raise ValueError("no point of the curve")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P

@lru_cache(4096)
def ed25519(key, text, signature):
    s, r = int.from_bytes(signature[32:], "little"), point(signature[:32])
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    (x1, y1, z1, _), (x2, y2, z2, _) = times(s, base), add(r, times(h, point(key)))
    return len(signature) == 64 and s < L and \
        (x1 * z2 - x2 * z1) % P == (y1 * z2 - y2 * z1) % P == 0

@cache
def crc_tables():
    one = [reduce(lambda c, _: c >> 1 ^ 0x82F63B78 * (c & 1), range(8), i) for i in range(256)]
    return one, [(c := i >> 8 ^ one[i & 255]) >> 8 ^ one[c & 255] for i in range(65536)]

@lru_cache(1 << 14)
def crc32c(data):
    (one, two), c = crc_tables(), 0xFFFFFFFF
    for word in struct.unpack_from(f"<{len(data) // 2}H", data):
        c = c >> 16 ^ two[(c ^ word) & 0xFFFF]
    return (c >> 8 ^ one[(c ^ data[-1]) & 255] if len(data) & 1 else c) ^ 0xFFFFFFFF

# --- notes and checkpoints: whatever is wrong is a ValueError ------------------
def need(good, why):
    if not good:
        raise ValueError(why)
    return good

def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    return need(base64.b64encode(raw) == text, "base64") and raw

def read_key(line):
    m = re.fullmatch(rb"([A-Za-z0-9/._-]{1,64})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})\n?", line)
    raw = need(m, "it is no verifier key") and unbase64(m[3])
    need(raw[:1] == b"\1" and sha256(m[1], b"\n", raw)[:4].hex().encode() == m[2],
         "the verifier key is damaged")
    return m[1], sha256(m[1], b"\n", raw)[:4], raw[1:]

def open_checkpoint(note, key):
    m = NOTE.fullmatch(note)
    need(m and len(note) <= 8192 and not re.search(r"[\0-\x09\x0b-\x1f]", note.decode()), "note")
    signed = [(line.split(b" ")[1], unbase64(line.split(b" ")[2])) for line in m[2].splitlines()]
    ours = [raw[4:] for name, raw in signed if (name, raw[:4]) == key[:2]]
    need(all(len(raw) > 4 for _, raw in signed) and len(ours) == 1 and
         ed25519(key[2], m[1], ours[0]), "it was not signed by this key")
    t = TEXT.fullmatch(m[1])
    need(t and t[1] == key[0], "it is no checkpoint of this log")
    c = Checkpoint(*(int(t[i]) for i in (2, 4, 5, 6)), unbase64(t[3]))
    need(max(c[:4]) <= INT_MAX and len(c.root) == 32, "it is no checkpoint")
    return c

def follows(a, b):
    return (b.size > a.size and b.place >= a.place) or a[:2] + a[4:] == b[:2] + b[4:]

def read_checkpoints(current, history, key):  # All of them, oldest first.
    seals = []
    try:
        while m := re.match(rb"((?:[^\n]+\n)*\n(?:[^\n]+\n)*)\n", history):
            c, history = open_checkpoint(m[1], key), history[m.end():]
            need(c.history == len(seals) + 1 and (not seals or follows(seals[-1], c)), "order")
            seals.append(c)
        c, n = open_checkpoint(current, key), len(seals)
        need(n and n - c.history in (0, 1) and (not history or n == c.history), "count")
        ahead = [seals.pop()] if n > c.history else []  # a crash between the two files
        need(not seals or follows(seals[-1], c), "order")
        need(not ahead or (ahead[0].size >= c.size and ahead[0].place >= c.place), "order")
    except (ValueError, TypeError):
        size, place = seals[-1][:2] if seals else (0, 0)
        raise Bad("checkpoint", size, place, f"the one after {len(seals)} good ones is not what "
                  "was signed, or not in its place") from None
    return seals + [c] + ahead

# --- the log -------------------------------------------------------------------
def segments(folder):  # (base, bytes behind the header) of those whose header is whole.
    for path in sorted(folder.glob("[0-9]" * 8 + ".seg")):
        data = path.read_bytes()
        if len(data) >= 64 and data[:12] == b"ktseg\r\n\x1a\1\0\0\0":
            number, _, _, base, _, crc = struct.unpack_from("<IIIQqI", data, 12)
            if crc == crc32c(data[:40]) and number == int(path.stem) > 0 and base <= INT_MAX:
                yield base, memoryview(data)[64:]

def frame_at(data, at, limit):  # (leaf, where it ends) of a whole frame there, or None.
    if at + 32 > limit:
        return None
    length, crc, seq, _, _, version, kind, zero = struct.unpack_from("<IIQQIBBH", data, at)
    end, leaf = at + (39 + length) // 8 * 8, bytes(data[at + 8:at + 32 + length])
    if version != 1 or kind == 0 or zero or seq == 0 or length > FRAME_MAX - 40 or end > limit:
        return None
    whole = crc32c(leaf[8:20] + leaf) == crc and not any(data[at + 32 + length:end])
    return (leaf, end) if whole else None

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

class Verify:
    def __init__(self, folder, seals):
        self.folder, self.seals, self.size = folder, list(seals), seals[-1].size
        self.n = self.covered = self.good = self.torn = 0
        self.stack, self.seq = [], {}  # (height, root) of whole subtrees; journals
        self.suspect = None  # a leaf and its tile differ: the next root decides
        self.tile = lru_cache(16)(self.read_tile)

    def read_tile(self, level, n):  # Its hashes, or what is wrong with it.
        path, whole = self.folder / "tiles/level" / str(level), self.size >> 8 * level >> 8
        width = WIDTH if n < whole else self.size >> 8 * level & 255
        if not path.is_file():
            return "not there"
        with path.open("rb") as f:
            f.seek(n * 32 * WIDTH)
            data = f.read(32 * width)
        return data if len(data) == 32 * width else "not whole"

    def check_tile(self, level, entry, value, place):
        n, index = entry // WIDTH, entry << 8 * level
        tile = self.tile(level, n)
        if isinstance(tile, str):
            raise Bad("tile", index, place, f"tile {n} of level {level} is {tile}")
        if tile[entry % WIDTH * 32:][:32] != value:
            self.suspect = Bad("frame", index, place, "its tile has another hash")

    def take(self, place, leaf, end):
        name, seq = leaf[8:20], int.from_bytes(leaf[:8], "little")
        if not self.suspect and seq != self.seq.get(name, 0) + 1:
            raise Bad("sequence", self.n, place, f"{seq} follows {self.seq.get(name, 0)}")
        self.seq[name], value, height = seq, sha256(b"\0", leaf), 0
        if not self.suspect and self.n < self.size:
            self.check_tile(0, self.n, value, place)
        self.n, self.covered = self.n + 1, end
        while self.stack and self.stack[-1][0] == height:
            value, height = sha256(b"\1", self.stack.pop()[1], value), height + 1
            if height % 8 == 0 and not self.suspect and self.n <= self.size:
                self.check_tile(height // 8, (self.n >> height) - 1, value, place)
        self.stack.append((height, value))
        self.meet()

    def meet(self):
        met = [s for s in self.seals if s.size == self.n]
        if not met: return
        parts = reversed([h for _, h in self.stack] or [sha256()])
        root = reduce(lambda right, left: sha256(b"\1", left, right), parts)
        if any((s.root, s.place) != (root, self.covered) for s in met):
            raise self.suspect or Bad("root", self.good, self.covered, "the log does not lead "
                                      f"to the root that was signed over {self.n} leaves")
        self.seals, self.good = self.seals[len(met):], self.n
        if self.suspect:
            raise Bad("tile", *self.suspect.args[1:3], "the log leads to the signed root")

    def read_log(self):
        segs, place = list(segments(self.folder / "log")), 0
        if segs and segs[0][0] != 0:
            raise Bad("missing", 0, 0, "the log does not begin at 0")
        self.meet()
        for i, (base, data) in enumerate(segs):
            last, at = i + 1 == len(segs), max(place - base, 0)
            limit = len(data) if last else max(segs[i + 1][0] - base, 0)
            while at < limit and (found := frame_at(data, at, min(limit, len(data)))):
                self.take(base + at, found[0], base + found[1])
                at = found[1]
            if at < limit and (not last or any(
                    frame_at(data, later, limit) for later in range(at + 8, limit, 8))):
                raise self.suspect or Bad("frame", self.n, base + at, "no whole frame")
            place, self.torn = base + at, len(data) - at
        if self.n < self.size:
            raise self.suspect or Bad("missing", self.n, self.covered, "the log ends here; "
                                      f"{self.size} leaves were signed")

def verify_dir(folder, key_file=None, kept=None):
    key = read_key(pathlib.Path(key_file or folder / "audit.pub").read_bytes())
    out, v = {"good": False, "origin": key[0].decode(), "problem": None}, None
    now, past = ((lambda p=folder / "tiles" / name: p.read_bytes() if p.is_file() else b"")
                 for name in ("checkpoint", "history"))
    try:
        for _ in range(8):  # until nothing changed meanwhile
            v = Verify(folder, read_checkpoints(current := now(), past(), key))
            if current == now():
                break
        out |= {"checkpoints": len(v.seals), "signed_at": v.seals[-1].time}
        for c in [open_checkpoint(pathlib.Path(kept).read_bytes(), key)] if kept else []:
            if c.size > v.size:
                raise Bad("missing", v.size, v.seals[-1].place, "the log was set back")
            v.seals = sorted(v.seals + [c], key=lambda s: s.size)
        v.read_log()
        out["good"] = True
    except Bad as e:
        out["problem"] = dict(zip(("what", "index", "place", "text"), e.args))
    return out | ({"leaves": v.n, "signed": min(v.n, v.size), "torn_bytes": v.torn,
                   "unsigned": max(v.n - v.size, 0)} if v else {})

# --- receipts --------------------------------------------------------------------
def climb(leaf, index, size, path):  # The root that the path leads to.
    if size == 1:
        return leaf if not path else None
    k = 1 << (size - 1).bit_length() - 1
    if index < k:
        return sha256(b"\1", climb(leaf, index, k, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], climb(leaf, index - k, size - k, path[:-1]))

def grow(old, m, n, path, left=True):  # both roots as the path says; uses it up
    if m == n:
        return (old, old) if left else (path[-1], path.pop())
    k, top = 1 << (n - 1).bit_length() - 1, path.pop()
    if m <= k:
        a, b = grow(old, m, k, path, left)
        return a, sha256(b"\1", b, top)
    a, b = grow(old, m - k, n - k, path, False)
    return sha256(b"\1", top, a), sha256(b"\1", top, b)

def check_receipt(text, key_file):
    r = json.loads(text, object_pairs_hook=lambda pairs: need(
        len(dict(pairs)) == len(pairs), "a member is there twice") and dict(pairs))
    key = read_key(pathlib.Path(key_file).read_bytes() if key_file else r["key"].encode())
    c, last = open_checkpoint(r["checkpoint"].encode(), key), -1
    need(r["receipt"] == 1 and re.fullmatch("req_[0-7][0-9a-hjkmnp-tv-z]{25}", r["request"]) and
         r["leaves"], "it is no receipt")
    want = reduce(lambda a, d: a << 5 | "0123456789abcdefghjkmnpqrstvwxyz".index(d),
                  r["request"][4:], 0).to_bytes(16, "big")
    for item in r["leaves"]:
        leaf, index = unbase64(item["leaf"].encode()), item["index"]
        path = [unbase64(h.encode()) for h in item["path"]]
        need(type(index) is int and last < index < c.size and c.root == climb(
            sha256(b"\0", leaf), index, c.size, path), f"leaf {index} is not in the tree")
        at = 25 + {0xB8: 1, 0xB9: 2}.get(leaf[24], 0)  # CBOR: a map, its first key 1
        need(leaf[at:at + 18] == b"\1\x50" + want, f"leaf {index}: another request")
        last = index
    if "since" in r:
        old = open_checkpoint(r["since"]["checkpoint"].encode(), key)
        path = [unbase64(h.encode()) for h in r["since"]["path"]]
        need(old.size == 0 or (grow(old.root, old.size, c.size, path) == (old.root, c.root) and
                               not path), "the tree does not continue the older checkpoint")
    return {"request": r["request"], "size": c.size, "signed_at": c.time,
            "key_from_receipt": not key_file, "leaves": len(r["leaves"])}

def verify_receipt(text, key_file=None):
    try:
        return {"good": True, "problem": None, **check_receipt(text, key_file)}
    except Exception as e:  # whatever a hostile receipt trips over
        return {"good": False, "problem": f"{type(e).__name__}: {e}"}

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dir", nargs="?", type=pathlib.Path, default=pathlib.Path("data"))
    for name in "--key", "--checkpoint", "--receipt": parser.add_argument(name, metavar="FILE")
    args = parser.parse_args()
    try:
        out = verify_receipt(pathlib.Path(args.receipt).read_bytes(), args.key) \
            if args.receipt else verify_dir(args.dir, args.key, args.checkpoint)
    except (OSError, ValueError) as e:
        sys.exit(f"audit_verify: {e}")
    sys.exit(print(json.dumps(out)) or not out["good"])

if __name__ == "__main__":
    main()
