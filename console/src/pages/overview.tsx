// What is spent, how it goes, and what just happened.

import {useMemo, useState} from "preact/hooks";
import {Call, LatencyRow, UsageRow} from "../api";
import {Chart, Series, short} from "../chart";
import {useData, useLive, useRefresh} from "../data";
import {compare, length, share, show} from "../money";
import {Badge, Choice, count, currency, Failed, Gauge, Money, Page, Section,
        Status, Table, Tile} from "../ui";
import {set} from "../router";
import {clock, ms, since, SPANS, until} from "../time";
import {PageProps} from "./index";

export const DIMENSIONS = ["model", "provider", "deployment", "publisher",
    "region", "zone", "tier", "org", "team", "project", "user", "service",
    "key", "resolution"];

const took = (v: number) => v >= 1000 ? short(v / 1000) + " s"
    : short(v) + " ms";

// A figure over time, one series for each of these names.
function series<R extends {[k: string]: unknown}>(rows: R[], time: string,
        by: string, names: string[], value: (r: R) => number | null,
        none: number | null): {times: number[]; series: Series[]} {
    const times = [...new Set(rows.map((r) => String(r[time])))].sort();
    const at = new Map(rows.map((r) => [r[time] + "\n" + r[by], r]));
    return {
        times: times.map((t) => Date.parse(t.length === 7 ? t + "-01" : t) /
            1000),
        series: names.map((name) => ({name: name || "–",
            values: times.map((t) => {
                const r = at.get(t + "\n" + name);
                return r === undefined ? none : value(r);
            })})),
    };
}

// The six that cost most, then those called most.
function largest(rows: UsageRow[], by: string): string[] {
    const of = new Map<string, {cost: number; calls: number}>();
    for (const r of rows) {
        const was = of.get(String(r[by])) ?? {cost: 0, calls: 0};
        of.set(String(r[by]), {cost: was.cost + length(r.effective_cost),
            calls: was.calls + r.calls});
    }
    return [...of].sort(([, a], [, b]) => b.cost - a.cost ||
        b.calls - a.calls).slice(0, 6).map(([n]) => n);
}

function Recent() {
    const d = useData("requests", {limit: 12});
    const [live, setLive] = useState<Call[]>([]);
    useLive((c) => setLive((was) => [c, ...was].slice(0, 12)));
    const seen = new Set(live.map((c) => c.id));
    const rows = d.data === null ? null
        : [...live, ...d.data.calls.filter((c) => !seen.has(c.id))]
            .slice(0, 12);
    return <Section title="Calls, as they end" tools={
        <a href="/console/requests">All requests</a>}>
        <Failed error={d.error} retry={d.reload} />
        <Table label="Latest calls" rows={rows} id={(c) => c.id} fresh={seen}
            empty={<>No call yet. <a href="/console/start">Make the first
                one</a>: it appears here the moment it ends.</>}
            columns={[
                {name: "Time", cell: (c) => <a href={"/console/requests/" +
                    c.id}>{clock(c.time)}</a>},
                {name: "Model", cell: (c) => c.model ?? "–"},
                {name: "Deployment", cell: (c) => c.deployment ?? "–",
                    narrow: false},
                {name: "Key", cell: (c) => c.key_name ?? c.key ?? "–",
                    narrow: false},
                {name: "Status", cell: (c) => <Status code={c.status} />},
                {name: "First", right: true, narrow: false,
                    cell: (c) => ms(c.first_ms)},
                {name: "Total", right: true, narrow: false,
                    cell: (c) => ms(c.total_ms)},
                {name: "Cost", right: true, cell: (c) =>
                    <Money v={c.effective_cost} />},
            ]} /></Section>;
}

function Budgets() {
    const d = useData("budgets");
    useRefresh(d.reload);
    const rows = (d.data?.budgets ?? []).filter((b) => !b.closed)
        .sort((a, b) => share(b.spent, b.limit) - share(a.spent, a.limit))
        .slice(0, 8);
    return <Section title="Budgets" tools={<a href="/console/budgets">All
        budgets</a>}>
        <Failed error={d.error} retry={d.reload} />
        <Table label="Budgets, the fullest first" rows={d.data ? rows : null}
            id={(b) => b.id} columns={[
                {name: "Whose", cell: (b) => <span class="long"
                    title={b.scope}>{b.name}{" "}
                    <small>{b.scope.split(":")[0]}</small></span>},
                {name: "Used", cell: (b) => <Gauge
                    part={share(b.spent, b.limit)}
                    pending={share(b.pending, b.limit)}
                    label={`${show(b.spent)} of ${show(b.limit)} spent`} />},
                {name: "Spent", right: true, narrow: false, cell: (b) =>
                    <Money v={b.spent} />},
                {name: "Limit", right: true, cell: (b) => <span
                    title={"resets " + until(b.resets)}>{show(b.limit)}/
                    {b.period}</span>},
            ]} /></Section>;
}

// In an order that favours nobody.
export const byName = <R extends {id: string}>(rows: R[]): R[] =>
    [...rows].sort((a, b) => a.id.localeCompare(b.id));

function Providers() {
    const d = useData("deployments");
    useRefresh(d.reload, 2000);
    return <Section title="Providers now" tools={
        <a href="/console/models">Models and prices</a>}>
        <Failed error={d.error} retry={d.reload} />
        <Table label="Deployments and their health"
            rows={d.data && byName(d.data.deployments)} id={(x) => x.id}
            columns={[
                {name: "Deployment", cell: (x) => x.id},
                {name: "Provider", cell: (x) => x.provider, narrow: false},
                {name: "Breaker", cell: (x) => <Badge text={x.breaker} />},
                {name: "First token", right: true, narrow: false,
                    cell: (x) => x.first_token_us === 0 ? "–"
                        : ms(x.first_token_us / 1000)},
                {name: "Open calls", right: true,
                    cell: (x) => count(x.inflight)},
            ]} /></Section>;
}

function Latency(p: {from: string; by: string}) {
    const d = useData("latency", {from: p.from, by: p.by});
    useRefresh(d.reload, 3000);
    return <Section title={"Latency and failed attempts by " + p.by}>
        <Failed error={d.error} retry={d.reload} />
        <Table label={"Latency by " + p.by} rows={d.data?.rows ?? null}
            id={(r) => String(r[p.by])} columns={[
                {name: p.by, cell: (r) => String(r[p.by] || "–")},
                {name: "Attempts", right: true,
                    cell: (r) => count(r.calls)},
                {name: "Failed", right: true, cell: (r) => count(r.errors)},
                {name: "First p50", right: true,
                    cell: (r) => ms(r.first_p50_ms)},
                {name: "First p95", right: true, narrow: false,
                    cell: (r) => ms(r.first_p95_ms)},
                {name: "Total p50", right: true,
                    cell: (r) => ms(r.total_p50_ms)},
                {name: "Total p95", right: true, narrow: false,
                    cell: (r) => ms(r.total_p95_ms)},
            ]} /></Section>;
}

export function Overview({place}: PageProps) {
    const span = place.params.get("span") ?? "24h";
    const by = place.params.get("by") ?? "model";
    const step = SPANS[span] ?? SPANS["24h"]!;
    const from = useMemo(() => since(span), [span]);
    const total = useData("usage", {from});
    const rows = useData("usage", {from, by: step.by + "," + by});
    const whole = useData("latency", {from});
    useRefresh(() => { total.reload(); rows.reload(); whole.reload(); });
    // The hour is the least that latency is kept by; a resolution has none.
    const coarse = step.by === "minute" ? "hour" : step.by;
    const timed = by === "resolution" ? "model" : by;
    const late = useData("latency", {from, by: coarse + "," + timed});
    useRefresh(late.reload, 3000);
    const drawn = useMemo(() => {
        const all = rows.data?.rows ?? [], names = largest(all, by);
        const of = (f: (r: UsageRow) => number) =>
            series(all, step.by, by, names, f, 0);
        return {spend: of((r) => length(r.effective_cost)),
            calls: of((r) => r.calls),
            tokens: of((r) => r.input_tokens + r.output_tokens)};
    }, [rows.data, by, step.by]);
    const slow = useMemo(() => {
        const all = late.data?.rows ?? [];
        const names = timed === by ? largest(rows.data?.rows ?? [], by)
            : [...new Set(all.map((r) => String(r[timed])))].slice(0, 6);
        const of = (f: (r: LatencyRow) => number | null,
                    none: number | null) =>
            series(all, coarse, timed, names, f, none);
        return {errors: of((r) => r.errors, 0),
            first: of((r) => r.first_p50_ms, null),
            total: of((r) => r.total_p50_ms, null)};
    }, [late.data, rows.data, by, timed, coarse]);
    const t = total.data?.total;
    const saved = t && compare(t.list_cost, t.effective_cost) !== 0;
    return <Page title="Overview" tools={<>
        <Choice quiet label="Time" value={span} options={Object.entries(SPANS)
            .map(([k, v]): [string, string] => [k, v.text])}
            onChange={(v) => set({span: v})} />
        <Choice quiet label="Grouped by" value={by} options={DIMENSIONS.map(
            (d): [string, string] => [d, "by " + d])}
            onChange={(v) => set({by: v})} /></>}>
        <Failed error={total.error ?? rows.error} retry={() => {
            total.reload();
            rows.reload();
        }} />
        <div class="tiles">
            <Tile name={"Spend, " + currency()} sub={saved ? <>list price{" "}
                <Money v={t!.list_cost} /></> : undefined}>
                <Money v={t?.effective_cost} /></Tile>
            <Tile name="Calls" sub={t && t.attempts !== t.calls
                ? count(t.attempts) + " attempts" : undefined}>
                {count(t?.calls)}</Tile>
            <Tile name="Tokens in" sub={t ? count(t.cached_tokens) +
                " cached" : undefined}>{count(t?.input_tokens)}</Tile>
            <Tile name="Tokens out" sub={t ? count(t.reasoning_tokens) +
                " reasoning" : undefined}>{count(t?.output_tokens)}</Tile>
            <Tile name="Errors" sub="answers of 400 and above">
                {count(whole.data?.total.errors)}</Tile>
            <Tile name="Not sure" sub={<a href="/console/requests?unsure=1">
                estimated or unknown</a>}>
                {t ? count(t.estimated_calls + t.unknown_calls) : "–"}</Tile>
        </div>
        <Section title={"Over time, by " + by}>
            <div class="charts">
                <Chart label={`Spend, ${currency()} per ${step.by}`} bars
                    from={Number(from)} {...drawn.spend} />
                <Chart label={"Calls per " + step.by} bars
                    from={Number(from)} {...drawn.calls} />
                <Chart label={"Tokens in and out per " + step.by} bars
                    from={Number(from)} {...drawn.tokens} />
                <Chart label={`Failed attempts per ${coarse}, by ${timed}`}
                    bars from={Number(from)} {...slow.errors} most={4} />
                <Chart label={`First token, median, by ${timed}`}
                    from={Number(from)} write={took} {...slow.first} />
                <Chart label={`Total time, median, by ${timed}`}
                    from={Number(from)} write={took} {...slow.total} />
            </div></Section>
        <Recent />
        <div class="cols"><Budgets /><Providers /></div>
        <Latency from={from} by={timed} />
    </Page>;
}
