// Who may spend how much, and how fast.

import {useState} from "preact/hooks";
import {Budget, send} from "../api";
import {useData, usePages, useRefresh} from "../data";
import {share, show} from "../money";
import {Badge, Choice, count, Dialog, Failed, Field, Gauge, Money, Page,
        Section, Submit, Table, wrongField} from "../ui";
import {local, ms, until} from "../time";

const PERIODS = ["hour", "day", "week", "month", "quarter", "year", "total"];

function Change(p: {budget: Budget | null; onDone: () => void;
                    onClose: () => void}) {
    const b = p.budget;
    const [v, set] = useState<Record<string, string>>({
        scope: b?.scope ?? "team:", amount: b?.limit ?? "",
        period: b?.period ?? "month", zone: b?.zone ?? "UTC",
        mode: b?.mode ?? "hard", downgrade_to: b?.downgrade_to ?? "",
        tight: b?.tight ?? "none"});
    const [wrong, setWrong] = useState<Record<string, string>>({});
    const put = (k: string) => (x: string) => set({...v, [k]: x});
    const submit = async (e: Submit) => {
        e.preventDefault();
        const body: Record<string, unknown> = {
            budget: `${v["amount"]!.trim()}/${v["period"]}`,
            zone: v["zone"], mode: v["mode"], tight: v["tight"]};
        if (v["mode"] === "downgrade")
            body["downgrade_to"] = v["downgrade_to"];
        if (b === null)
            body["scope"] = v["scope"]!.trim();
        try {
            if (b === null)
                await send("post", "budgets", {}, {body});
            else
                await send("patch", "budgets/{id}", {id: b.id}, {body,
                    version: b.version});
            p.onDone();
        } catch (x) {
            setWrong(wrongField(x, ["scope", "downgrade_to", "zone",
                "budget"]));
        }
    };
    return <Dialog title={b === null ? "New budget" : "Change the budget of " +
        b.name} onClose={p.onClose}>
        <form onSubmit={submit}><div class="form">
            {b === null ? <Field label="Whose" name="scope" required
                value={v["scope"]!} onInput={put("scope")}
                error={wrong["scope"]}
                hint="key:ID, user:NAME, team:NAME, org:NAME, tag:K=V" />
                : null}
            <Field label="Amount" name="budget" required value={v["amount"]!}
                onInput={put("amount")} error={wrong["budget"]} />
            <Choice label="Each" value={v["period"]!} options={PERIODS}
                onChange={put("period")} />
            <Field label="Time zone" name="zone" value={v["zone"]!}
                onInput={put("zone")} error={wrong["zone"]} />
            <Choice label="When it is used up" value={v["mode"]!} options={[
                ["hard", "refuse calls"], ["soft", "warn only"],
                ["downgrade", "use a cheaper model"]]}
                onChange={put("mode")} />
            {v["mode"] === "downgrade" ? <Field label="Cheaper model"
                name="downgrade_to" value={v["downgrade_to"]!} required
                onInput={put("downgrade_to")} error={wrong["downgrade_to"]} />
                : null}
            <Choice label="When little is left" value={v["tight"]!} options={[
                ["none", "refuse what does not fit"],
                ["clamp", "shorten the answer"]]} onChange={put("tight")} />
        </div>
        {wrong[""] ? <p class="error" role="alert">{wrong[""]}</p> : null}
        <p class="dim">{b !== null && (v["period"] !== b.period ||
            v["zone"] !== b.zone) ? `Other windows are another budget: it
            begins with nothing spent, the one now (${show(b.spent)} spent) is
            closed.` : b !== null ? `Limit ${show(b.limit)} becomes
            ${v["amount"]}; ${show(b.spent)} spent stays.` : ""}</p>
        <div class="acts"><button class="main" type="submit">
            {b === null ? "Create" : "Change"}</button>
            <button type="button" onClick={p.onClose}>Cancel</button></div>
        </form></Dialog>;
}

function NewLimit(p: {onDone: () => void; onClose: () => void}) {
    const [scope, setScope] = useState("team:");
    const [limit, setLimit] = useState("requests=600/minute");
    const [wrong, setWrong] = useState<Record<string, string>>({});
    const submit = async (e: Submit) => {
        e.preventDefault();
        try {
            await send("post", "limits", {}, {body: {scope: scope.trim(),
                limit: limit.trim()}});
            p.onDone();
        } catch (x) {
            setWrong(wrongField(x, ["scope", "limit"]));
        }
    };
    return <Dialog title="New limit" onClose={p.onClose}>
        <form onSubmit={submit}>
            <Field label="Whose" name="scope" value={scope} required
                onInput={setScope} error={wrong["scope"]}
                hint="key:ID, user:NAME, team:NAME, org:NAME, tag:K=V" />
            <Field label="Limit" name="limit" value={limit} required
                onInput={setLimit} error={wrong["limit"] ?? wrong[""]}
                hint="requests=600/minute, tokens=1000000/hour,
                    concurrency=20, cost_per_call=0.50" />
            <div class="acts"><button class="main" type="submit">Create
            </button><button type="button" onClick={p.onClose}>Cancel</button>
            </div></form></Dialog>;
}

function Close(p: {what: string; path: "budgets/{id}" | "limits/{id}";
                   id: string; text: string; version: number;
                   onDone: () => void; onClose: () => void}) {
    const [error, setError] = useState<Error | null>(null);
    return <Dialog title={"Close " + p.what + "?"} onClose={p.onClose}>
        <p>{p.text}</p><Failed error={error} />
        <div class="acts"><button class="danger" onClick={async () => {
            try {
                await send("delete", p.path, {id: p.id}, {version: p.version});
                p.onDone();
            } catch (e) {
                setError(e as Error);
            }
        }}>Close it</button>
        <button onClick={p.onClose}>Keep it</button></div></Dialog>;
}

export function Budgets() {
    const b = useData("budgets");
    const l = useData("limits");
    const a = usePages("alerts", 100);
    const [open, setOpen] = useState<{change?: Budget | null; limit?: boolean;
        close?: Omit<Parameters<typeof Close>[0], "onDone" | "onClose">} |
        null>(null);
    useRefresh(() => { b.reload(); l.reload(); a.reload(); });
    const done = () => { setOpen(null); b.reload(); l.reload(); };
    return <Page title="Budgets and limits" tools={<>
        <button class="main" onClick={() => setOpen({change: null})}>
            New budget</button>
        <button onClick={() => setOpen({limit: true})}>New limit</button></>}>
        <Failed error={b.error ?? l.error} retry={done} />
        <Section title="Budgets">
            <Table label="Budgets" rows={b.data?.budgets.filter((x) =>
                !x.closed) ?? null} id={(x) => x.id} columns={[
                {name: "Whose", cell: (x) => <>{x.name}{" "}
                    <small>{x.scope.split(":")[0]}</small></>},
                {name: "Used", cell: (x) => <Gauge part={share(x.spent,
                    x.limit)} pending={share(x.pending, x.limit)}
                    label={`${show(x.spent)} of ${show(x.limit)} spent`} />},
                {name: "Spent", right: true, key: "spent", narrow: false,
                    order: (m, n) => share(m.spent, m.limit) -
                        share(n.spent, n.limit),
                    cell: (x) => <Money v={x.spent} />},
                {name: "Held", right: true, narrow: false,
                    cell: (x) => <Money v={x.pending} />},
                {name: "Limit", right: true,
                    cell: (x) => <>{show(x.limit)}/{x.period}</>},
                {name: "Left", right: true, narrow: false,
                    cell: (x) => <Money v={x.available} />},
                {name: "Mode", narrow: false, cell: (x) => <><Badge
                    text={x.mode} /> {x.downgrade_to ?? ""}
                    {x.tight !== "none" ? <small> {x.tight}</small> : null}
                </>},
                {name: "Resets", narrow: false, cell: (x) =>
                    <span title={`${local(x.resets)}, ${x.zone}`}>
                        {until(x.resets)}</span>},
                {name: "Actions", cell: (x) => <>
                    <button class="plain" onClick={() =>
                        setOpen({change: x})}>Change</button>
                    <button class="plain danger" onClick={() => setOpen({
                        close: {what: "the budget of " + x.name,
                            path: "budgets/{id}", id: x.id,
                            version: x.version,
                            text: "It binds nobody any more. What was spent " +
                                "stays in the books."}})}>Close</button></>},
            ]} /></Section>
        <Section title="Limits">
            <Table label="Limits" rows={l.data?.limits.filter((x) =>
                !x.closed) ?? null} id={(x) => x.id} columns={[
                {name: "Whose", cell: (x) => <>{x.name}{" "}
                    <small>{x.scope.split(":")[0]}</small></>},
                {name: "Limit", cell: (x) => x.limit},
                {name: "Left now", right: true, narrow: false,
                    cell: (x) => count(x.left)},
                {name: "Burst", right: true, narrow: false,
                    cell: (x) => count(x.burst ?? x.burst_in_force)},
                {name: "Full again", right: true, narrow: false,
                    cell: (x) => x.reset_ms === null ? "–"
                        : x.reset_ms === 0 ? "now" : ms(x.reset_ms)},
                {name: "Actions", cell: (x) => <button class="plain danger"
                    onClick={() => setOpen({close: {what: "the limit of " +
                        x.name, path: "limits/{id}", id: x.id,
                    version: x.version,
                    text: x.limit + " binds nobody any more."}})}>Close
                </button>},
            ]} /></Section>
        <Section title="Alerts">
            <Table label="Budgets that passed 50, 80 or 100 %"
                rows={a.rows}
                id={(x) => `${x.scope}/${x.threshold}/${x.window}`}
                empty="No budget passed 50 % of its limit." columns={[
                    {name: "When", cell: (x) => local(x.at)},
                    {name: "Whose", cell: (x) => <>{x.name}{" "}
                        <small>{x.scope.split(":")[0]}</small></>},
                    {name: "Passed", cell: (x) => <Badge
                        text={x.threshold + " %"} kind={x.threshold >= 100
                            ? "bad" : "warn"} />},
                    {name: "Spent", right: true,
                        cell: (x) => <Money v={x.spent} />},
                    {name: "Of", right: true, narrow: false,
                        cell: (x) => <Money v={x.limit} />},
                ]} />
            {a.more ? <p class="acts"><button onClick={a.more}>Earlier ones
            </button></p> : null}</Section>
        {open?.change !== undefined ? <Change budget={open.change}
            onDone={done} onClose={() => setOpen(null)} /> : null}
        {open?.limit ? <NewLimit onDone={done}
            onClose={() => setOpen(null)} /> : null}
        {open?.close ? <Close {...open.close} onDone={done}
            onClose={() => setOpen(null)} /> : null}
    </Page>;
}
