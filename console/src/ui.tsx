// The few pieces that all pages are made of.

import {ComponentChildren, JSX} from "preact";
import {useEffect, useId, useRef, useState} from "preact/hooks";
import {Problem} from "./api";
import {show} from "./money";
import {set, usePlace} from "./router";

export function Money(p: {v: string | null | undefined; unit?: boolean}) {
    return <span class="num">{show(p.v)}{p.unit && p.v ?
        <small> {currency()}</small> : null}</span>;
}

let unit = "USD";
export const currency = () => unit;
export function setCurrency(text: string): void {
    unit = text;
}

export const count = (n: number | null | undefined): string =>
    n === null || n === undefined ? "–"
        : String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");

export function Page(p: {title: string; children: ComponentChildren;
                         tools?: ComponentChildren; sub?: ComponentChildren}) {
    useEffect(() => { document.title = p.title + " · kontor"; }, [p.title]);
    return <main id="main" tabIndex={-1}>
        <header class="head">
            <div><h1>{p.title}</h1>{p.sub ? <p class="dim">{p.sub}</p> : null}
            </div>
            {p.tools ? <div class="tools">{p.tools}</div> : null}
        </header>
        {p.children}
    </main>;
}

export function Section(p: {title: string; children: ComponentChildren;
                            tools?: ComponentChildren}) {
    const id = useId();
    return <section>
        <header class="head"><h2 id={id}>{p.title}</h2>
            {p.tools ? <div class="tools">{p.tools}</div> : null}</header>
        {p.children}
    </section>;
}

export function Failed(p: {error: Error | null; retry?: () => void}) {
    if (p.error === null)
        return null;
    const text = p.error instanceof Problem ? p.error.message
        : "The instance cannot be reached.";
    return <div class="note bad" role="alert">{text}{" "}
        {p.retry ? <button onClick={p.retry}>Try again</button> : null}
    </div>;
}

// --- tables -----------------------------------------------------------------

export interface Column<R> {
    name: string;
    cell: (r: R) => ComponentChildren;
    right?: boolean;
    key?: string;                        // of the sort, in the address
    order?: (a: R, b: R) => number;
    narrow?: boolean;                    // stays when there is little room
}

export function Table<R>(p: {
    columns: Column<R>[]; rows: R[] | null; label: string;
    id: (r: R) => string; empty?: ComponentChildren; loading?: boolean;
    foot?: ComponentChildren; fresh?: Set<string>;
}) {
    const at = usePlace();
    const [by, way] = (at.params.get("sort") ?? "").split(".");
    const col = p.columns.find((c) => c.key !== undefined && c.key === by);
    let rows = p.rows ?? [];
    if (col?.order !== undefined) {
        rows = [...rows].sort(col.order);
        if (way === "down")
            rows.reverse();
    }
    const sort = (c: Column<R>) => set({
        sort: by !== c.key ? c.key! + ".down"
            : way === "down" ? c.key! + ".up" : ""});
    return <div class="scroll" tabIndex={0} role="region" aria-label={p.label}>
        <table aria-busy={p.loading ?? false}>
            <caption class="hidden">{p.label}</caption>
            <thead><tr>{p.columns.map((c) =>
                <th key={c.name} scope="col" class={cls(c)}
                    aria-sort={col === c ? way === "down" ? "descending"
                        : "ascending" : undefined}>
                    {c.order !== undefined && c.key !== undefined
                        ? <button class="sort" onClick={() => sort(c)}>
                            {c.name}{col === c ? way === "down" ? " ↓" : " ↑"
                                : ""}</button>
                        : c.name}
                </th>)}</tr></thead>
            <tbody>
                {rows.map((r) => <tr key={p.id(r)}
                    class={p.fresh?.has(p.id(r)) ? "fresh" : undefined}>
                    {p.columns.map((c) => <td key={c.name} class={cls(c)}>
                        {c.cell(r)}</td>)}</tr>)}
                {p.rows !== null && rows.length === 0
                    ? <tr><td colSpan={p.columns.length} class="none">
                        {p.empty ?? "There is nothing here yet."}</td></tr>
                    : null}
                {p.rows === null
                    ? <tr><td colSpan={p.columns.length} class="none">
                        {p.loading === false ? "" : "Reading…"}</td></tr>
                    : null}
            </tbody>
            {p.foot ? <tfoot>{p.foot}</tfoot> : null}
        </table>
    </div>;
}

function cls<R>(c: Column<R>): string {
    return (c.right ? "right " : "") + (c.narrow === false ? "wide" : "");
}

// --- fields -----------------------------------------------------------------

export function Field(p: {
    label: string; name: string; value: string; error?: string;
    hint?: string; placeholder?: string; type?: string; required?: boolean;
    list?: string[]; onInput: (v: string) => void;
}) {
    const id = useId();
    const told = p.error ? id + "e" : p.hint ? id + "h" : undefined;
    return <div class={"field" + (p.error ? " wrong" : "")}>
        <label for={id}>{p.label}{p.required ? " *" : ""}</label>
        <input id={id} name={p.name} value={p.value} type={p.type ?? "text"}
            placeholder={p.placeholder} aria-invalid={p.error ? true : false}
            aria-describedby={told} required={p.required} autocomplete="off"
            list={p.list ? id + "l" : undefined} spellcheck={false}
            onInput={(e) => p.onInput(e.currentTarget.value)} />
        {p.list ? <datalist id={id + "l"}>{p.list.map((v) =>
            <option key={v} value={v} />)}</datalist> : null}
        {p.error ? <p id={id + "e"} class="error" role="alert">{p.error}</p>
            : p.hint ? <p id={id + "h"} class="dim">{p.hint}</p> : null}
    </div>;
}

export function Choice(p: {
    label: string; value: string; options: (string | [string, string])[];
    onChange: (v: string) => void; quiet?: boolean;
}) {
    const id = useId();
    return <div class={p.quiet ? "choice quiet" : "field"}>
        <label for={id} class={p.quiet ? "hidden" : ""}>{p.label}</label>
        <select id={id} value={p.value}
            onChange={(e) => p.onChange(e.currentTarget.value)}>
            {p.options.map((o) => {
                const [v, text] = typeof o === "string" ? [o, o] : o;
                return <option key={v} value={v}>{text}</option>;
            })}
        </select>
    </div>;
}

// What the API says about a filter stands below it.
export function Filter(p: {name: string; label: string; list?: string[];
                           hint?: string; error?: Error | null}) {
    const at = usePlace();
    const now = at.params.get(p.name) ?? "";
    const [text, setText] = useState(now);
    const id = useId();
    useEffect(() => setText(now), [now]);
    const wrong = now !== "" && p.error ? wrongField(p.error, [p.name])[p.name]
        : undefined;
    return <div class={"filter" + (wrong ? " wrong" : "")}>
        <label for={id}>{p.label}</label>
        <input id={id} value={text} list={p.list ? id + "l" : undefined}
            placeholder={p.hint} aria-invalid={wrong ? true : false}
            aria-describedby={wrong ? id + "e" : undefined}
            spellcheck={false} autocomplete="off"
            onInput={(e) => setText(e.currentTarget.value)}
            onChange={(e) => set({[p.name]: e.currentTarget.value.trim(),
                before: ""})} />
        {p.list ? <datalist id={id + "l"}>{p.list.map((v) =>
            <option key={v} value={v} />)}</datalist> : null}
        {wrong ? <p class="error" id={id + "e"} role="alert">{wrong}</p>
            : null}
    </div>;
}

export function Dialog(p: {title: string; onClose: () => void;
                           children: ComponentChildren}) {
    const ref = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        const d = ref.current!;
        d.showModal();
        return () => d.close();
    }, []);
    return <dialog ref={ref} aria-labelledby={id}
        onCancel={(e) => { e.preventDefault(); p.onClose(); }}>
        <header class="head"><h2 id={id}>{p.title}</h2>
            <button class="plain" aria-label="Close" onClick={p.onClose}>
                ✕</button></header>
        {p.children}
    </dialog>;
}

// The clipboard is there on secure origins only; elsewhere it is done as it
// was before there was one.
async function copy(text: string, near: HTMLElement): Promise<boolean> {
    if (navigator.clipboard !== undefined)
        return navigator.clipboard.writeText(text).then(() => true,
            () => false);
    const box = document.createElement("textarea");
    box.value = text;
    near.after(box);            // in a dialog, outside is inert
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    near.focus();
    return done;
}

export function Copy(p: {text: string; label?: string}) {
    const [said, setSaid] = useState("");
    return <button type="button" class="plain copy" onClick={async (e) => {
        const good = await copy(p.text, e.currentTarget);
        setSaid(good ? "Copied" : "Cannot copy: mark it and press Ctrl-C");
        setTimeout(() => setSaid(""), good ? 1500 : 5000);
    }}><span role="status">{said || (p.label ?? "Copy")}</span></button>;
}

// --- small things -----------------------------------------------------------

const KIND: Record<string, string> = {
    booked: "good", overage: "warn", estimated: "warn", unknown: "bad",
    void: "dim", closed: "good", open: "bad", half_open: "warn",
    live: "good", hard: "", soft: "", downgrade: "",
};

export function Badge(p: {text: string | null | undefined; kind?: string}) {
    if (!p.text)
        return <span class="dim">–</span>;
    return <span class={"badge " + (p.kind ?? KIND[p.text] ?? "")}>
        {p.text.replaceAll("_", " ")}</span>;
}

export function Status(p: {code: number | null | undefined}) {
    const c = p.code ?? 0;
    return <Badge text={c === 0 ? null : String(c)}
        kind={c < 400 ? "good" : c === 499 ? "dim" : c < 500 ? "warn"
            : "bad"} />;
}

// A bar: how much of something is used.
export function Gauge(p: {part: number; label: string; pending?: number;
                          even?: boolean}) {  // even: nothing is too much
    const used = Math.min(p.part, 1), more = Math.min(p.pending ?? 0, 1 - used);
    return <svg class={"gauge" + (p.even ? " even" : p.part >= 1 ? " full"
        : p.part >= 0.8 ? " near" : "")} role="img" aria-label={p.label}
        viewBox="0 0 100 6" preserveAspectRatio="none">
        <rect class="all" width="100" height="6" />
        <rect class="used" width={100 * used} height="6" />
        <rect class="held" x={100 * used} width={100 * more} height="6" />
    </svg>;
}

export function Tile(p: {name: string; children: ComponentChildren;
                         sub?: ComponentChildren}) {
    return <div class="tile"><h2>{p.name}</h2>
        <p class="big">{p.children}</p>
        {p.sub ? <p class="dim">{p.sub}</p> : null}</div>;
}

export function Facts(p: {rows: [string, ComponentChildren][]}) {
    return <dl class="facts">{p.rows.map(([k, v]) => <div key={k}>
        <dt>{k}</dt><dd>{v}</dd></div>)}</dl>;
}

export function Code(p: {text: string}) {
    return <div class="code"><Copy text={p.text} />
        <pre tabIndex={0}>{p.text}</pre></div>;
}

export type Submit = JSX.TargetedSubmitEvent<HTMLFormElement>;

// What the API says is wrong, beside the field it names when it names one.
export function wrongField(e: unknown, fields: string[]):
        Record<string, string> {
    const text = e instanceof Error ? e.message : String(e);
    const named = fields.find((f) => new RegExp(`['"]${f}['"]`).test(text)) ??
        fields.find((f) => new RegExp(`\\b${f}\\b`).test(text));
    return {[named ?? ""]: text};
}
