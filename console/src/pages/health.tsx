// kontor itself: its processes, its log, what was signed.

import {Credential} from "../api";
import {useData, useHealth, usePages} from "../data";
import {local} from "../time";
import {Badge, Copy, count, Facts, Failed, Page, Section, Table} from "../ui";

const span = (s: number | undefined) => s === undefined ? "–"
    : s < 0 ? "over" : s < 120 ? s + " s" : s < 7200
        ? Math.round(s / 60) + " min" : Math.round(s / 3600) + " h";

const wrong = (c: Credential) => c.error === undefined ? "none"
    : (c.error_text ?? c.error) + (c.error_status !== undefined
        ? `, status ${c.error_status}` : "") +
      (c.error_code !== undefined ? ", " + c.error_code : "");

// Providers that are signed in to instead of called with a key.
function Credentials(p: {rows: Credential[] | null}) {
    return <Section title="Sign-in to providers">
        <Table label="Sign-in to providers" rows={p.rows}
            id={(c) => c.provider} empty="Every provider is called with a key
                that does not expire." columns={[
                {name: "Provider", cell: (c) => c.provider},
                {name: "By", cell: (c) => c.method.replaceAll("_", " "),
                    narrow: false},
                {name: "State", cell: (c) => <Badge text={c.state}
                    kind={c.state === "good" || c.state === "live" ? "good"
                        : c.error !== undefined ? "bad" : "warn"} />},
                {name: "Good for", right: true,
                    cell: (c) => span(c.expires_in_s)},
                {name: "Next in", right: true, narrow: false,
                    cell: (c) => span(c.next_in_s)},
                {name: "Got", right: true, narrow: false,
                    cell: (c) => count(c.got)},
                {name: "Failed", right: true, narrow: false,
                    cell: (c) => count(c.failed)},
                {name: "Refused", right: true, narrow: false,
                    cell: (c) => count(c.refused)},
                {name: "Clock", right: true, narrow: false,
                    cell: (c) => c.clock_skew_s ? c.clock_skew_s + " s" : "–"},
                {name: "What is wrong", cell: wrong},
            ]} /></Section>;
}

function Incidents() {
    const d = usePages("incidents", 100);
    return <Section title="Incidents">
        <Failed error={d.error} retry={d.reload} />
        <Table label="What should not have happened, the newest first"
            rows={d.rows} id={(x) => x.id + x.at + x.code}
            empty="Nothing happened that should not have." columns={[
                {name: "When", cell: (x) => local(x.at)},
                {name: "What", cell: (x) => x.text ?? x.name ??
                    "code " + x.code},
                {name: "Whose call", narrow: false, cell: (x) => x.key
                    ? <a href={"/console/requests?key=" + x.key}>{x.key}</a>
                    : "–"},
                {name: "Refused until", narrow: false,
                    cell: (x) => local(x.refused_until)},
                {name: "Numbers", narrow: false,
                    cell: (x) => <code>{x.numbers.join(" ")}</code>},
            ]} />
        {d.more ? <p class="acts"><button onClick={d.more}>Earlier ones
        </button></p> : null}</Section>;
}

export function Health() {
    const d = useData("health");
    const c = useData("audit/checkpoint");
    const s = useData("suspense");
    const now = useHealth();
    const h = now ?? d.data;
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
                id={(p) => p.role + String(p.slot)} columns={[
                    {name: "Role", cell: (p) => p.role},
                    {name: "State", cell: (p) => <Badge text={p.state} />},
                    {name: "Pid", right: true, narrow: false, cell: (p) =>
                        p.pid === undefined ? "–" : String(p.pid)},
                    {name: "Heartbeat", right: true,
                        cell: (p) => p.heartbeat_age_ms === undefined
                            ? "–" : p.heartbeat_age_ms + " ms ago"},
                    {name: "Open requests", right: true,
                        cell: (p) => count(p.open_requests)},
                ]} /></Section>
        <Credentials rows={h?.credentials ?? null} />
        <Incidents />
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
