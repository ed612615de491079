#!/usr/bin/env python3
"""prices.py SOURCE.json OUT.json - make the built-in price book

Takes collected price facts and writes the project's own data file: one row
per (provider type, region, tier, model, date), prices as decimal text per
1,000,000 tokens.  Rows without both prices are left out: an unknown price is
never zero.
"""
import json
import sys
from decimal import Decimal

TYPES = {
    "openai": "openai",
    "azure-openai": "azure_openai",
    "bedrock": "bedrock",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "vertex": "vertex",
    "vertex-anthropic": "vertex",
    "oci": "oci",
}
SOURCES = {
    "genai-prices": "2026-09-23",
    "models.dev": "2026-07-02",
    "litellm": "2026-09-23",
}
# Our name, the facts' name, in the order of the file.
PARTS = [
    ("input", "input"),
    ("cached_input", "cache_read"),
    ("cache_write", "cache_write_5m"),
    ("cache_write_1h", "cache_write_1h"),
    ("output", "output"),
]
# What a geographic inference profile of Bedrock is called.
GEOGRAPHIES = ["us", "eu", "apac", "au", "ca", "jp", "us-gov"]


def text(value):
    d = Decimal(str(value))
    if d.is_zero():
        return None
    t = format(d.normalize(), "f")
    if "." in t and len(t.split(".")[1]) > 6:
        return None  # not exact in a rate of 12 decimals
    return t


def rates(prices, prefix=""):
    out = {}
    for ours, theirs in PARTS:
        value = prices.get(prefix + theirs)
        if value is None:
            continue
        t = text(value)
        if t is None and ours in ("input", "output"):
            return None
        if t is not None:
            out[ours] = t
    return out if "input" in out and "output" in out else None


def step(model, base):
    tiers = model.get("tiers") or {}
    marks = {t["above_tokens"] for steps in tiers.values() for t in steps}
    if not marks:
        return None, True
    if len(marks) != 1:
        return None, False
    above = {"tokens": marks.pop()}
    for ours, theirs in PARTS:
        if theirs in tiers:
            above[ours] = text(tiers[theirs][0]["usd_per_mtok"])
        elif ours in base:
            above[ours] = base[ours]
    if any(v is None for v in above.values()):
        return None, False
    return above, True


def history(model):
    """(from, prices) pairs, or None when a condition is not a date."""
    conditions = model.get("price_history_or_conditions")
    first = model.get("release_date") or "1970-01-01"
    if not conditions:
        return [(first, model["usd_per_mtok"])]
    pairs = []
    for c in conditions:
        rule = c["constraint"]
        if rule is None:
            pairs.append((first, c["prices"]))
        elif rule.get("type") == "start_date":
            pairs.append((rule["start_date"], c["prices"]))
        else:
            return None
    return sorted(pairs, key=lambda p: p[0])


def names(kind, model):
    name = model["model"]
    aliases = list(model.get("aliases") or [])
    if kind == "bedrock" and name.startswith("regional."):
        bare = name.split(".", 1)[1]
        aliases += [f"{g}.{bare}" for g in GEOGRAPHIES]
    return name, sorted(set(aliases) - {name})


def row(kind, tier, model, start, part, above):
    name, aliases = names(kind, model)
    out = {"type": kind, "region": "*", "tier": tier, "model": name}
    if aliases:
        out["aliases"] = aliases
    out["from"] = start
    out.update(part)
    if above:
        out["above"] = above
    if model.get("context"):
        out["context"] = model["context"]
    if model.get("max_output"):
        out["max_output"] = model["max_output"]
    source = model["src"][0]
    out["source"] = f"{source} {SOURCES[source]}"
    return out


def rows_of(model):
    kind = TYPES.get(model["venue"])
    if kind is None or not model.get("usd_per_mtok"):
        return
    pairs = history(model)
    for start, prices in pairs or []:
        part = rates(prices)
        if part is None:
            continue
        above, exact = step(model, part)
        if exact:
            # The steps listed are today's; an older price had its own.
            latest = start == pairs[-1][0]
            if above and not latest:
                continue
            yield row(kind, "standard", model, start, part, above)
    for tier in ("flex", "priority"):
        part = rates(model["usd_per_mtok"], tier + "_")
        if part is not None:
            start = model.get("release_date") or "1970-01-01"
            yield row(kind, tier, model, start, part, None)


def once(rows):
    """Each row once; two that differ only in price are a mistake."""
    seen = {}
    for r in rows:
        key = (r["type"], r["region"], r["tier"], r["model"], r["from"])
        if key not in seen:
            seen[key] = r
        elif any(seen[key].get(p) != r.get(p) for p, _ in PARTS):
            sys.exit(f"two prices for {key}")
    return list(seen.values())


def check_aliases(rows):
    """An alias must lead to one model."""
    owner = {}
    for r in rows:
        for alias in r.get("aliases", []):
            key = (r["type"], r["region"], r["tier"], alias)
            if owner.setdefault(key, r["model"]) != r["model"]:
                sys.exit(f"{key} is {owner[key]} and {r['model']}")


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        facts = json.load(f)
    rows = once(r for m in facts["models"] for r in rows_of(m))
    check_aliases(rows)
    rows.sort(key=lambda r: (r["type"], r["model"], r["tier"], r["from"]))
    head = {
        "schema": "kontor-prices/1",
        "as_of": facts["as_of"],
        "currency": "USD",
        "unit": "per 1,000,000 tokens",
    }
    lines = [json.dumps(r, separators=(", ", ": ")) for r in rows]
    body = json.dumps(head, indent=1)[:-2]
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write(body + ',\n "rows": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n")
    print(f"{len(rows)} rows", file=sys.stderr)


main()
