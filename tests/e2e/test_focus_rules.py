"""The checker of FOCUS files finds what is planted, and nothing else."""
import focus
import pytest

SPEC = focus.columns()
pytestmark = pytest.mark.skipif(
    SPEC is None, reason=f"{focus.COLUMNS} is not there")

USAGE = {
    "BilledCost": "0.002000000000", "BillingAccountId": "azure",
    "BillingAccountName": "azure", "BillingAccountType": "Provider account",
    "BillingCurrency": "USD", "BillingPeriodStart": "2026-11-01T00:00:00Z",
    "BillingPeriodEnd": "2026-12-01T00:00:00Z", "ChargeCategory": "Usage",
    "ChargeDescription": "gpt-6: input", "ChargeFrequency": "Usage-Based",
    "ChargePeriodStart": "2026-11-25T10:00:00Z",
    "ChargePeriodEnd": "2026-11-25T11:00:00Z", "ConsumedQuantity": "1000",
    "ConsumedUnit": "Tokens", "ContractedCost": "0.002",
    "ContractedUnitPrice": "0.000002", "EffectiveCost": "0.002",
    "InvoiceIssuerName": "Microsoft", "ListCost": "0.0025",
    "ListUnitPrice": "0.0000025", "PricingCategory": "Standard",
    "PricingCurrency": "USD",
    "PricingCurrencyContractedUnitPrice": "0.000002",
    "PricingCurrencyEffectiveCost": "0.002",
    "PricingCurrencyListUnitPrice": "0.0000025", "PricingQuantity": "1000",
    "PricingUnit": "Tokens", "ProviderName": "Microsoft",
    "PublisherName": "openai", "RegionId": "swedencentral",
    "RegionName": "swedencentral", "ServiceCategory":
    "AI and Machine Learning", "ServiceName": "Azure OpenAI",
    "ServiceSubcategory": "Generative AI", "SkuId": "gpt-6/input",
    "SkuMeter": "Input", "SkuPriceDetails": '{"x_Tier": "standard"}',
    "SkuPriceId": "gpt-6/input@1", "SubAccountId": "team_2",
    "SubAccountName": "ml", "SubAccountType": "Team",
    "Tags": '{"env": "prod"}', "x_Attempts": "1"}
PRICED = [n for n in USAGE if n.startswith(("Sku", "Pricing", "Consumed"))
          or n.endswith("UnitPrice")]


def row(**more):
    names = [c["id"] for c in SPEC] + ["x_Attempts"]
    return {n: {**USAGE, **more}.get(n) for n in names}


def rest(**more):
    """What single roundings leave over: no quantity, no price."""
    return row(**{**dict.fromkeys(PRICED), "ChargeCategory": "Adjustment",
                  "PricingCurrency": "USD",
                  "PricingCurrencyEffectiveCost": "-0.000000001",
                  "EffectiveCost": "-0.000000001", "x_Attempts": "0",
                  "ContractedCost": "0", "ListCost": "0.000000002", **more})


def committed(**more):
    return row(**{
        "PricingCategory": "Committed", "CommitmentDiscountId": "macc",
        "CommitmentDiscountCategory": "Spend",
        "CommitmentDiscountType": "Agreement",
        "CommitmentDiscountName": "macc", "CommitmentDiscountStatus": "Used",
        "CommitmentDiscountQuantity": "0.002",
        "CommitmentDiscountUnit": "USD", **more})


def purchase(**more):
    return row(**{
        "ChargeCategory": "Purchase", "ChargeFrequency": "One-Time",
        "ConsumedQuantity": None, "ConsumedUnit": None,
        "EffectiveCost": "0", "PricingCurrencyEffectiveCost": "0",
        "SkuId": "seat", "SkuPriceId": "seat@1", **more})


def tax(**more):
    return rest(**{"ChargeCategory": "Tax", **more})


LATE = {"ChargePeriodStart": "2026-10-31T23:00:00Z",
        "ChargePeriodEnd": "2026-11-01T00:00:00Z"}


def good():
    return [row(), rest(), committed(), purchase(), tax(),
            row(ChargeClass="Correction", **LATE)]


def rules_of(rows, header=None):
    return focus.check(header or list(rows[0]), rows, SPEC).rules()


def test_a_good_file_is_good():
    rows = good()
    assert focus.check(list(rows[0]), rows, SPEC) == []


PLANTED = {
    # rule that must speak: the row that breaks it
    "BilledCost-null": lambda: row(BilledCost=None),
    "BilledCost-type": lambda: row(BilledCost=0.002),
    "BilledCost-format": lambda: row(BilledCost="$0.002"),
    "ListCost-format": lambda: row(ListCost="1,000"),
    "BillingCurrency-format": lambda: row(BillingCurrency="usd"),
    "ChargeCategory-value": lambda: row(ChargeCategory="Use"),
    "ChargeClass-value": lambda: row(ChargeClass="Refund"),
    "ChargeFrequency-value": lambda: row(ChargeFrequency="Daily"),
    "PricingCategory-value": lambda: row(PricingCategory="Spot"),
    "ServiceCategory-value": lambda: row(ServiceCategory="AI"),
    "ServiceSubcategory-value": lambda: row(ServiceSubcategory="LLM"),
    "ServiceSubcategory-C-004-M": lambda: row(
        ServiceSubcategory="Virtual Machines"),
    "CommitmentDiscountStatus-value": lambda: committed(
        CommitmentDiscountStatus="Active"),
    "CommitmentDiscountCategory-value": lambda: committed(
        CommitmentDiscountCategory="Money"),
    "ChargePeriodStart-format": lambda: row(
        ChargePeriodStart="2026-11-25T10:00:00+01:00"),
    "BillingPeriodEnd-format": lambda: row(
        BillingPeriodEnd="2026-13-01T00:00:00Z"),
    "ChargePeriodEnd-C-004-M": lambda: row(
        ChargePeriodEnd="2026-11-25T10:00:00Z"),
    "BillingPeriodStart-C-004-M": lambda: row(
        BillingPeriodStart="2026-11-02T00:00:00Z"),
    "ChargeClass-C-003-C": lambda: row(ChargeClass="Correction"),
    "ChargeClass-C-004-C": lambda: row(**LATE),
    "ListUnitPrice-range": lambda: row(ListUnitPrice="-0.0000025"),
    "ListUnitPrice-usage": lambda: row(ListUnitPrice=None),
    "ListUnitPrice-tax": lambda: tax(ListUnitPrice="1"),
    "ContractedUnitPrice-usage": lambda: row(ContractedUnitPrice=None),
    "SkuId-usage": lambda: row(SkuId=None, SkuMeter=None),
    "SkuPriceId-usage": lambda: row(SkuPriceId=None),
    "PricingQuantity-usage": lambda: row(PricingQuantity=None),
    "ListCost-C-009-C": lambda: row(ListCost="0.002500000001"),
    "ContractedCost-C-009-C": lambda: row(ContractedCost="0.0025"),
    "ListCost-C-008-C": lambda: rest(ChargeCategory="Credit"),
    "PricingUnit-C-004-C": lambda: row(PricingUnit=None),
    "PricingUnit-format": lambda: row(PricingUnit="tokens per call"),
    "SkuMeter-C-003-C": lambda: row(SkuMeter=None),
    "SkuPriceDetails-C-004-C": lambda: rest(SkuPriceDetails="{}"),
    "SkuPriceDetails-C-017-C": lambda: row(SkuPriceDetails='{"Tier": 1}'),
    "SkuPriceDetails-format": lambda: row(SkuPriceDetails="Tier=a"),
    "Tags-format": lambda: row(Tags='{"a": {"b": 1}}'),
    "ConsumedQuantity-C-004-C": lambda: purchase(
        ConsumedQuantity="1", ConsumedUnit="Tokens"),
    "ConsumedQuantity-C-006-C": lambda: row(
        ConsumedQuantity=None, ConsumedUnit=None),
    "ConsumedUnit-C-004-C": lambda: row(ConsumedUnit=None),
    "PricingCurrencyEffectiveCost-same": lambda: row(
        PricingCurrencyEffectiveCost="1"),
    "PricingCategory-C-009-C": lambda: row(PricingCategory="Committed"),
    "PricingCategory-C-010-C": lambda: committed(
        PricingCategory="Standard"),
    "CommitmentDiscountStatus-usage": lambda: committed(
        CommitmentDiscountStatus=None),
    "CommitmentDiscountStatus-id": lambda: row(
        CommitmentDiscountStatus="Used"),
    "CommitmentDiscountType-C-003-C": lambda: committed(
        CommitmentDiscountType=None),
    "CommitmentDiscountQuantity-C-006-C": lambda: committed(
        CommitmentDiscountQuantity=None, CommitmentDiscountUnit=None),
    "CommitmentDiscountUnit-C-004-C": lambda: committed(
        CommitmentDiscountUnit=None),
    "CommitmentDiscountQuantity-C-008-C": lambda: committed(
        ChargeClass="Correction", **LATE),
    "ChargeFrequency-C-004-C": lambda: purchase(
        ChargeFrequency="Usage-Based"),
    "EffectiveCost-C-005-C": lambda: purchase(
        EffectiveCost="1", PricingCurrencyEffectiveCost="1"),
    "BilledCost-C-004-C": lambda: row(InvoiceIssuerName="A reseller"),
    "BillingAccountType-C-003-C": lambda: row(BillingAccountType=None),
    "SubAccountName-C-003-C": lambda: row(SubAccountName=None),
    "SubAccountType-C-003-C": lambda: row(SubAccountType=None),
    "RegionName-C-003-C": lambda: row(RegionName=None),
    "ResourceType-C-003-C": lambda: row(ResourceId="a"),
    "CapacityReservationStatus-C-002-C": lambda: row(
        CapacityReservationStatus="Used"),
    "SkuPriceId-C-008-M": lambda: row(SkuId="gpt-7/input"),
    "SkuPriceId-C-013-M": lambda: row(
        ListUnitPrice="0.0000015", ListCost="0.0015",
        PricingCurrencyListUnitPrice="0.0000015"),
    "SkuPriceId-C-009-M": lambda: row(SkuMeter="Output"),
    "SkuPriceDetails-C-007-M": lambda: row(SkuPriceDetails="{}"),
    "ServiceName-C-008-C": lambda: row(ServiceSubcategory="Bots"),
    "SubAccountName-one": lambda: row(SubAccountName="sales"),
    "RegionName-one": lambda: row(RegionName="Sweden Central"),
    "BillingCurrency-C-005-M": lambda: row(
        BillingCurrency="EUR", PricingCurrency="EUR"),
    "NullHandling": lambda: row(ResourceName="N/A"),
    "StringHandling": lambda: row(ChargeDescription="two\nlines"),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_fault_is_found(rule):
    assert rule in rules_of([*good(), PLANTED[rule]()])


def without(header, name):
    return [n for n in header if n != name]


@pytest.mark.parametrize("change, rule", [
    (lambda h: without(h, "ListCost"), "CostAndUsage-present-ListCost"),
    (lambda h: [h[1], h[0], *h[2:]], "ColumnNamingAndOrdering"),
    (lambda h: ["x_Attempts", *without(h, "x_Attempts")],
     "ColumnNamingAndOrdering"),
    (lambda h: [*h, "Attempts"], "ColumnNamingAndOrdering"),
    (lambda h: [*h, "x_attempts"], "ColumnNamingAndOrdering"),
    (lambda h: [*h, "ListCost"], "ColumnNamingAndOrdering"),
])
def test_a_wrong_header_is_found(change, rule):
    rows = good()
    assert rule in rules_of(rows, change(list(rows[0])))


def test_a_missing_nano_is_found():
    rows = good()[:3]
    usage = {"list_cost": "0.005000002", "contracted_cost": "0.004",
             "effective_cost": "0.003999999", "attempts": 2}
    assert focus.check_totals(rows, usage) == []
    for name, value in (("list_cost", "0.005000003"), ("attempts", 3),
                        ("effective_cost", "0.004")):
        assert focus.check_totals(rows, {**usage, name: value}) != []
