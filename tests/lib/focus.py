"""Whether a file of charges is FOCUS 1.2: every rule a machine can check.

Rules are named as in the conformance tables of the specification
(COLUMN-C-NNN) where it has a number for them, else by what they say.  The
columns with their types come from ../shared/specs/focus when it is there;
rules across columns are below.  Nothing is taken from kontor.
"""
import csv
import datetime
import decimal
import io
import json
import os
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("KONTOR_SHARED", TOP.parent / "shared"))
COLUMNS = SHARED / "specs" / "focus" / "focus-1.2-columns.json"

D = decimal.Decimal
# Sums and products are exact here: 28 digits, the default, are not enough.
CONTEXT = decimal.Context(prec=80, traps=[decimal.Inexact,
                                          decimal.InvalidOperation])

NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CURRENCY = re.compile(r"[A-Z]{3}")
SIZE = r"(?:[KMGTPE]i?)?[bB]"
BASE = rf"(?:{SIZE}|[A-Z][A-Za-z]*)"
UNIT = re.compile(rf"(\d+ )?{BASE}(-{BASE})*(/(\d+ )?{BASE})?")
PLACEHOLDERS = {"null", "none", "n/a", "na", "not applicable", "unknown", "-",
                "undefined", "nan"}
SKU_PROPERTIES = {
    "CoreCount", "DiskIops", "DiskSpace", "DiskType", "GpuCount",
    "InstanceType", "InstanceSeries", "MemorySize", "NetworkBandwidth",
    "NetworkIops", "OperatingSystem", "Redundancy", "StorageClass"}
META = {"id", "Column type", "Feature level", "Allows nulls", "Data type",
        "Value format", "introduced", "Number range", "Number Range"}

SUBCATEGORIES = {
    "AI and Machine Learning": [
        "AI Platforms", "Bots", "Generative AI", "Machine Learning",
        "Natural Language Processing", "Other (AI and Machine Learning)"],
    "Analytics": [
        "Analytics Platforms", "Business Intelligence", "Data Processing",
        "Search", "Streaming Analytics", "Other (Analytics)"],
    "Business Applications": [
        "Productivity and Collaboration", "Other (Business Applications)"],
    "Compute": [
        "Containers", "End User Computing", "Quantum Compute",
        "Serverless Compute", "Virtual Machines", "Other (Compute)"],
    "Databases": [
        "Caching", "Data Warehouses", "Ledger Databases", "NoSQL Databases",
        "Relational Databases", "Time Series Databases",
        "Other (Databases)"],
    "Developer Tools": [
        "Developer Platforms", "Continuous Integration and Deployment",
        "Development Environments", "Source Code Management",
        "Quality Assurance", "Other (Developer Tools)"],
    "Identity": ["Identity and Access Management", "Other (Identity)"],
    "Integration": ["API Management", "Messaging", "Workflow Orchestration",
                    "Other (Integration)"],
    "Internet of Things": ["IoT Analytics", "IoT Platforms",
                           "Other (Internet of Things)"],
    "Management and Governance": [
        "Architecture", "Compliance", "Cost Management", "Data Governance",
        "Disaster Recovery", "Endpoint Management", "Observability",
        "Support", "Other (Management and Governance)"],
    "Media": ["Content Creation", "Gaming", "Media Streaming",
              "Mixed Reality", "Other (Media)"],
    "Migration": ["Data Migration", "Resource Migration",
                  "Other (Migration)"],
    "Mobile": ["Other (Mobile)"],
    "Multicloud": ["Multicloud Integration", "Other (Multicloud)"],
    "Networking": [
        "Application Networking", "Content Delivery", "Network Connectivity",
        "Network Infrastructure", "Network Routing", "Network Security",
        "Other (Networking)"],
    "Security": ["Secret Management", "Security Posture Management",
                 "Threat Detection and Response", "Other (Security)"],
    "Storage": ["Backup Storage", "Block Storage", "File Storage",
                "Object Storage", "Storage Platforms", "Other (Storage)"],
    "Web": ["Application Platforms", "Other (Web)"],
    "Other": ["Other (Other)"],
}


def columns():
    """The specification's columns, or None when they are not at hand."""
    if not COLUMNS.exists():
        return None
    return json.loads(COLUMNS.read_text())["columns"]


def read_csv(text):
    """(header, rows); an empty cell is null."""
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    header = table[0]
    rows = []
    for cells in table[1:]:
        assert len(cells) == len(header), f"a row of {len(cells)} cells"
        rows.append({n: c if c != "" else None
                     for n, c in zip(header, cells)})
    return header, rows


def read_json(text):
    """The same of [{...}] or {"rows": [...]}; key-value columns are objects
    there and become text, as in CSV."""
    data = json.loads(text)
    data = data["rows"] if isinstance(data, dict) else data
    rows = [{n: json.dumps(v) if isinstance(v, dict) else v
             for n, v in row.items()} for row in data]
    return list(rows[0]) if rows else [], rows


def number(text):
    return D(text) if text is not None and NUMBER.fullmatch(text) else None


def total(rows, column, where=lambda row: True):
    out = D(0)
    for row in rows:
        if where(row):
            out = CONTEXT.add(out, D(row[column]))
    return out


class Findings(list):
    def add(self, row, rule, text):
        self.append((row, rule, text))

    def rules(self):
        return {rule for _, rule, _ in self}


# --- one column ---------------------------------------------------------

def allowed(column):
    if "llowed" not in column["Value format"]:
        return None
    if column["id"] == "ServiceSubcategory":
        return {s for each in SUBCATEGORIES.values() for s in each}
    return {k for k, v in column.items()
            if k not in META and v != "Description"}


def check_json(out, i, name, value):
    try:
        pairs = json.loads(value, object_pairs_hook=lambda p: p)
    except ValueError:
        out.add(i, f"{name}-format", "is not JSON")
        return
    if not value.lstrip().startswith("{"):
        out.add(i, f"{name}-format", "is no object")
        return
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        out.add(i, f"{name}-format", "has a key twice")
    if any(isinstance(v, list) for _, v in pairs):
        out.add(i, f"{name}-format", "a value is not a simple one")


def check_value(out, i, column, value):
    name, form = column["id"], column["Value format"]
    if value is None:
        if column["Allows nulls"] != "True":
            out.add(i, f"{name}-null", "must not be null")
        return
    if not isinstance(value, str):
        out.add(i, f"{name}-type", f"is a {type(value).__name__}")
        return
    if value == "" or value.lower() in PLACEHOLDERS:
        out.add(i, "NullHandling", f"{name} is {value!r}, not null")
    kind = column["Data type"]
    if kind == "Decimal":
        if not NUMBER.fullmatch(value):
            out.add(i, f"{name}-format", f"{value!r} is no number")
            return
        spread = column.get("Number range", column.get("Number Range", ""))
        if "non-negative" in spread and D(value) < 0:
            out.add(i, f"{name}-range", f"{value} is negative")
    elif kind == "Date/Time":
        try:
            if not TIME.fullmatch(value):
                raise ValueError
            moment(value)
        except ValueError:
            out.add(i, f"{name}-format", f"{value!r} is no time")
    elif kind == "JSON":
        check_json(out, i, name, value)
    elif value != value.strip() or re.search(r"[\x00-\x1f\x7f]", value):
        out.add(i, "StringHandling", f"{name} is {value!r}")
    if "Currency" in form and not CURRENCY.fullmatch(value):
        out.add(i, f"{name}-format", f"{value!r} is no currency")
    if "Unit Format" in form and not UNIT.fullmatch(value) and \
            not CURRENCY.fullmatch(value):
        out.add(i, f"{name}-format", f"{value!r} is no unit")
    values = allowed(column)
    if values is not None and value not in values:
        out.add(i, f"{name}-value", f"{value!r} is not allowed")


# --- across columns -----------------------------------------------------

def moment(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def both_or_none(out, i, row, key, other, rule):
    if (row[key] is None) != (row[other] is None):
        out.add(i, rule, f"{other} with {key}: both or none")


def product(out, i, row, price, cost, rule):
    p, q, c = number(row[price]), number(row["PricingQuantity"]), \
        number(row[cost])
    if None in (p, q, c) or row["ChargeClass"] == "Correction":
        return
    if CONTEXT.multiply(p, q) != c:
        out.add(i, rule, f"{row[price]} x {row['PricingQuantity']} is not "
                f"{row[cost]}")


def check_periods(out, i, row):
    try:
        start, end, first, last = (moment(row[n]) for n in (
            "ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart",
            "BillingPeriodEnd"))
    except (TypeError, ValueError):
        return  # said already
    if end <= start:
        out.add(i, "ChargePeriodEnd-C-004-M", "is not after the start")
    if last <= first:
        out.add(i, "BillingPeriodEnd-C-004-M", "is not after the start")
    if first.day != 1 or first.time() != datetime.time() or \
            last != (first + datetime.timedelta(days=32)).replace(day=1):
        out.add(i, "BillingPeriodStart-C-004-M", "is no month")
    inside = first <= start and end <= last
    if row["ChargeClass"] == "Correction" and inside:
        out.add(i, "ChargeClass-C-003-C",
                "a correction within the billing period")
    if row["ChargeClass"] != "Correction" and not inside:
        out.add(i, "ChargeClass-C-004-C",
                "a charge outside its billing period is a correction")


PRICED = ("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity",
          "PricingCategory", "SkuId", "SkuPriceId",
          "PricingCurrencyListUnitPrice",
          "PricingCurrencyContractedUnitPrice")


def check_priced(out, i, row):
    bought = row["ChargeCategory"] in ("Usage", "Purchase")
    for name in PRICED:
        if row["ChargeCategory"] == "Tax" and row[name] is not None:
            out.add(i, f"{name}-tax", "must be null of a tax")
        if bought and row["ChargeClass"] != "Correction" and \
                row[name] is None:
            out.add(i, f"{name}-usage", "must not be null")
    product(out, i, row, "ListUnitPrice", "ListCost", "ListCost-C-009-C")
    product(out, i, row, "ContractedUnitPrice", "ContractedCost",
            "ContractedCost-C-009-C")
    both_or_none(out, i, row, "PricingQuantity", "PricingUnit",
                 "PricingUnit-C-004-C")
    both_or_none(out, i, row, "SkuId", "SkuMeter", "SkuMeter-C-003-C")
    if row["SkuPriceId"] is None and row["SkuPriceDetails"] is not None:
        out.add(i, "SkuPriceDetails-C-004-C", "without a SkuPriceId")
    try:
        details = json.loads(row["SkuPriceDetails"] or "{}")
    except ValueError:
        details = {}  # said by the column's format
    if isinstance(details, dict) and any(
            k not in SKU_PROPERTIES and not k.startswith("x_")
            for k in details):
        out.add(i, "SkuPriceDetails-C-017-C", "a key of ours without x_")
    if row["ListUnitPrice"] is None and row["ChargeCategory"] == "Credit" \
            and row["ListCost"] != row["BilledCost"]:
        out.add(i, "ListCost-C-008-C", "of a credit is its billed cost")
    if row["PricingCurrency"] == row["BillingCurrency"]:
        for ours, theirs in (
                ("PricingCurrencyListUnitPrice", "ListUnitPrice"),
                ("PricingCurrencyContractedUnitPrice", "ContractedUnitPrice"),
                ("PricingCurrencyEffectiveCost", "EffectiveCost")):
            if row[ours] != row[theirs]:
                out.add(i, f"{ours}-same", "one currency and two amounts")


def check_consumed(out, i, row):
    used = row["ChargeCategory"] == "Usage" and \
        row["CommitmentDiscountStatus"] != "Unused"
    if not used and row["ConsumedQuantity"] is not None:
        out.add(i, "ConsumedQuantity-C-004-C", "nothing was consumed")
    if used and row["ChargeClass"] != "Correction" and \
            row["ConsumedQuantity"] is None:
        out.add(i, "ConsumedQuantity-C-006-C", "must not be null")
    both_or_none(out, i, row, "ConsumedQuantity", "ConsumedUnit",
                 "ConsumedUnit-C-004-C")


def check_commitment(out, i, row):
    known = row["CommitmentDiscountId"] is not None
    for name in ("Category", "Type"):
        both_or_none(out, i, row, "CommitmentDiscountId",
                     f"CommitmentDiscount{name}",
                     f"CommitmentDiscount{name}-C-003-C")
    for name in ("Status", "Name", "Quantity", "Unit"):
        if not known and row[f"CommitmentDiscount{name}"] is not None:
            out.add(i, f"CommitmentDiscount{name}-id", "without an id")
    both_or_none(out, i, row, "CommitmentDiscountQuantity",
                 "CommitmentDiscountUnit", "CommitmentDiscountUnit-C-004-C")
    if not known:
        if row["PricingCategory"] == "Committed":
            out.add(i, "PricingCategory-C-009-C", "committed to nothing")
        return
    if row["ChargeCategory"] == "Usage":
        if row["CommitmentDiscountStatus"] is None:
            out.add(i, "CommitmentDiscountStatus-usage", "must not be null")
        if row["ChargeClass"] != "Correction" and \
                row["CommitmentDiscountQuantity"] is None:
            out.add(i, "CommitmentDiscountQuantity-C-006-C",
                    "must not be null")
        if row["PricingCategory"] not in ("Committed", None):
            out.add(i, "PricingCategory-C-010-C", "must be Committed")
    elif row["CommitmentDiscountStatus"] is not None:
        out.add(i, "CommitmentDiscountStatus-usage", "is for usage")
    if (row["ChargeCategory"] not in ("Usage", "Purchase") or
            row["ChargeClass"] == "Correction") and \
            row["CommitmentDiscountQuantity"] is not None:
        out.add(i, "CommitmentDiscountQuantity-C-008-C", "must be null")


def check_row(out, i, row):
    check_periods(out, i, row)
    check_priced(out, i, row)
    check_consumed(out, i, row)
    check_commitment(out, i, row)
    for key, other, rule in (
            ("BillingAccountId", "BillingAccountType",
             "BillingAccountType-C-003-C"),
            ("SubAccountId", "SubAccountName", "SubAccountName-C-003-C"),
            ("SubAccountId", "SubAccountType", "SubAccountType-C-003-C"),
            ("RegionId", "RegionName", "RegionName-C-003-C"),
            ("ResourceId", "ResourceType", "ResourceType-C-003-C"),
            ("CapacityReservationId", "CapacityReservationStatus",
             "CapacityReservationStatus-C-002-C")):
        both_or_none(out, i, row, key, other, rule)
    if row["ChargeCategory"] == "Purchase":
        if row["ChargeFrequency"] == "Usage-Based":
            out.add(i, "ChargeFrequency-C-004-C", "of a purchase")
        if number(row["EffectiveCost"]) not in (None, D(0)):
            out.add(i, "EffectiveCost-C-005-C", "of a purchase is 0")
    if row["ProviderName"] != row["InvoiceIssuerName"] and \
            number(row["BilledCost"]) not in (None, D(0)):
        out.add(i, "BilledCost-C-004-C", "another's invoice bills 0 here")
    if row["ServiceSubcategory"] not in SUBCATEGORIES.get(
            row["ServiceCategory"], []):
        out.add(i, "ServiceSubcategory-C-004-M", "has another category")


def check_one_each(out, rows, key, other, rule):
    """What has the same key has the same other."""
    seen = {}
    for i, row in enumerate(rows):
        if row[key] is not None and row[other] is not None and \
                seen.setdefault(row[key], row[other]) != row[other]:
            out.add(i, rule, f"{key} {row[key]!r} with two values of {other}")


# --- all of it ----------------------------------------------------------

def check_header(out, header, spec):
    names = [c["id"] for c in spec]
    for name in names:
        if name not in header:
            out.add(None, f"CostAndUsage-present-{name}", "is missing")
    ours = [n for n in header if n in names]
    if ours != [n for n in names if n in header] or \
            header[:len(ours)] != ours:
        out.add(None, "ColumnNamingAndOrdering", "the order is another")
    for name in header:
        if name not in names and not re.fullmatch(r"x_[A-Z][A-Za-z0-9]*",
                                                  name):
            out.add(None, "ColumnNamingAndOrdering",
                    f"{name} is no name of a custom column")
    if len(header) != len(set(header)):
        out.add(None, "ColumnNamingAndOrdering", "a column comes twice")


def check(header, rows, spec):
    """Everything that is wrong: (row or None, rule, text)."""
    out = Findings()
    check_header(out, header, spec)
    if out:
        return out
    for i, row in enumerate(rows):
        for column in spec:
            check_value(out, i, column, row[column["id"]])
        check_row(out, i, row)
    for key, other, rule in (
            ("SkuPriceId", "SkuId", "SkuPriceId-C-008-M"),
            ("SkuPriceId", "ListUnitPrice", "SkuPriceId-C-013-M"),
            ("SkuPriceId", "SkuMeter", "SkuPriceId-C-009-M"),
            ("SkuPriceId", "SkuPriceDetails", "SkuPriceDetails-C-007-M"),
            ("ServiceName", "ServiceCategory", "ServiceName-C-005-C"),
            ("ServiceName", "ServiceSubcategory", "ServiceName-C-008-C"),
            ("SubAccountId", "SubAccountName", "SubAccountName-one"),
            ("RegionId", "RegionName", "RegionName-one"),
            ("BillingAccountId", "BillingCurrency",
             "BillingCurrency-C-005-M")):
        check_one_each(out, rows, key, other, rule)
    return out


COSTS = {"ListCost": "list_cost", "ContractedCost": "contracted_cost",
         "EffectiveCost": "effective_cost"}
TOKENS = {"Input": ("input_tokens", 1)}


def is_unused(row):
    return row["CommitmentDiscountStatus"] == "Unused"


def check_totals(rows, usage):
    """Sums of the costs against `kontor usage --format json`'s total; rows
    of unused commitments are no usage and stand beside it."""
    out = Findings()
    for column, name in COSTS.items():
        ours = total(rows, column, lambda row: not is_unused(row))
        if ours != D(usage[name]):
            out.add(None, f"total-{column}", f"{ours} is not {usage[name]}")
    attempts = sum(int(row["x_Attempts"]) for row in rows)
    if attempts != usage["attempts"]:
        out.add(None, "total-attempts", f"{attempts} are not "
                f"{usage['attempts']}")
    return out
