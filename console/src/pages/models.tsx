// What can be asked for, where it stands, what it costs.  In order of names:
// nothing is sorted by what favours anyone.

import {Deployment, Model} from "../api";
import {useData, useRefresh} from "../data";
import {show} from "../money";
import {Badge, count, currency, Failed, Page, Section, Table} from "../ui";
import {day, ms} from "../time";

const rate = (d: Record<string, unknown> | null, name: string) =>
    d && typeof d[name] === "string" ? show(d[name] as string) : "–";

// When a model ends, and what is meant to come after it.
function Ends(p: {m: Model}) {
    const m = p.m;
    if (m.deprecated === null && m.retires === null)
        return null;
    return <Badge kind="warn" text={(m.retires !== null ? "retires " +
        m.retires : "deprecated " + m.deprecated) + (m.successor !== ""
        ? ", then " + m.successor : "")} />;
}

const kept = (d: Deployment) => d.retention_days === null
    ? "how long it keeps anything is not known"
    : `keeps for ${d.retention_days} days, in ${d.stores_in || "its zone"}`;

// What is left of what may be sent to it now, in tokens.
const headroom = (d: Deployment) => d.headroom_tokens === null
    ? <small>not told</small> : count(d.headroom_tokens);

export function Models() {
    const m = useData("models");
    const d = useData("deployments");
    const p = useData("prices");
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
            <Ends m={x} />
            <span class="dim">{x.publisher}, {x.strategy.replaceAll("_", " ")}
                {x.larger !== "" ? ", larger: " + x.larger : ""}
                {x.fallback !== "" ? ", else " + x.fallback : ""}</span>
            <a href={"/console/requests?model=" + encodeURIComponent(x.id)}>
                Requests</a></>}>
            <Table label={"Deployments of " + x.id} rows={d.data
                ? of(x.id) : null} id={(r) => r.id} columns={[
                {name: "Deployment", cell: (r) => r.id},
                {name: "Provider", narrow: false, cell: (r) => <>{r.provider}{" "}
                    <small>{r.type}</small></>},
                {name: "Its name there", narrow: false, cell: (r) =>
                    <span class="long name" title={r.name}>{r.name}</span>},
                {name: "Where", narrow: false, cell: (r) => <span
                    title={kept(r)}>{[r.region, r.zone].filter((x) => x)
                        .join(", ") || "–"}</span>},
                {name: "Capacity", narrow: false,
                    cell: (r) => r.capacity.replaceAll("_", " ")},
                {name: "Headroom", right: true, narrow: false, cell: headroom},
                {name: "First token", right: true, narrow: false,
                    cell: (r) => r.first_token_us === 0 ? "–"
                        : ms(r.first_token_us / 1000)},
                {name: "Breaker", cell: (r) => <Badge text={r.breaker} />},
                {name: "Open", right: true, narrow: false, cell: (r) => count(r.inflight)},
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
            <Table label="Price rows" rows={p.data && [...p.data.prices].sort((a, b) =>
                a.deployment.localeCompare(b.deployment) ||
                (a.from ?? "").localeCompare(b.from ?? "") ||
                a.tier.localeCompare(b.tier))}
                id={(r) => `${r.deployment}/${r.tier}/${r.from}`} columns={[
                    {name: "Deployment", cell: (r) => r.deployment,
                        key: "deployment", order: (a, b) =>
                            a.deployment.localeCompare(b.deployment)},
                    {name: "From", cell: (r) => day(r.from), key: "from",
                        order: (a, b) => (a.from ?? "").localeCompare(
                            b.from ?? "")},
                    {name: "Until", narrow: false,
                        cell: (r) => r.to === null ? "on" : day(r.to)},
                    {name: "Tier", narrow: false, cell: (r) => r.tier || "–"},
                    {name: "In", right: true, cell: (r) => rate(r, "input")},
                    {name: "Cached", right: true, narrow: false,
                        cell: (r) => rate(r, "cached_input")},
                    {name: "Cache write", right: true, narrow: false,
                        cell: (r) => rate(r, "cache_write")},
                    {name: "Out", right: true, cell: (r) => rate(r, "output")},
                    {name: "Above", narrow: false, cell: (r) =>
                        r.steps > 0 ? "dearer for long input" : "the same"},
                    {name: "From where", narrow: false, cell: (r) =>
                        r.source},
                ]} /></Section>
    </Page>;
}
