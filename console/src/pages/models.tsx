// What can be asked for, where it stands, what it costs.  In order of names:
// nothing is sorted by what favours anyone.

import {Deployment, Model} from "../api";
import {useData, useRefresh} from "../data";
import {show} from "../money";
import {Badge, count, currency, Failed, Page, Section, Table} from "../ui";
import {day} from "../time";

interface Price {
    deployment: string; model: string; provider: string; tier: string;
    from: string; operators: boolean; [rate: string]: unknown;
}

const rate = (d: Record<string, unknown> | null, name: string) =>
    d && typeof d[name] === "string" ? show(d[name] as string) : "–";

const fact = (d: Deployment, name: string) =>
    typeof d[name] === "string" || typeof d[name] === "number"
        ? String(d[name]) : "";

export function Models() {
    const m = useData<{models: Model[]}>("models");
    const d = useData<{deployments: Deployment[]}>("deployments");
    const p = useData<{prices: Price[]}>("prices");
    useRefresh(d.reload, 2000);
    const models = m.data ? [...m.data.models].sort((a, b) =>
        a.id.localeCompare(b.id)) : [];
    const of = (id: string) => (d.data?.deployments ?? []).filter((x) =>
        x.model === id).sort((a, b) => a.id.localeCompare(b.id));
    return <Page title="Models" sub={`Prices in ${currency()} per million
        tokens; models and deployments in the order of their names.`}>
        <Failed error={m.error ?? d.error} retry={() => {
            m.reload();
            d.reload();
        }} />
        {models.map((x) => <Section key={x.id} title={x.id} tools={<>
            <span class="dim">{x.publisher}</span>
            <a href={"/console/requests?model=" + encodeURIComponent(x.id)}>
                Requests</a></>}>
            <Table label={"Deployments of " + x.id} rows={d.data
                ? of(x.id) : null} id={(r) => r.id} columns={[
                {name: "Deployment", cell: (r) => r.id},
                {name: "Provider", cell: (r) => <>{r.provider}{" "}
                    <small>{r.type}</small></>},
                {name: "Its name there", cell: (r) => r.name, narrow: false},
                {name: "Region", cell: (r) => r.region || "–", narrow: false},
                {name: "Zone", cell: (r) => r.zone || "–", narrow: false},
                {name: "Capacity", narrow: false,
                    cell: (r) => fact(r, "capacity") || "on demand"},
                {name: "Headroom", right: true, narrow: false,
                    cell: (r) => fact(r, "headroom") || "–"},
                {name: "Breaker", cell: (r) => <Badge text={r.breaker} />},
                {name: "Open", right: true, cell: (r) => count(r.inflight)},
                {name: "In", right: true,
                    cell: (r) => rate(r.price_per_million, "input")},
                {name: "Cached", right: true, narrow: false,
                    cell: (r) => rate(r.price_per_million, "cached_input")},
                {name: "Out", right: true,
                    cell: (r) => rate(r.price_per_million, "output")},
            ]} /></Section>)}
        {m.data && models.length === 0 ? <p class="note">No model is
            configured. <a href="/console/start">How to add one</a></p> : null}
        <Section title="Prices by date">
            <Failed error={p.error} retry={p.reload} />
            <Table label="Price rows" rows={p.data?.prices ?? null}
                id={(r) => `${r.deployment}/${r.tier}/${r.from}`} columns={[
                    {name: "Deployment", cell: (r) => r.deployment,
                        key: "deployment", order: (a, b) =>
                            a.deployment.localeCompare(b.deployment)},
                    {name: "From", cell: (r) => day(r.from), key: "from",
                        order: (a, b) => a.from.localeCompare(b.from)},
                    {name: "Tier", cell: (r) => r.tier || "–"},
                    {name: "In", right: true, cell: (r) => rate(r, "input")},
                    {name: "Cached", right: true, narrow: false,
                        cell: (r) => rate(r, "cached_input")},
                    {name: "Cache write", right: true, narrow: false,
                        cell: (r) => rate(r, "cache_write")},
                    {name: "Out", right: true, cell: (r) => rate(r, "output")},
                    {name: "Whose", narrow: false, cell: (r) => r.operators
                        ? "the operator's" : "price book"},
                ]} /></Section>
    </Page>;
}
