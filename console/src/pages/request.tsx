// One request: where it could have gone, where it went, what it cost and why.

import {ComponentChildren} from "preact";
import {Attempt, Explained} from "../api";
import {useData} from "../data";
import {show} from "../money";
import {Badge, Copy, count, currency, Facts, Failed, Money, Page, Section,
        Status, Table} from "../ui";
import {local, ms} from "../time";
import {PageProps} from "./index";

const us = (v: number | null | undefined) =>
    ms(v === null || v === undefined ? null : v / 1000);

// Waiting, to the first byte, to the end: over the whole request.
function Line(p: {a: Attempt; begun: number; whole: number}) {
    const at = (Date.parse(p.a.time) - p.begun) * 1000;
    const whole = Math.max(p.whole, 1);
    const x = (t: number) => 100 * Math.min(Math.max(t, 0), whole) / whole;
    const sent = at + (p.a.sent_us ?? 0);
    const end = at + (p.a.end_us ?? 0);
    const first = p.a.first_us ? at + p.a.first_us : end;
    const bad = (p.a.status ?? 0) >= 400 || p.a.fault !== null;
    return <div class="line">
        <div>{p.a.attempt}. {p.a.deployment}</div>
        <svg viewBox="0 0 100 18" preserveAspectRatio="none" role="img"
            aria-label={`sent after ${us(p.a.sent_us)}, first byte after ` +
                `${us(p.a.first_us)}, over after ${us(p.a.end_us)}`}>
            <rect class="bar-wait" x={x(at)} y="7" height="4"
                width={Math.max(x(sent) - x(at), 0.2)} />
            <rect class={bad ? "bar-bad" : "bar-first"} x={x(sent)} y="4"
                height="10" width={Math.max(x(first) - x(sent), 0.4)} />
            <rect class={bad ? "bar-bad" : "bar-rest"} x={x(first)} y="4"
                height="10" width={Math.max(x(end) - x(first), 0)} />
        </svg></div>;
}

interface Step { at: number; kind?: "good" | "bad"; text: ComponentChildren; }

// What happened, in order, in microseconds from the beginning.
function steps(e: Explained): Step[] {
    const begun = Date.parse(e.time);
    const kept = e.candidates.filter((c) => c.kept).length;
    const all: Step[] = [{at: 0, text: <>It came in{e.model ? <> for{" "}
        <b>{e.model}</b></> : null}{e.class && e.candidates.length > 0
        ? `, ${e.class} priority` : ""}
        </>}];
    if (e.candidates.length > 0)
        all.push({at: 0, text: <>Routed{e.strategy ? " by " +
            e.strategy.replaceAll("_", " ") : ""}: {kept} of{" "}
            {e.candidates.length} deployments could take it{e.rule
                ? `, under the rule ${e.rule}` : ""}</>});
    for (const a of e.attempts) {
        const at = (Date.parse(a.time) - begun) * 1000;
        const bad = a.fault !== null || (a.status ?? 0) >= 400;
        const who = e.attempts.length > 1 ? `${a.attempt}. ` : "";
        all.push({at, text: <>{who}Held <Money v={a.hold} unit /> of every
            budget it falls under, for <b>{a.deployment}</b></>});
        if (typeof a.sent_us === "number")
            all.push({at: at + a.sent_us, text: <>{who}Sent to {a.provider}
                </>});
        if (typeof a.first_us === "number")
            all.push({at: at + a.first_us, kind: bad ? "bad" : undefined,
                text: <>{who}{a.provider} began to answer
                {a.status !== null ? <>: <Status code={a.status} /></> : null}
                </>});
        if (typeof a.end_us === "number")
            all.push({at: at + a.end_us, kind: bad ? "bad" : undefined,
                text: <>{who}{bad ? <>Failed: {a.fault ?? "status " +
                    a.status}{a.owner && a.owner !== "nobody" ? ", for " +
                    a.owner + " to mend" : ""}</> : <>Its answer was over
                    </>}</>});
        if (a.resolution !== null)
            all.push({at: at + (a.end_us ?? a.sent_us ?? 0), kind: bad ? "bad"
                : "good", text: <>{who}Settled <Money v={a.settled} unit />
                and gave the rest back <Badge text={a.resolution} /></>});
    }
    if (!e.open)
        all.push({at: e.total_us ?? 0, text: <>The caller was answered{" "}
            <Status code={e.status} />{e.client_gone
                ? ", and left before the end" : ""}{e.fault
                ? ` (${e.fault})` : ""}</>});
    return all;
}

// What was signed of it; checked by anybody who has the file.
function Receipt(p: {id: string}) {
    const d = useData("audit/proof/{id}", {id: p.id});
    const lines = d.data?.checkpoint.split("\n") ?? [];
    const when = /^time (\d+)$/m.exec(d.data?.checkpoint ?? "");
    return <Section title="Receipt" tools={d.data
        ? <a href={"/api/v1/audit/proof/" + p.id} download={p.id + ".json"}>
            Signed receipt</a> : null}>
        <Failed error={d.error} retry={d.reload} />
        {d.data ? <><Facts rows={[
            ["Entries of the log", d.data.leaves.map((l) => count(l.index))
                .join(", ")],
            ["Signed in a tree of", count(Number(lines[1] ?? 0))],
            ["Signed by", lines[0] ?? "–"],
            ["Signed", when ? local(Number(when[1])) : "–"],
            ["Root", <code>{lines[2]}</code>],
        ]} />
        <p class="dim">Anybody can check the file without this instance:{" "}
            <code>kontor audit verify --receipt {p.id}.json --key KEY</code>
        </p></> : null}</Section>;
}

function Money3(p: {a: Attempt}) {
    return <>
        <Facts rows={[
            ["Held before it was sent", <Money v={p.a.hold} />],
            ["List cost", <Money v={p.a.list_cost} />],
            ["Contracted", <Money v={p.a.contracted_cost} />],
            ["Effective, booked", <Money v={p.a.effective_cost} />],
            ["Agreement", p.a.agreement ?? "–"],
            ["Price row", p.a.price ? <>{String(p.a.price["id"])}, from{" "}
                {local(String(p.a.price["from"])).slice(0, 10)}
                {p.a.price["tier"] ? ", " + String(p.a.price["tier"]) : ""}
                {p.a.price["operators"] ? ", the operator's" : ""}</>
                : "unknown"],
        ]} />
        {p.a.lines && p.a.lines.length > 0 ? <Table label="How the list cost
            is made up" rows={p.a.lines} id={(l) => l.lane} columns={[
                {name: "What", cell: (l) => l.lane.replaceAll("_", " ")},
                {name: "Tokens", right: true, cell: (l) => count(l.tokens)},
                {name: `${currency()} per million`, right: true,
                    cell: (l) => show(l.rate)},
                {name: "Cost", right: true, cell: (l) =>
                    <Money v={l.cost} />},
            ]} /> : null}
        {p.a.corrections.length > 0 ? <Table label="Corrections"
            rows={p.a.corrections} id={(c) => String(c.number)} columns={[
                {name: "Corrected", cell: (c) => local(c.time)},
                {name: "Why", cell: (c) => c.reason},
                {name: "Now", cell: (c) => <Badge text={c.resolution} />},
                {name: "Difference", right: true, cell: (c) =>
                    <Money v={c.difference} />},
            ]} /> : null}
    </>;
}

export function One({place}: PageProps) {
    const id = place.path.split("/").pop() ?? "";
    const d = useData("requests/{id}", {id});
    const e = d.data;
    const begun = e ? Date.parse(e.time) : 0;
    const whole = Math.max(e?.total_us ?? 0, ...(e?.attempts ?? []).map((a) =>
        (Date.parse(a.time) - begun) * 1000 + (a.end_us ?? 0)));
    return <Page title="Request" sub={<><code>{id}</code>
        <Copy text={id} /></>}>
        <Failed error={d.error} retry={d.reload} />
        {e === null ? null : <>
            <Section title="The call"><Facts rows={[
                ["Began", local(e.time)],
                ["Model", e.model ?? "–"],
                ["Key", e.key ? <a href={"/console/requests?key=" + e.key}>
                    {e.key}</a> : "–"],
                ["Answered", e.open ? "still open" : <><Status
                    code={e.status} /> {e.fault ?? ""}</>],
                ["Took", us(e.total_us)],
                ["Held at most", <Money v={e.hold} />],
                ["Cost", <Money v={e.settled} unit />],
                ["Client", e.client_gone ? "left before the end" : "stayed"],
            ]} /></Section>
            <Section title="Timeline"><ol class="timeline">{steps(e).map(
                (s, i) => <li key={i}><span class="at">{us(s.at)}</span>
                    <span class={"what " + (s.kind ?? "")}>{s.text}</span>
                </li>)}</ol></Section>
            <Section title="Where it could go">
                <Table label="Candidates, in order" rows={e.candidates}
                    id={(c) => c.deployment} empty="No deployment was asked."
                    columns={[
                        {name: "Deployment", cell: (c) => c.deployment},
                        {name: "Kept", cell: (c) => <Badge
                            text={c.kept ? "kept" : "dropped"}
                            kind={c.kept ? "good" : "warn"} />},
                        {name: "Why", cell: (c) => c.why},
                    ]} /></Section>
            <Section title="Attempts">{e.attempts.length === 0
                ? <p class="dim">None: it was refused before a provider was
                    called.</p> : e.attempts.map((a) => <Line key={a.attempt}
                    a={a} begun={begun} whole={whole} />)}</Section>
            {e.attempts.map((a) => <Section key={a.attempt}
                title={`Attempt ${a.attempt}: ${a.deployment}`} tools={<>
                    <Badge text={a.resolution} /></>}>
                <Facts rows={[
                    ["Provider", a.provider],
                    ["Provider's answer", <Status code={a.status} />],
                    ["Fault", a.fault ?? "none"],
                    ["Provider's id", a.provider_request_id
                        ? <code>{a.provider_request_id}</code> : "–"],
                    ["First byte", us(a.first_us)],
                    ["Tokens in", `${count(a.input_tokens)} (` +
                        `${count(a.cached_tokens)} cached)`],
                    ["Tokens out", `${count(a.output_tokens)} (` +
                        `${count(a.reasoning_tokens)} reasoning)`],
                    ["Streamed", a.streamed ? "yes" : "no"],
                ]} />
                <Money3 a={a} /></Section>)}
            {e.open ? null : <Receipt id={id} />}
        </>}
    </Page>;
}
