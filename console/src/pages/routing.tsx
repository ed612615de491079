// Where calls went, how concentrated that is, what could move.

import {useMemo} from "preact/hooks";
import {Share, Usage} from "../api";
import {useData, useRefresh} from "../data";
import {parse} from "../money";
import {set} from "../router";
import {Badge, Choice, count, Failed, Gauge, Money, Page, Section, Table,
        Tile} from "../ui";
import {ms, since, SPANS} from "../time";
import {PageProps} from "./index";

type Part = Omit<Share, "calls">;

const percent = (v: number | null | undefined, places = 1) =>
    v === null || v === undefined ? "–" : (100 * v).toFixed(places) + " %";

const level = (v: number) => v > 2500 ? "high" : v > 1500 ? "moderate" : "low";

function Shares(p: {by: string; rows: Part[] | null; of: string}) {
    const rows = p.rows && [...p.rows].sort((a, b) =>
        a.name.localeCompare(b.name));
    return <Section title={"Share by " + p.by}>
        <Table label={"Share by " + p.by} rows={rows} id={(r) => r.name}
            empty="Nothing was used yet." columns={[
                {name: p.by, cell: (r) => r.name || "–"},
                {name: "Share of " + p.of, cell: (r) => <Gauge even
                    part={r.share} label={percent(r.share)} />},
                {name: "%", right: true,
                    cell: (r) => (100 * r.share).toFixed(1)},
                {name: "Spend", right: true,
                    cell: (r) => <Money v={r.cost} />},
            ]} /></Section>;
}

// What the report does not group by, the books do.
function zones(d: Usage | null): Part[] | null {
    if (d === null)
        return null;
    const whole = parse(d.total.effective_cost);
    return d.rows.map((r) => ({name: String(r["zone"]),
        cost: r.effective_cost, tokens: r.input_tokens + r.output_tokens,
        share: whole === 0n ? 0 : Number(parse(r.effective_cost) * 100000n /
            whole) / 100000}));
}

const failed = (n: Record<string, number>) => Object.entries(n)
    .filter(([k, v]) => k !== "good" && v > 0)
    .map(([k, v]) => `${k} ${v}`).join(", ") || "none";

export function Routing({place}: PageProps) {
    const span = place.params.get("span") ?? "7d";
    const from = useMemo(() => since(span), [span]);
    const d = useData("route/report", {from});
    const zone = useData("usage", {from, by: "zone"});
    useRefresh(() => { d.reload(); zone.reload(); }, 3000);
    const r = d.data;
    const of = r?.shares_by === "tokens" ? "tokens" : "spend";
    const movable = r?.portability.filter((m) => m.movable).length ?? 0;
    return <Page title="Routing" sub="In the order of names, whoever is
        largest." tools={<Choice quiet label="Time" value={span}
            options={Object.entries(SPANS).map(([k, v]): [string, string] =>
                [k, v.text])} onChange={(v) => set({span: v})} />}>
        <Failed error={d.error ?? zone.error} retry={() => {
            d.reload();
            zone.reload();
        }} />
        <div class="tiles">
            <Tile name="Concentration by provider (HHI)" sub={r
                ? level(r.hhi) + "; 10\u202f000 is one alone" : ""}>
                {count(r?.hhi)}</Tile>
            <Tile name="Concentration by publisher" sub={r
                ? level(r.hhi_publishers) : ""}>
                {count(r?.hhi_publishers)}</Tile>
            <Tile name="Models that could move" sub="to another provider,
                within every rule">{r ? `${movable} of ` +
                    r.portability.length : "–"}</Tile>
            <Tile name={`Share of ${of} that could move`}>
                {percent(r?.movable_share)}</Tile>
        </div>
        <div class="cols three">
            <Shares by="provider" rows={r?.providers ?? null} of={of} />
            <Shares by="publisher" rows={r?.publishers ?? null} of={of} />
            <Shares by="zone" rows={zones(zone.data)} of="spend" />
            {r && r.accelerators.some((x) => x.name !== "" &&
                x.name !== "unknown")
                ? <Shares by="accelerator" rows={r.accelerators} of={of} />
                : null}
        </div>
        <Section title="Measured service levels">
            <Table label="Measured service levels"
                rows={r ? [...r.deployments].sort((x, y) =>
                    x.deployment.localeCompare(y.deployment)) : null}
                id={(x) => x.deployment} columns={[
                    {name: "Deployment", cell: (x) => x.deployment},
                    {name: "Attempts", right: true, narrow: false,
                        cell: (x) => count(x.attempts)},
                    {name: "Availability", right: true,
                        cell: (x) => percent(x.availability, 2)},
                    {name: "Used", right: true, narrow: false,
                        cell: (x) => percent(x.utilisation)},
                    {name: "First p50", right: true, narrow: false,
                        cell: (x) => ms(x.first_p50_ms)},
                    {name: "First p95", right: true,
                        cell: (x) => ms(x.first_p95_ms)},
                    {name: "Total p50", right: true, narrow: false,
                        cell: (x) => ms(x.total_p50_ms)},
                    {name: "Total p95", right: true, narrow: false,
                        cell: (x) => ms(x.total_p95_ms)},
                    {name: "Failed since start, by whose fault",
                        narrow: false, cell: (x) => failed(x.since_start)},
                ]} /></Section>
        <Section title="Portability">
            <Table label="Where each model could run"
                rows={r ? [...r.portability].sort((x, y) =>
                    x.model.localeCompare(y.model)) : null}
                id={(m) => m.model} columns={[
                    {name: "Model", cell: (m) => m.model},
                    {name: "Publisher", narrow: false,
                        cell: (m) => m.publisher},
                    {name: "Share", right: true,
                        cell: (m) => percent(m.share)},
                    {name: "Providers", narrow: false,
                        cell: (m) => [...m.providers].sort().join(", ")},
                    {name: "Within every rule", narrow: false, cell: (m) =>
                        [...m.within_every_rule].sort().join(", ") || "none"},
                    {name: "Else", narrow: false,
                        cell: (m) => m.fallback || "–"},
                    {name: "Could move", cell: (m) => <Badge
                        text={m.movable ? "yes, by one line"
                            : "no: one provider"}
                        kind={m.movable ? "good" : "warn"} />},
                ]} /></Section>
    </Page>;
}
