// Money by any two things, down to the calls that it went for.

import {ComponentChildren} from "preact";
import {useMemo} from "preact/hooks";
import {query, UsageRow} from "../api";
import {useData, useRefresh} from "../data";
import {compare, sum} from "../money";
import {set} from "../router";
import {Choice, count, currency, Failed, Filter, Money, Page, Section, Table,
        Tile} from "../ui";
import {since, SPANS} from "../time";
import {DIMENSIONS} from "./overview";
import {PageProps} from "./index";

const MOST = 24;               // columns; the totals are of all
const TIMES = ["hour", "day", "month"];
const DRILL = new Set(["key", "team", "model", "deployment", "provider",
    "region", "resolution", "org", "project"]);

// The calls that a value of a dimension stands for; null: they cannot be
// asked for by it.
function filter(by: string, value: string): Record<string, string> | null {
    if (value === "")
        return null;
    if (DRILL.has(by))
        return {[by]: value};
    if (by === "user" || by === "service")
        return {principal: value};
    if (!TIMES.includes(by))
        return null;
    const from = new Date(value.length === 7 ? value + "-01" : value);
    const to = new Date(from);
    if (by === "hour")
        to.setUTCHours(to.getUTCHours() + 1);
    else if (by === "day")
        to.setUTCDate(to.getUTCDate() + 1);
    else
        to.setUTCMonth(to.getUTCMonth() + 1);
    return {from: from.toISOString().slice(0, 19) + "Z",
        to: to.toISOString().slice(0, 19) + "Z"};
}

// A figure, and the way to the calls that it is made of.
function Drill(p: {where: Record<string, string | null>;
                   range: Record<string, string>; children: ComponentChildren}) {
    const all: Record<string, string> = {...p.range};
    // All of it, or no way: half a filter would lead to other calls, too.
    let whole = true;
    for (const [by, value] of Object.entries(p.where)) {
        const f = filter(by, value ?? "");
        whole = whole && f !== null;
        Object.assign(all, f ?? {});
    }
    return whole ? <a href={"/console/requests" + query(all)}>{p.children}</a>
        : <>{p.children}</>;
}

// Rows of one thing, columns of another: each cell a sum of the ledger's.
function Pivot(p: {rows: UsageRow[]; by: string; across: string;
                   range: Record<string, string>}) {
    const columns = [...new Set(p.rows.map((r) => String(r[p.across])))]
        .sort();
    const names = [...new Set(p.rows.map((r) => String(r[p.by])))];
    const cell = (name: string, col: string) => p.rows.filter((r) =>
        String(r[p.by]) === name && String(r[p.across]) === col)
        .map((r) => r.effective_cost);
    const lines = names.map((name) => ({name,
        total: sum(p.rows.filter((r) => String(r[p.by]) === name)
            .map((r) => r.effective_cost))}))
        .sort((a, b) => compare(b.total, a.total));
    return <Table label={`${p.by} by ${p.across}`} rows={lines}
        id={(l) => l.name} columns={[
            {name: p.by, cell: (l) => <Drill range={p.range}
                where={{[p.by]: l.name}}>{l.name || "–"}</Drill>},
            ...columns.slice(0, MOST).map((c) => ({
                name: c || "–", right: true,
                cell: (l: {name: string}) => {
                    const v = cell(l.name, c);
                    return v.length === 0 ? "" : <Drill range={p.range}
                        where={{[p.by]: l.name, [p.across]: c}}>
                        <Money v={sum(v)} /></Drill>;
                },
            })),
            {name: "total", right: true, cell: (l) =>
                <strong><Money v={l.total} /></strong>},
        ]} foot={<tr><th scope="row">total</th>
            {columns.slice(0, MOST).map((c) => <td key={c} class="right">
                <Money v={sum(p.rows.filter((r) => String(r[p.across]) === c)
                    .map((r) => r.effective_cost))} /></td>)}
            <td class="right"><Money v={sum(p.rows.map((r) =>
                r.effective_cost))} /></td></tr>} />;
}

export function Spend({place}: PageProps) {
    const span = place.params.get("span") ?? "30d";
    const by = place.params.get("by") ?? "team";
    const across = place.params.get("across") ?? "";
    const own = place.params.get("from") ?? "";
    const to = place.params.get("to") ?? "";
    const start = useMemo(() => since(span), [span]);
    const from = own || start;
    const range = {from, to};
    const d = useData("usage", {...range,
        by: across ? by + "," + across : by});
    useRefresh(d.reload, 2000);
    const t = d.data?.total;
    const link = (format: string, more = {}) => "/api/v1/usage" +
        query({...range, format, ...more});
    return <Page title="Spend" tools={<>
        <a href={link("csv", {by: across ? by + "," + across : by})}
            download="spend.csv">CSV</a>
        <a href={link("focus")} download="focus.csv">FOCUS 1.2</a>
        <a href={link("focus-json")} download="focus.json">FOCUS JSON</a>
        <a href={"/api/v1/chargeback" + query({...range, format: "csv"})}
            download="chargeback.csv">Chargeback</a></>}>
        <div class="filters">
            <Choice label="Time" value={span} options={Object.entries(SPANS)
                .map(([k, v]): [string, string] => [k, v.text])}
                onChange={(v) => set({span: v, from: "", to: ""})} />
            <Filter name="from" label="or from" error={d.error}
                hint="2026-11-01, 36h" />
            <Filter name="to" label="to" error={d.error} hint="now" />
            <Choice label="Rows" value={by} options={[...DIMENSIONS, ...TIMES]}
                onChange={(v) => set({by: v})} />
            <Choice label="Columns" value={across} options={[["", "costs"],
                ...[...DIMENSIONS, ...TIMES].filter((x) => x !== by)]}
                onChange={(v) => set({across: v})} />
        </div>
        <Failed error={d.error} retry={d.reload} />
        <div class="tiles">
            <Tile name={"Effective, " + currency()} sub="what is booked">
                <Money v={t?.effective_cost} /></Tile>
            <Tile name="Contracted" sub="by the agreements">
                <Money v={t?.contracted_cost} /></Tile>
            <Tile name="List" sub="by the price book">
                <Money v={t?.list_cost} /></Tile>
            <Tile name="Calls">{count(t?.calls)}</Tile>
            <Tile name="Without a price" sub="attempts whose price is unknown">
                {count(t?.unpriced_attempts)}</Tile>
        </div>
        <Section title={across ? `${by} by ${across}, effective cost` :
            `By ${by}`}>
            {across && d.data ? <Pivot rows={d.data.rows} by={by}
                across={across} range={range} /> : <Table label={"Spend by " + by}
                rows={d.data?.rows ?? null} loading={d.loading}
                id={(r) => String(r[by])} columns={[
                    {name: by, cell: (r) => <Drill range={range}
                        where={{[by]: String(r[by])}}>{String(r[by]) || "–"}
                        </Drill>, key: "name",
                    order: (a, b) => String(a[by]).localeCompare(
                        String(b[by]))},
                    {name: "Calls", right: true, cell: (r) => count(r.calls),
                        key: "calls", order: (a, b) => a.calls - b.calls},
                    {name: "Tokens in", right: true, narrow: false,
                        cell: (r) => count(r.input_tokens), key: "in",
                        order: (a, b) => a.input_tokens - b.input_tokens},
                    {name: "Cached", right: true, narrow: false,
                        cell: (r) => count(r.cached_tokens)},
                    {name: "Tokens out", right: true, narrow: false,
                        cell: (r) => count(r.output_tokens), key: "out",
                        order: (a, b) => a.output_tokens - b.output_tokens},
                    {name: "List", right: true, narrow: false,
                        cell: (r) => <Money v={r.list_cost} />},
                    {name: "Contracted", right: true, narrow: false,
                        cell: (r) => <Money v={r.contracted_cost} />},
                    {name: "Effective", right: true, key: "cost",
                        cell: (r) => <Money v={r.effective_cost} />,
                        order: (a, b) => compare(a.effective_cost,
                            b.effective_cost)},
                ]} foot={t ? <tr><th scope="row">total</th>
                    <td class="right">{count(t.calls)}</td>
                    <td class="right wide">{count(t.input_tokens)}</td>
                    <td class="right wide">{count(t.cached_tokens)}</td>
                    <td class="right wide">{count(t.output_tokens)}</td>
                    <td class="right wide"><Money v={t.list_cost} /></td>
                    <td class="right wide"><Money v={t.contracted_cost} /></td>
                    <td class="right"><Money v={t.effective_cost} /></td>
                </tr> : undefined} />}
        </Section>
        {across && d.data && new Set(d.data.rows.map((r) => r[across])).size >
            MOST ? <p class="dim">The first {MOST} columns are shown; the
            totals and the CSV have all of them.</p> : null}
    </Page>;
}
