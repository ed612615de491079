// Every call, the newest first; the filters are the address.

import {useEffect, useState} from "preact/hooks";
import {Call, Calls, get, query} from "../api";
import {useData, useLive, useMissed, useRefresh} from "../data";
import {set} from "../router";
import {Badge, Choice, count, Failed, Filter, Money, Page, Status, Table}
    from "../ui";
import {clock, local, ms} from "../time";
import {PageProps} from "./index";

const FILTERS = ["key", "org", "team", "project", "principal", "model",
    "deployment", "provider", "region", "status", "resolution", "fault",
    "from", "to", "unsure"] as const;
type Filters = {[name in typeof FILTERS[number]]?: string};

// Come from other pages; shown when they bind.
const HIDDEN = ["org", "project", "principal", "region", "fault", "unsure"] as
    const;

const same = (want: string | undefined, is: string | null) =>
    want === undefined || want === is;

// What comes live must be what the filters would find.
function fits(c: Call, f: Filters): boolean {
    const status = String(c.status);
    return same(f.key, c.key) && same(f.team, c.team) &&
        f.org === undefined && f.project === undefined &&
        same(f.principal, c.principal) && same(f.model, c.model) &&
        same(f.deployment, c.deployment) &&
        same(f.provider, c.provider) && same(f.region, c.region) &&
        same(f.resolution, c.resolution) && same(f.fault, c.fault) &&
        f.to === undefined &&
        (f.status === undefined || f.status === status ||
            f.status === status[0] + "xx") &&
        (f.unsure === undefined || c.resolution === "unknown" ||
            c.resolution === "estimated");
}

export function Requests({place}: PageProps) {
    const f = Object.fromEntries(FILTERS.map((n) =>
        [n, place.params.get(n) ?? undefined])) as Filters;
    const first = useData("requests", f);
    const models = useData("models");
    const deployments = useData("deployments");
    const [more, setMore] = useState<Calls[]>([]);
    const [live, setLive] = useState<Call[]>([]);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<Error | null>(null);
    useEffect(() => { setMore([]); setLive([]); setError(null); }, [query(f)]);
    useLive((c) => {
        if (fits(c, f))
            setLive((was) => [c, ...was].slice(0, 200));
    });
    // What a row does not say, only the log can find.
    useRefresh(() => {
        if (f.org !== undefined || f.project !== undefined)
            first.reload();
    });
    // Nothing may stand between two rows that the log has: read it again.
    useMissed(() => { setMore([]); setLive([]); first.reload(); });
    const fresh = new Set(live.map((c) => c.id));
    const old = [first.data, ...more].flatMap((p) => p?.calls ?? [])
        .filter((c) => !fresh.has(c.id));
    const last = more.length > 0 ? more[more.length - 1]! : first.data;
    const further = async () => {
        setBusy(true);
        try {
            const next = await get("requests",
                {...f, before: last!.next!});
            setMore((was) => [...was, next]);
            setError(null);
        } catch (e) {
            setError(e as Error);
        }
        setBusy(false);
    };
    return <Page title="Requests" sub="Read from the log itself; new ones
        appear by themselves." tools={FILTERS.some((n) => f[n]) ?
            <button onClick={() => set(Object.fromEntries(
                FILTERS.map((n) => [n, ""])))}>Clear filters</button> : null}>
        <div class="filters">
            <Filter name="model" label="Model"
                list={models.data?.models.map((m) => m.id)} />
            <Filter name="deployment" label="Deployment"
                list={deployments.data?.deployments.map((d) => d.id)} />
            <Filter name="provider" label="Provider" list={[...new Set(
                deployments.data?.deployments.map((d) => d.provider) ?? [])]} />
            <Filter name="key" label="Key id" error={first.error} />
            <Filter name="team" label="Team" />
            <Filter name="status" label="Status" list={["2xx", "4xx", "429",
                "5xx"]} error={first.error} />
            <Filter name="from" label="From" error={first.error}
                hint="2026-11-01, 36h" />
            <Filter name="to" label="To" error={first.error} hint="now" />
            <Choice label="Resolution" value={f.resolution ?? ""}
                onChange={(v) => set({resolution: v})} options={[["", "any"],
                    "booked", "overage", "estimated", "unknown", "void"]} />
            {HIDDEN.filter((n) => f[n]).map((n) => <Filter key={n} name={n}
                label={n === "unsure" ? "Not sure" : n} />)}
        </div>
        <Failed error={first.error ?? error} retry={first.reload} />
        <Table label="Requests" rows={first.data ? [...live, ...old] : null}
            id={(c) => c.id} fresh={fresh} loading={first.loading}
            empty="No call fits these filters." columns={[
                {name: "Time", cell: (c) => <a href={"/console/requests/" +
                    c.id} title={local(c.time)}>{clock(c.time)}</a>},
                {name: "Model", cell: (c) => c.model ?? "–"},
                {name: "Deployment", cell: (c) => c.deployment ?? "–",
                    narrow: false},
                {name: "Key", narrow: false, cell: (c) => c.key
                    ? <a href={"/console/requests" + query({key: c.key})}>
                        {c.key_name ?? c.key}</a> : "–"},
                {name: "Team", cell: (c) => c.team ?? "–", narrow: false},
                {name: "Status", cell: (c) => <><Status code={c.status} />
                    {c.fault ? <small class="why"> {c.fault}</small> : null}</>},
                {name: "Tries", right: true, narrow: false,
                    cell: (c) => count(c.attempts)},
                {name: "In", right: true, narrow: false,
                    cell: (c) => count(c.input_tokens)},
                {name: "Out", right: true, narrow: false,
                    cell: (c) => count(c.output_tokens)},
                {name: "First", right: true, narrow: false,
                    cell: (c) => ms(c.first_ms)},
                {name: "Total", right: true, narrow: false, cell: (c) => ms(c.total_ms)},
                {name: "Cost", right: true,
                    cell: (c) => <Money v={c.effective_cost} />},
                {name: "Booked", narrow: false,
                    cell: (c) => <><Badge text={c.resolution} />
                        {c.corrected ? <small> corrected</small> : null}</>},
            ]} />
        {last?.next ? <p class="acts"><button disabled={busy}
            onClick={further}>{busy ? "Reading…" : "Earlier calls"}</button>
            <span class="dim">{last.searched_to
                ? "searched back to " + local(last.searched_to) : ""}</span>
        </p> : null}
    </Page>;
}
