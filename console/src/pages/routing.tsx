// Where calls went, how concentrated that is, what could move.

import {useMemo} from "preact/hooks";
import {Deployment, Model, query, Usage, UsageRow} from "../api";
import {useData, useRefresh} from "../data";
import {parse} from "../money";
import {set} from "../router";
import {Badge, Choice, count, Failed, Gauge, Money, Page, Section, Table,
        Tile} from "../ui";
import {ms, since, SPANS} from "../time";
import {PageProps} from "./index";

// Of ten thousand: the share of a part of the whole.
const share = (a: string, all: string) => {
    const whole = parse(all);
    return whole === 0n ? 0 : Number(parse(a) * 10000n / whole);
};

// Herfindahl-Hirschman: squares of shares in percent, 10,000 is one alone.
const hhi = (rows: UsageRow[], total: string) => Math.round(rows.reduce(
    (s, r) => s + (share(r.effective_cost, total) / 100) ** 2, 0));

const level = (v: number) => v > 2500 ? "high" : v > 1500 ? "moderate" : "low";

function Shares(p: {by: string; usage: Usage | null}) {
    const total = p.usage?.total.effective_cost ?? "0";
    const rows = p.usage ? [...p.usage.rows].sort((a, b) =>
        String(a[p.by]).localeCompare(String(b[p.by]))) : null;
    return <Section title={"Share by " + p.by}>
        <Table label={"Share by " + p.by} rows={rows}
            id={(r) => String(r[p.by])} columns={[
                {name: p.by, cell: (r) => String(r[p.by] || "–")},
                {name: "Share of spend", cell: (r) => <Gauge
                    part={share(r.effective_cost, total) / 10000 * 0.999}
                    label={(share(r.effective_cost, total) / 100).toFixed(1) +
                        " %"} />},
                {name: "%", right: true, cell: (r) =>
                    (share(r.effective_cost, total) / 100).toFixed(1)},
                {name: "Calls", right: true, cell: (r) => count(r.calls)},
                {name: "Spend", right: true,
                    cell: (r) => <Money v={r.effective_cost} />},
            ]} /></Section>;
}

interface Level {
    deployment: string; calls: number; errors: number;
    first_p50_ms: number | null; first_p95_ms: number | null;
    total_p50_ms: number | null; total_p95_ms: number | null;
}

export function Routing({place}: PageProps) {
    const span = place.params.get("span") ?? "7d";
    const from = useMemo(() => since(span), [span]);
    const provider = useData<Usage>("usage" + query({from, by: "provider"}));
    const publisher = useData<Usage>("usage" + query({from, by: "publisher"}));
    const region = useData<Usage>("usage" + query({from, by: "zone"}));
    const models = useData<{models: Model[]}>("models");
    const all = useData<{deployments: Deployment[]}>("deployments");
    const levels = useData<{rows: Level[]}>("latency" + query(
        {from, by: "deployment"}));
    useRefresh(() => {
        provider.reload();
        publisher.reload();
        region.reload();
        levels.reload();
    }, 3000);
    const index = (d: Usage | null) => d
        ? hhi(d.rows, d.total.effective_cost) : null;
    const where = (m: Model) => [...new Set((all.data?.deployments ?? [])
        .filter((d) => d.model === m.id).map((d) => d.provider))].sort();
    const movable = (models.data?.models ?? []).filter((m) =>
        where(m).length > 1).length;
    const a = index(provider.data), b = index(publisher.data);
    return <Page title="Routing" sub="In the order of names, whoever is
        largest." tools={<Choice quiet label="Time" value={span}
            options={Object.entries(SPANS).map(([k, v]): [string, string] =>
                [k, v.text])} onChange={(v) => set({span: v})} />}>
        <Failed error={provider.error} retry={provider.reload} />
        <div class="tiles">
            <Tile name="Concentration by provider (HHI)" sub={a !== null
                ? level(a) + "; 10 000 is one alone" : ""}>{count(a)}</Tile>
            <Tile name="Concentration by publisher" sub={b !== null
                ? level(b) : ""}>{count(b)}</Tile>
            <Tile name="Models that could move" sub="deployed at more than
                one provider">{models.data ? `${movable} of ` +
                    models.data.models.length : "–"}</Tile>
        </div>
        <div class="cols">
            <Shares by="provider" usage={provider.data} />
            <Shares by="publisher" usage={publisher.data} />
            <Shares by="zone" usage={region.data} />
        </div>
        <Section title="Measured service levels">
            <Failed error={levels.error} retry={levels.reload} />
            <Table label="Measured service levels"
                rows={levels.data?.rows ?? null} id={(r) => r.deployment}
                columns={[
                    {name: "Deployment", cell: (r) => r.deployment},
                    {name: "Attempts", right: true,
                        cell: (r) => count(r.calls)},
                    {name: "Availability", right: true, cell: (r) =>
                        r.calls === 0 ? "–" : (100 * (r.calls - r.errors) /
                            r.calls).toFixed(2) + " %"},
                    {name: "First p50", right: true,
                        cell: (r) => ms(r.first_p50_ms)},
                    {name: "First p95", right: true, narrow: false,
                        cell: (r) => ms(r.first_p95_ms)},
                    {name: "Total p50", right: true,
                        cell: (r) => ms(r.total_p50_ms)},
                    {name: "Total p95", right: true, narrow: false,
                        cell: (r) => ms(r.total_p95_ms)},
                ]} /></Section>
        <Section title="Portability">
            <Table label="Where each model could run"
                rows={models.data && all.data ? [...models.data.models].sort(
                    (x, y) => x.id.localeCompare(y.id)) : null}
                id={(m) => m.id} columns={[
                    {name: "Model", cell: (m) => m.id},
                    {name: "Publisher", cell: (m) => m.publisher},
                    {name: "Providers", cell: (m) => where(m).join(", ")},
                    {name: "Could move", cell: (m) => <Badge
                        text={where(m).length > 1 ? "yes, by one line"
                            : "no: one provider"}
                        kind={where(m).length > 1 ? "good" : "warn"} />},
                ]} /></Section>
    </Page>;
}
