// What was agreed with providers: burned down, forecast, shared.

import {useMemo} from "preact/hooks";
import {Agreement, Agreements as All} from "../api";
import {Chart} from "../chart";
import {useData, useRefresh} from "../data";
import {length, share, show} from "../money";
import {Badge, currency, Facts, Failed, Gauge, Money, Page, Section, Table}
    from "../ui";
import {day} from "../time";

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
            ["Alert", c.alert ? <Badge text={c.alert} kind="warn" /> : "none"],
        ]} />
        <p><Gauge part={share(c.burned, c.amount)}
            label={`${show(c.burned)} of ${show(c.amount)} burned`} /></p>
        {f ? <Facts rows={[
            ["Forecast at the end, P10", <Money v={f.p10} />],
            ["P50", <Money v={f.p50} />],
            ["P90", <Money v={f.p90} />],
            ["Used up, by forecast", f.shortfall_date
                ? day(String(f.shortfall_date)) : "not before its end"],
        ]} /> : <p class="dim">A forecast needs days of use first.</p>}
        {plot.times.length > 1 ? <Chart label={`left of the commitment,
            ${currency()}`} times={plot.times} series={plot.series} /> : null}
    </>;
}

export function Agreements() {
    const d = useData<All>("agreements");
    useRefresh(d.reload, 3000);
    return <Page title="Agreements">
        <Failed error={d.error} retry={d.reload} />
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
                {name: "Cap", right: true, cell: (s) => <Money v={s.cap} />},
                {name: "Left", right: true, cell: (s) =>
                    <Money v={s.cap_left} />},
                {name: "Ends", cell: (s) => day(s.to)},
            ]} /> : null}
        </Section>)}
        {d.data && d.data.agreements.length === 0 ? <p class="note">No
            agreement is configured: every call costs its list price.</p>
            : null}
    </Page>;
}
