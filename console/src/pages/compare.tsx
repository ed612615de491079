// One prompt to several models, side by side, through the gateway: each run
// is governed and priced like any other call.

import {useEffect, useRef, useState} from "preact/hooks";
import {ask, Comparison, get, send} from "../api";
import {useData} from "../data";
import {sum} from "../money";
import {set} from "../router";
import {Badge, Choice, count, currency, Facts, Failed, Field, Money, Page,
        Section, Submit, Table, wrongField} from "../ui";
import {local, ms} from "../time";
import {PageProps} from "./index";

// One column: what was said, and what the log says it took.
interface Run {
    model: string; text: string; first: number | null; total: number | null;
    error: string; id: string; busy: boolean; cost: string | null;
    input: number | null; output: number | null; deployment: string;
    region: string;
}

interface Asked {
    prompt: string; system: string; max: string; temperature: string;
    top_p: string; effort: string;
}

interface Kept { asked: Asked; models: string[]; runs: Run[]; }

const MOST = 6;
const BODY_MAX = 11000;         // of what is saved, in characters
const NAMES = ["prompt", "system", "max", "temperature", "top_p", "effort"] as
    const;
const EFFORTS: [string, string][] = [["", "the model's own"], "none",
    "minimal", "low", "medium", "high"].map((x) =>
        typeof x === "string" ? [x, x] : x as [string, string]);

// What is too long is cut, and says so.
function written(k: Kept): string {
    for (let most = 4000; most > 20; most = Math.floor(most * 0.7)) {
        const text = JSON.stringify({...k, runs: k.runs.map((r) => ({...r,
            text: r.text.length > most ? r.text.slice(0, most) + "…"
                : r.text}))});
        if (new TextEncoder().encode(text).length < BODY_MAX)
            return text;
    }
    return JSON.stringify({...k, runs: []});
}

function read(s: Comparison): Kept | null {
    try {
        return JSON.parse(s.body) as Kept;
    } catch {
        return null;
    }
}

// Server-sent events of an OpenAI chat stream: the text in them.
async function* words(body: ReadableStream<BufferSource>):
        AsyncGenerator<string> {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
        const {done, value} = await reader.read();
        if (done)
            return;
        rest += value;
        const lines = rest.split("\n");
        rest = lines.pop()!;
        for (const line of lines) {
            if (!line.startsWith("data: ") || line === "data: [DONE]")
                continue;
            const chunk = JSON.parse(line.slice(6)) as {
                error?: {message: string};
                choices?: {delta?: {content?: string}}[]};
            if (chunk.error)
                throw new Error(chunk.error.message);
            yield chunk.choices?.[0]?.delta?.content ?? "";
        }
    }
}

const number = (text: string, least: number, most: number) =>
    text.trim() === "" || (Number(text) >= least && Number(text) <= most);

function check(a: Asked, chosen: string[]): Record<string, string> {
    const w: Record<string, string> = {};
    if (a.prompt.trim() === "")
        w["prompt"] = "There is nothing to ask.";
    if (chosen.length === 0)
        w["models"] = "Choose at least one.";
    if (chosen.length > MOST)
        w["models"] = `Choose at most ${MOST}.`;
    if (!/^\d{1,6}$/.test(a.max) || Number(a.max) < 1)
        w["max"] = "A number of tokens, from 1 on.";
    if (!number(a.temperature, 0, 2))
        w["temperature"] = "A number from 0 to 2.";
    if (!number(a.top_p, 0, 1))
        w["top_p"] = "A number from 0 to 1.";
    return w;
}

function body(a: Asked, model: string): Record<string, unknown> {
    const messages = [...(a.system.trim() ? [{role: "system",
        content: a.system}] : []), {role: "user", content: a.prompt}];
    const all: Record<string, unknown> = {model, messages, stream: true,
        max_completion_tokens: Number(a.max)};
    if (a.temperature.trim() !== "")
        all["temperature"] = Number(a.temperature);
    if (a.top_p.trim() !== "")
        all["top_p"] = Number(a.top_p);
    if (a.effort !== "")
        all["reasoning_effort"] = a.effort;
    return all;
}

function Column(p: {run: Run}) {
    const r = p.run;
    return <Section title={r.model} tools={r.busy
        ? <Badge text="running" kind="warn" />
        : <Badge text={r.error ? "failed" : "done"}
            kind={r.error ? "bad" : "good"} />}>
        <div class="out" aria-live="polite" tabIndex={0} role="region"
            aria-label={"Answer of " + r.model}>{r.text}</div>
        {r.error ? <p class="error" role="alert">{r.error}</p> : null}
        <Facts rows={[
            ["First token", ms(r.first)],
            ["Total", ms(r.total)],
            ["Tokens", r.input === null ? "–" : `${count(r.input)} in, ` +
                `${count(r.output)} out`],
            ["Cost", <Money v={r.cost} unit />],
            ["Deployment", r.deployment || "–"],
            ["Region", r.region || "–"],
            ["Request", r.id ? <a href={"/console/requests/" + r.id}>
                explained</a> : "–"],
        ]} /></Section>;
}

function Choose(p: {title: string; names: string[]; chosen: string[];
                    onChoose: (m: string, yes: boolean) => void}) {
    if (p.names.length === 0)
        return null;
    return <fieldset><legend>{p.title}</legend><div class="checks">
        {p.names.map((m) => <label key={m}><input type="checkbox"
            checked={p.chosen.includes(m)} onChange={(e) =>
                p.onChoose(m, e.currentTarget.checked)} /><span>{m}</span>
        </label>)}</div></fieldset>;
}

function Saves(p: {list: Comparison[] | null; error: Error | null;
                   onChange: () => void; onOpen: (s: Comparison) => void}) {
    const [error, setError] = useState<Error | null>(null);
    const drop = (s: Comparison) => {
        send("delete", "comparisons/{id}", {id: s.id}).then(() => {
            setError(null);
            p.onChange();
        }, setError);
    };
    return <Section title="Saved comparisons">
        <Failed error={p.error ?? error} retry={p.onChange} />
        <Table label="Saved comparisons" rows={p.list} id={(s) => s.id}
            empty="None is saved." columns={[
                {name: "Name", cell: (s) => <button class="link"
                    onClick={() => p.onOpen(s)}>{s.name}</button>},
                {name: "Saved", narrow: false, cell: (s) => local(s.saved_at)},
                {name: "Models", narrow: false, cell: (s) =>
                    read(s)?.models.join(", ")},
                {name: "Together", right: true, cell: (s) => <Money
                    v={together(read(s)?.runs ?? [])} />},
                {name: "Actions", cell: (s) => <button class="plain danger"
                    onClick={() => drop(s)}>Delete</button>},
            ]} /></Section>;
}

function together(runs: Run[]): string | null {
    const known = runs.flatMap((r) => r.cost === null ? [] : [r.cost]);
    return known.length === 0 ? null : sum(known);
}

export function Compare({place}: PageProps) {
    const models = useData("models");
    const all = useData("deployments");
    const saves = useData("comparisons");
    const q = place.params;
    const [asked, setAsked] = useState<Asked>(() => ({
        prompt: q.get("prompt") ?? "", system: q.get("system") ?? "",
        max: q.get("max") ?? "500", temperature: q.get("temperature") ?? "",
        top_p: q.get("top_p") ?? "", effort: q.get("effort") ?? ""}));
    const [name, setName] = useState("");
    const [told, setTold] = useState("");
    const [runs, setRuns] = useState<Run[]>([]);
    const [wrong, setWrong] = useState<Record<string, string>>({});
    const abort = useRef<AbortController | null>(null);
    const chosen = (q.get("models") ?? "").split(",").filter((x) => x);
    const busy = runs.some((r) => r.busy);
    const put = (k: keyof Asked) => (v: string) =>
        setAsked((was) => ({...was, [k]: v}));
    const choose = (m: string, yes: boolean) => set({models: (yes
        ? [...chosen, m] : chosen.filter((x) => x !== m)).join(",")});
    const address = (a: Asked) => Object.fromEntries(NAMES.map((n) =>
        // An address may be long, but not as long as any prompt.
        [n, a[n].length > 4000 || (n === "max" && a[n] === "500") ? ""
            : a[n]]));
    // Whoever leaves the page needs no answer any more.
    useEffect(() => () => abort.current?.abort(), []);

    const change = (i: number, f: (r: Run) => Partial<Run>) =>
        setRuns((was) => was.map((r, n) => n === i ? {...r, ...f(r)} : r));
    const explain = async (i: number, id: string) => {
        // What it cost and where it ran is what the log says.
        const e = await get("requests/{id}", {id});
        const a = e.attempts[e.attempts.length - 1];
        const d = all.data?.deployments.find((x) => x.id === a?.deployment);
        change(i, () => ({cost: e.settled, input: a?.input_tokens ?? null,
            output: a?.output_tokens ?? null, deployment: a?.deployment ?? "",
            region: [d?.region, d?.zone].filter((x) => x).join(", ")}));
    };
    const one = async (model: string, i: number, signal: AbortSignal) => {
        const began = performance.now();
        // A deployment is asked for as its model, and pinned.
        const pinned = all.data?.deployments.find((d) => d.id === model);
        let id = "";
        try {
            const r = await ask("post", "compare",
                {deployment: pinned?.id}, {signal,
                    body: body(asked, pinned?.model ?? model)});
            id = r.headers.get("x-kontor-request-id") ?? "";
            change(i, () => ({id}));
            for await (const w of words(r.body as ReadableStream<BufferSource>)) {
                change(i, (x) => ({text: x.text + w, first: x.first ??
                    (w === "" ? null : performance.now() - began)}));
            }
            change(i, () => ({total: performance.now() - began}));
        } catch (e) {
            change(i, () => ({total: performance.now() - began,
                error: signal.aborted ? "stopped"
                    : e instanceof Error ? e.message : String(e)}));
        }
        if (id !== "")
            await explain(i, id).catch(() => {});
        change(i, () => ({busy: false}));
    };
    const submit = (e: Submit) => {
        e.preventDefault();
        const w = check(asked, chosen);
        setWrong(w);
        setTold("");
        if (Object.keys(w).length > 0)
            return;
        set({...address(asked), saved: ""});
        abort.current = new AbortController();
        setRuns(chosen.map((model) => ({model, text: "", first: null,
            total: null, error: "", id: "", busy: true, cost: null,
            input: null, output: null, deployment: "", region: ""})));
        chosen.forEach((m, i) => void one(m, i, abort.current!.signal));
    };
    const keep = async () => {
        try {
            await send("post", "comparisons", {}, {body: {name: name.trim(),
                body: written({asked, models: chosen, runs})}});
            setTold(`"${name.trim()}" is saved.`);
            setName("");
            setWrong({});
            saves.reload();
        } catch (e) {
            const at = wrongField(e, ["name", "body"]);
            setWrong({name: at["name"] ?? at["body"] ?? at[""]!});
        }
    };
    const open = (s: Comparison) => {
        const k = read(s);
        if (k === null)
            return;
        abort.current?.abort();
        setAsked(k.asked);
        setRuns(k.runs.map((r) => ({...r, busy: false})));
        setName(s.name);
        setTold(`"${s.name}", saved ${local(s.saved_at)}.`);
        set({...address(k.asked), models: k.models.join(",")});
        scrollTo(0, 0);
    };
    const cost = together(runs);
    const text = (k: "prompt" | "system", label: string, rows: number) =>
        <div class={"field" + (wrong[k] ? " wrong" : "")}>
            <label for={k}>{label}</label>
            <textarea id={k} rows={rows} value={asked[k]}
                aria-invalid={wrong[k] ? true : false}
                aria-describedby={wrong[k] ? k + "-wrong" : undefined}
                onInput={(e) => put(k)(e.currentTarget.value)} />
            {wrong[k] ? <p class="error" id={k + "-wrong"} role="alert">
                {wrong[k]}</p> : null}</div>;
    return <Page title="Compare" sub="Through the gateway, so each run is
        governed and priced.">
        <Failed error={models.error ?? all.error} retry={() => {
            models.reload();
            all.reload();
        }} />
        {told ? <p class="note good" role="status">{told}</p> : null}
        <form onSubmit={submit} noValidate><Section title="Prompt">
            {text("prompt", "Prompt *", 4)}
            {text("system", "System text", 2)}
            <div class="form">
                <Field label="At most tokens" name="max" value={asked.max}
                    onInput={put("max")} error={wrong["max"]} />
                <Field label="Temperature" name="temperature"
                    value={asked.temperature} onInput={put("temperature")}
                    error={wrong["temperature"]}
                    placeholder="the model's own" />
                <Field label="Top p" name="top_p" value={asked.top_p}
                    onInput={put("top_p")} error={wrong["top_p"]}
                    placeholder="the model's own" />
                <Choice label="Reasoning effort" value={asked.effort}
                    options={EFFORTS} onChange={put("effort")} />
            </div>
            <Choose title={`Models (up to ${MOST}, with deployments)`}
                chosen={chosen} onChoose={choose}
                names={models.data?.models.map((m) => m.id).sort() ?? []} />
            <Choose title="Deployments, each by itself" chosen={chosen}
                onChoose={choose} names={all.data?.deployments
                    .map((d) => d.id).sort() ?? []} />
            {wrong["models"] ? <p class="error" role="alert">
                {wrong["models"]}</p> : null}
            <div class="acts"><button class="main" type="submit"
                disabled={busy}>{busy ? "Running…" : "Run"}</button>
            {busy ? <button type="button" onClick={() =>
                abort.current?.abort()}>Stop</button> : null}</div>
        </Section></form>
        {cost !== null ? <p class="big" id="sum">Together{" "}
            <Money v={cost} /> {currency()}</p> : null}
        <div class="runs" aria-live="off">{runs.map((r) =>
            <Column key={r.model} run={r} />)}</div>
        <form class="save" onSubmit={(e) => { e.preventDefault(); void keep(); }}>
            <Field label="Save this comparison as" name="name" value={name}
                onInput={setName} error={wrong["name"]} />
            <button type="submit" disabled={busy || name.trim() === ""}>
                Save</button></form>
        <Saves list={saves.data?.comparisons ?? null} error={saves.error}
            onChange={saves.reload} onOpen={open} />
    </Page>;
}
