// kontor itself: its processes, its log, what was signed.

import {useState} from "preact/hooks";
import {Health as Report} from "../api";
import {useData} from "../data";
import {Badge, Copy, count, Facts, Failed, Page, Section, Table} from "../ui";
import {useEffect} from "preact/hooks";

interface Suspense {
    rows: {attempt: string; time: string; key: string; deployment: string;
           bound?: string; effective_cost?: string}[];
    count: number; total: string;
}

export function Health() {
    const d = useData<Report>("health");
    const c = useData<{checkpoint: string; key: string}>("audit/checkpoint");
    const s = useData<Suspense>("suspense");
    const [, setTurn] = useState(0);
    // Heartbeats age by the second, whether or not anybody calls.
    useEffect(() => {
        const t = setInterval(() => { d.reload(); setTurn((n) => n + 1); },
            5000);
        return () => clearInterval(t);
    }, [d.reload]);
    const h = d.data;
    const lines = c.data?.checkpoint.split("\n") ?? [];
    return <Page title="Health">
        <Failed error={d.error} retry={d.reload} />
        <Section title="Now"><Facts rows={[
            ["Ready", <Badge text={h ? h.ready ? "ready" : "not ready" : null}
                kind={h?.ready ? "good" : "bad"} />],
            ["Log", <Badge text={h ? h.log_broken ? "broken" : "durable"
                : null} kind={h?.log_broken ? "bad" : "good"} />],
            ["Log's lag", h ? h.log_lag_ms + " ms" : "–"],
            ["Keys", count(h?.keys)],
            ["Generation", <code>{h?.generation ?? "–"}</code>],
            ["In suspense", <a href="/console/requests?resolution=unknown">
                {count(s.data?.count)}</a>],
        ]} /></Section>
        <Section title="Processes">
            <Table label="Processes" rows={h?.processes ?? null}
                id={(p) => String(p.slot)} columns={[
                    {name: "Role", cell: (p) => p.role},
                    {name: "State", cell: (p) => <Badge text={p.state} />},
                    {name: "Pid", right: true, cell: (p) => String(p.pid)},
                    {name: "Heartbeat", right: true,
                        cell: (p) => p.heartbeat_age_ms + " ms ago"},
                    {name: "Open requests", right: true,
                        cell: (p) => count(p.open_requests)},
                ]} /></Section>
        <Section title="Signed log">
            <Failed error={c.error} retry={c.reload} />
            {c.data ? <><Facts rows={[
                ["Tree", lines[0] ?? "–"],
                ["Frames signed", count(Number(lines[1] ?? 0))],
                ["Root", <code>{lines[2]}</code>],
            ]} />
            <p class="dim">Keep a checkpoint and the key elsewhere: with them
                anybody can tell whether this log is still what it was.</p>
            <div class="acts"><Copy text={c.data.checkpoint}
                label="Copy the checkpoint" /><Copy text={c.data.key}
                label="Copy the key" /></div></> : null}
        </Section>
    </Page>;
}
