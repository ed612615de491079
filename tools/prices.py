#!/usr/bin/env python3
"""prices.py SOURCE.json OUT.json - make the built-in price book

Takes collected price facts and writes the project's own data file: one row
per (provider type, region, tier, model, date), prices as decimal text per
1,000,000 tokens.  Rows without both prices are left out: an unknown price is
never zero.  A step without prices says that they are not known from there on.
A tier is listed where a source lists it; no discount is derived.
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
    ("audio_input", "audio_input"),
    ("image_input", "image_input"),
    ("output", "output"),
    ("audio_output", "audio_output"),
    ("image_output", "image_output"),
]
# Data residency: percent by region for models released from then on.
UPLIFTS = {
    "openai": ("2026-03-05", {"eu": "10", "us": "10"}),
    "anthropic": ("2026-02-05", {"us": "10"}),
}
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


def marks(model):
    tiers = model.get("tiers") or {}
    return sorted({t["above_tokens"] for steps in tiers.values()
                   for t in steps})


def steps(model, base):
    """Each step whole: what it does not list is as below it.  None: not
    exact."""
    tiers, out, now = model.get("tiers") or {}, [], dict(base)
    for mark in marks(model):
        for ours, theirs in PARTS:
            for t in tiers.get(theirs, []):
                if t["above_tokens"] == mark:
                    now[ours] = text(t["usd_per_mtok"])
        if None in now.values():
            return None
        out.append({"tokens": mark, **{p: now[p] for p, _ in PARTS
                                       if p in now}})
    return out


def uplift(kind, model):
    """Percent by region, from the row itself or from the provider's rule."""
    own = model.get("regional_uplift")
    if own:
        out = {r: text((Decimal(str(f)) - 1) * 100) for r, f in own.items()}
        return dict(sorted(out.items()))
    first, percents = UPLIFTS.get(kind, ("9999", {}))
    return percents if (model.get("release_date") or "") >= first else None


def check_uplift(row):
    """Must be exact: 6 decimals per million tokens are all there are."""
    for percent in (row.get("uplift") or {}).values():
        for part in [row, *row.get("above", [])]:
            for lane, _ in PARTS:
                if lane in part and text(
                        Decimal(part[lane]) * (100 + Decimal(percent)) / 100
                        ) is None:
                    sys.exit(f"{row['model']}: {lane} and {percent} percent")


def tiers_of(kind, model):
    """(tier, prices) for each that a source lists."""
    listed = model["usd_per_mtok"]
    fast = (model.get("modes") or {}).get("fast")
    named = {}
    for tier in ("batch", "flex", "priority"):
        part = rates(listed, tier + "_")
        if part is not None:
            named[tier] = part
    if fast is not None:
        body = fast["how"]["body"]
        tier = "priority" if body.get("service_tier") == "priority" else "fast"
        part = rates(fast["usd_per_mtok"])
        had = named.get(tier, part)
        if (had["input"], had["output"]) == (part["input"], part["output"]):
            named[tier] = {**part, **had}
    return sorted(named.items())


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
    out.update({p: part[p] for p, _ in PARTS if p in part})
    percents = uplift(kind, model)
    if percents:
        out["uplift"] = percents
    if above:
        out["above"] = above
    check_uplift(out)
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
        above = steps(model, part)
        # The steps listed are today's; an older price had its own.
        if above is not None and (not above or start == pairs[-1][0]):
            yield row(kind, "standard", model, start, part, above)
    start = model.get("release_date") or "1970-01-01"
    # Nobody lists what long input costs at a tier: not known, not the same.
    unknown = [{"tokens": mark} for mark in marks(model)[:1]]
    for tier, part in tiers_of(kind, model):
        yield row(kind, tier, model, start, part, unknown)


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
