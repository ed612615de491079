// What was agreed with providers: burned down, forecast, shared.

import {useMemo} from "preact/hooks";
import {Agreement, Forecast} from "../api";
import {Chart} from "../chart";
import {useData, useRefresh} from "../data";
import {length, share, show} from "../money";
import {Badge, count, currency, Facts, Failed, Filter, Gauge, Money, Page,
        Section, Table} from "../ui";
import {day} from "../time";
import {PageProps} from "./index";

const POINTS = ["p10", "p50", "p90"] as const;

// Of ten futures, one is below P10 and one above P90.
function Forecasts(p: {name: string; f: Forecast}) {
    const f = p.f;
    return <><Table label={"Forecast of " + p.name} rows={[...POINTS]}
        id={(x) => x} columns={[
            {name: "Forecast", cell: (x) => x.toUpperCase()},
            {name: "Left at the end", right: true, cell: (x) =>
                <Money v={f.end_balance?.[x]} />},
            {name: "Paid for nothing", right: true, narrow: false, cell: (x) =>
                <Money v={f.shortfall?.[x]} />},
            {name: "Used up", right: true, cell: (x) => f.exhausted[x]
                ? day(f.exhausted[x]) : "not before the end"},
        ]} />
        <p class="dim">From {count(f.days_of_history)} days of use
            {f.tests > 0 && f.mape_percent ? `; tested ${count(f.tests)} times,
            ${f.tested_days_ahead} days ahead: off by ${f.mape_percent} %` :
            ""}.</p></>;
}

function BurnDown(p: {a: Agreement}) {
    const c = p.a.commitment!;
    const plot = useMemo(() => {
        let left = 0;
        const before = c.daily.reduce((s, x) => s + length(x.burned), 0);
        left = length(c.left) + before;
        return {times: c.daily.map((x) => Date.parse(x.day) / 1000),
            series: [{name: "left", values: c.daily.map((x) => {
                left -= length(x.burned);
                return left;
            })}]};
    }, [c]);
    const f = c.forecast;
    return <>
        <Facts rows={[
            ["Committed", <Money v={c.amount} unit />],
            ["Burned", <Money v={c.burned} />],
            ["Left", <Money v={c.left} />],
            ["Until", day(c.to)],
            ["Last 7 days", <Money v={c.last_7_days} />],
            ["Last 28 days", <Money v={c.last_28_days} />],
            ["Unused at the end", <Money v={c.unused} />],
            ["Alert", c.alert ? <><Badge text={c.alert.kind} kind={
                c.alert.certainty === "nearly_sure" ? "bad" : "warn"} />{" "}
                {c.alert.certainty.replaceAll("_", " ")}, on{" "}
                {day(c.alert.on)}</> : "none"],
        ]} />
        <p><Gauge part={share(c.burned, c.amount)}
            label={`${show(c.burned)} of ${show(c.amount)} burned`} /></p>
        {f ? <Forecasts name={p.a.name} f={f} /> : <p class="dim">A forecast
            needs days of use first.</p>}
        {plot.times.length > 1 ? <Chart label={`left of the commitment,
            ${currency()}`} times={plot.times} series={plot.series} /> : null}
    </>;
}

export function Agreements({place}: PageProps) {
    const at = place.params.get("at") ?? undefined;
    const d = useData("agreements", {at});
    useRefresh(d.reload, 3000);
    return <Page title="Agreements">
        <div class="filters"><Filter name="at" label="As of"
            hint="2026-11-23; today, when empty" error={d.error} /></div>
        {at === undefined ? <Failed error={d.error} retry={d.reload} /> : null}
        {(d.data?.agreements ?? []).map((a) => <Section key={a.name}
            title={a.name} tools={<><Badge text={a.in_force ? "in force"
                : "not in force"} kind={a.in_force ? "good" : "dim"} />
                <span class="dim">{a.provider}, {day(a.from)} to{" "}
                    {day(a.to)}</span></>}>
            <Facts rows={[
                ["Contract", a.contract || "–"],
                ["Discount", a.discount?.percent ? a.discount.percent + " %"
                    : a.discount ? "fixed prices" : "none"],
            ]} />
            {a.commitment ? <BurnDown a={a} /> : null}
            {a.shares.length > 0 ? <Table label={"Revenue shares of " +
                a.name} rows={a.shares} id={(s) => s.partner} columns={[
                {name: "Partner", cell: (s) => s.partner},
                {name: "Rate", right: true, cell: (s) => s.rate_percent +
                    " % of " + s.base},
                {name: "Accrued", right: true, cell: (s) =>
                    <Money v={s.accrued} />},
                {name: "Cap", right: true, narrow: false, cell: (s) => <Money v={s.cap} />},
                {name: "Left", right: true, narrow: false, cell: (s) =>
                    <Money v={s.cap_left} />},
                {name: "Ends", narrow: false, cell: (s) => day(s.to)},
            ]} /> : null}
        </Section>)}
        {d.data && d.data.agreements.length === 0 ? <p class="note">No
            agreement is configured: every call costs its list price.</p>
            : null}
    </Page>;
}
