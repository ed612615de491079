// One prompt to several models, side by side, through the gateway: each run
// is governed and priced like any other call.

import {useRef, useState} from "preact/hooks";
import {call, Deployment, get, Explained, Model, query} from "../api";
import {useData} from "../data";
import {sum} from "../money";
import {set} from "../router";
import {Badge, Choice, count, currency, Facts, Failed, Field, Money, Page,
        Section, Submit} from "../ui";
import {ms} from "../time";
import {PageProps} from "./index";

interface Run {
    model: string; text: string; first: number | null; total: number | null;
    error: string; id: string; explained: Explained | null; busy: boolean;
}

interface Saved { name: string; search: string; }

const MOST = 6;
const SAVED = "kontor.comparisons";

function saved(): Saved[] {
    try {
        return JSON.parse(localStorage.getItem(SAVED) ?? "[]") as Saved[];
    } catch {
        return [];
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

export function Compare({place}: PageProps) {
    const models = useData<{models: Model[]}>("models");
    const all = useData<{deployments: Deployment[]}>("deployments");
    const q = place.params;
    const [prompt, setPrompt] = useState(q.get("prompt") ?? "");
    const [system, setSystem] = useState(q.get("system") ?? "");
    const [most, setMost] = useState(q.get("max") ?? "500");
    const [heat, setHeat] = useState(q.get("temperature") ?? "");
    const [name, setName] = useState("");
    const [list, setList] = useState(saved);
    const [runs, setRuns] = useState<Run[]>([]);
    const [wrong, setWrong] = useState<Record<string, string>>({});
    const abort = useRef<AbortController | null>(null);
    const chosen = (q.get("models") ?? "").split(",").filter((x) => x);
    const busy = runs.some((r) => r.busy);
    const names = [...(models.data?.models.map((m) => m.id) ?? []),
        ...(all.data?.deployments.map((d) => d.id) ?? [])];
    const choose = (m: string, yes: boolean) => set({models: (yes
        ? [...chosen, m] : chosen.filter((x) => x !== m)).join(",")});

    const change = (i: number, f: (r: Run) => Partial<Run>) =>
        setRuns((was) => was.map((r, n) => n === i ? {...r, ...f(r)} : r));
    const one = async (model: string, i: number, signal: AbortSignal) => {
        const began = performance.now();
        const messages = [...(system.trim() ? [{role: "system",
            content: system}] : []), {role: "user", content: prompt}];
        // A deployment is asked for as its model, and pinned.
        const pinned = all.data?.deployments.find((d) => d.id === model);
        const body: Record<string, unknown> = {model: pinned?.model ?? model,
            messages,
            stream: true, max_completion_tokens: Number(most)};
        if (heat.trim() !== "")
            body["temperature"] = Number(heat);
        try {
            const r = await call("POST", "/api/v1/compare" + query(
                {deployment: pinned?.id}), body, signal);
            const id = r.headers.get("x-kontor-request-id") ?? "";
            change(i, () => ({id}));
            for await (const w of words(r.body as ReadableStream<BufferSource>)) {
                change(i, (x) => ({text: x.text + w, first: x.first ??
                    (w === "" ? null : performance.now() - began)}));
            }
            change(i, () => ({total: performance.now() - began}));
            // What it cost is what the log says.
            const e = id === "" ? null
                : await get<Explained>("requests/" + id);
            change(i, () => ({explained: e, busy: false}));
        } catch (e) {
            change(i, () => ({busy: false, total: performance.now() - began,
                error: signal.aborted ? "stopped"
                    : e instanceof Error ? e.message : String(e)}));
        }
    };
    const submit = (e: Submit) => {
        e.preventDefault();
        const w: Record<string, string> = {};
        if (prompt.trim() === "")
            w["prompt"] = "There is nothing to ask.";
        if (chosen.length === 0)
            w["models"] = "Choose at least one.";
        if (chosen.length > MOST)
            w["models"] = `Choose at most ${MOST}.`;
        if (!/^\d{1,6}$/.test(most) || Number(most) < 1)
            w["max"] = "A number of tokens, from 1 on.";
        if (heat.trim() !== "" && !(Number(heat) >= 0 && Number(heat) <= 2))
            w["heat"] = "A number from 0 to 2.";
        setWrong(w);
        if (Object.keys(w).length > 0)
            return;
        set({prompt, system, max: most, temperature: heat});
        abort.current = new AbortController();
        setRuns(chosen.map((model) => ({model, text: "", first: null,
            total: null, error: "", id: "", explained: null, busy: true})));
        chosen.forEach((m, i) => void one(m, i, abort.current!.signal));
    };
    const keep = () => {
        const more = [{name: name.trim(), search: location.search},
            ...list.filter((s) => s.name !== name.trim())].slice(0, 50);
        localStorage.setItem(SAVED, JSON.stringify(more));
        setList(more);
        setName("");
    };
    const done = runs.filter((r) => r.explained !== null);
    return <Page title="Compare" sub="Through the gateway, so each run is
        governed and priced." tools={list.length > 0 ? <Choice quiet
            label="Saved comparisons" value="" options={[["", "saved…"],
                ...list.map((s): [string, string] => [s.search, s.name])]}
            onChange={(v) => { if (v) location.search = v; }} /> : null}>
        <Failed error={models.error} retry={models.reload} />
        <form onSubmit={submit}><Section title="Prompt">
            <div class={"field" + (wrong["prompt"] ? " wrong" : "")}>
                <label for="prompt">Prompt *</label>
                <textarea id="prompt" rows={4} value={prompt}
                    aria-invalid={wrong["prompt"] ? true : false}
                    onInput={(e) => setPrompt(e.currentTarget.value)} />
                {wrong["prompt"] ? <p class="error" role="alert">
                    {wrong["prompt"]}</p> : null}</div>
            <div class="field"><label for="system">System text</label>
                <textarea id="system" rows={2} value={system}
                    onInput={(e) => setSystem(e.currentTarget.value)} /></div>
            <div class="form">
                <Field label="At most tokens" name="max" value={most}
                    onInput={setMost} error={wrong["max"]} />
                <Field label="Temperature" name="temperature" value={heat}
                    onInput={setHeat} error={wrong["heat"]}
                    hint="the model's own, when empty" />
            </div>
            <fieldset><legend>Models and deployments (up to {MOST})</legend>
                {names.map((m) => <label key={m}><input type="checkbox"
                    checked={chosen.includes(m)} onChange={(e) =>
                        choose(m, e.currentTarget.checked)} /> {m}{" "}
                </label>)}
                {wrong["models"] ? <p class="error" role="alert">
                    {wrong["models"]}</p> : null}</fieldset>
            <div class="acts"><button class="main" type="submit"
                disabled={busy}>{busy ? "Running…" : "Run"}</button>
            {busy ? <button type="button" onClick={() =>
                abort.current?.abort()}>Stop</button> : null}
            <input aria-label="Name of this comparison" value={name}
                placeholder="name" onInput={(e) =>
                    setName(e.currentTarget.value)} />
            <button type="button" disabled={name.trim() === ""}
                onClick={keep}>Save</button></div>
        </Section></form>
        <div class="runs">{runs.map((r) => {
            const a = r.explained?.attempts[r.explained.attempts.length - 1];
            const d = all.data?.deployments.find((x) =>
                x.id === a?.deployment);
            return <Section key={r.model} title={r.model} tools={
                r.busy ? <Badge text="running" kind="warn" />
                    : <Badge text={r.error ? "failed" : "done"}
                        kind={r.error ? "bad" : "good"} />}>
                <div class="out" aria-live="polite" tabIndex={0} role="region"
                    aria-label={"Answer of " + r.model}>{r.text}</div>
                {r.error ? <p class="error" role="alert">{r.error}</p> : null}
                <Facts rows={[
                    ["First token", ms(r.first)],
                    ["Total", ms(r.total)],
                    ["Tokens", a ? `${count(a.input_tokens)} in, ` +
                        `${count(a.output_tokens)} out` : "–"],
                    ["Cost", <Money v={r.explained?.settled} />],
                    ["Where", a ? `${a.deployment}${d?.region ? ", " +
                        d.region : d?.zone ? ", " + d.zone : ""}` : "–"],
                    ["Request", r.id ? <a href={"/console/requests/" + r.id}>
                        explain</a> : "–"],
                ]} /></Section>;
        })}</div>
        {done.length > 1 ? <p class="big" id="sum">Together{" "}
            <Money v={sum(done.map((r) => r.explained!.settled))} />{" "}
            {currency()}</p> : null}
    </Page>;
}
