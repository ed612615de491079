// The admin API: every figure on a page comes from here, as it is.  What there
// is to ask for, by which names, and what it answers is the server's word:
// openapi.d.ts is made from its document (make openapi).

import type {components, paths} from "./openapi";

export class Problem extends Error {
    constructor(readonly status: number, readonly code: string,
                message: string) {
        super(message);
    }
}

type Listener = () => void;
const signedOut = new Set<Listener>();
const reach = new Set<(up: boolean) => void>();
let up = true;

export function onSignedOut(f: Listener): () => void {
    signedOut.add(f);
    return () => { signedOut.delete(f); };
}

// Whether the instance can be reached; pages show it, and heal.
export function onReach(f: (up: boolean) => void): () => void {
    reach.add(f);
    return () => { reach.delete(f); };
}

// Signed in again: what could not be read is read now.
export function back(): void {
    reach.forEach((f) => f(true));
}

export function setReach(now: boolean): void {
    if (now === up)
        return;
    up = now;
    reach.forEach((f) => f(now));
}

// crypto.randomUUID() is there on secure origins only.
function uuid(): string {
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = (b[6]! & 15) | 64;
    b[8] = (b[8]! & 63) | 128;
    const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16),
        hex.slice(16, 20), hex.slice(20)].join("-");
}

async function problem(r: Response): Promise<Problem> {
    const text = await r.text();
    try {
        const p = JSON.parse(text) as Partial<Schemas["Problem"]>;
        return new Problem(r.status, p.code ?? "",
                           p.detail ?? p.title ?? text);
    } catch {
        return new Problem(r.status, "", text || r.statusText);
    }
}

// --- the document, as types -------------------------------------------------

type Schemas = components["schemas"];
type Verb = "get" | "post" | "put" | "patch" | "delete";

// What has that verb, without what stands before all of them.
export type PathOf<V extends Verb> = {
    [P in keyof paths]: P extends `/api/v1/${infer S}`
        ? paths[P] extends Record<V, object> ? S : never : never;
}[keyof paths];

type Operation<V extends Verb, S extends string> =
    paths[`/api/v1/${S}` & keyof paths][V];

type Content<R> = R extends {content: {"application/json": infer J}}
    ? J : never;

// No page asks for usage as FOCUS.
export type Answer<V extends Verb, S extends string> =
    Operation<V, S> extends {responses: infer R} ? Exclude<
        {[K in keyof R & (200 | 201)]: Content<R[K]>}[keyof R & (200 | 201)],
        Schemas["Focus"]> : never;

type Query<O> = O extends {parameters: {query?: infer Q}}
    ? [NonNullable<Q>] extends [never] ? unknown
        : {[K in keyof NonNullable<Q>]: NonNullable<Q>[K] | undefined}
    : unknown;
type Id<O> = O extends {parameters: {path: infer I}} ? I : unknown;
// Of the path and of the query, by name; what is undefined is not said.
export type Params<V extends Verb, S extends string> =
    object & Id<Operation<V, S>> & Query<Operation<V, S>>;

type Body<V extends Verb, S extends string> = Operation<V, S> extends
    {requestBody?: {content: {"application/json": infer B}}} ? B : object;

// --- asking -----------------------------------------------------------------

interface How {
    body?: object; signal?: AbortSignal;
    version?: number;   // of what is changed, as it was read; else it is
                        // changed whatever others made of it
}

async function call(method: string, path: string, how: How):
        Promise<Response> {
    let r: Response;
    const headers: Record<string, string> = {"x-kontor-console": "1"};
    if (how.body !== undefined)
        headers["content-type"] = "application/json";
    if (method !== "get")
        headers["idempotency-key"] = uuid();
    if (how.version !== undefined)
        headers["if-match"] = `"${how.version}"`;
    try {
        r = await fetch(path, {
            method: method.toUpperCase(), headers, signal: how.signal ?? null,
            credentials: "same-origin", redirect: "error",
            body: how.body === undefined ? null : JSON.stringify(how.body),
        });
    } catch (e) {
        if (!(e instanceof DOMException && e.name === "AbortError"))
            setReach(false);
        throw e;
    }
    setReach(true);
    if (r.ok)
        return r;
    if (r.status === 401)
        signedOut.forEach((f) => f());
    throw await problem(r);
}

export function query(params: object): string {
    const p = new URLSearchParams();
    for (const [k, v] of Object.entries(params)) {
        if (v !== undefined && v !== "")
            p.set(k, String(v));
    }
    const text = p.toString();
    return text === "" ? "" : "?" + text;
}

// A path with its parameters, after /api/v1/.
export function address(path: string, params: object): string {
    const {id, ...rest} = params as {id?: string};
    return path.replace("{id}", encodeURIComponent(id ?? "")) + query(rest);
}

export async function ask<V extends Verb, S extends PathOf<V>>(verb: V,
        path: S, params: Params<V, S>, how: How & {body?: Body<V, S>} = {}):
        Promise<Response> {
    return await call(verb, "/api/v1/" + address(path, params), how);
}

export async function send<V extends Verb, S extends PathOf<V>>(verb: V,
        path: S, params: Params<V, S>, how: How & {body?: Body<V, S>} = {}):
        Promise<Answer<V, S>> {
    return await (await ask(verb, path, params, how)).json() as Answer<V, S>;
}

export async function get<S extends PathOf<"get">>(path: S,
        params: Params<"get", S>, signal?: AbortSignal):
        Promise<Answer<"get", S>> {
    return await send("get", path, params, {signal});
}

// --- what it answers --------------------------------------------------------

export type Call = Schemas["Call"];
export type Calls = Schemas["Calls"];
export type Usage = Schemas["Usage"];
export type UsageRow = Schemas["UsageRow"];
export type LatencyRow = Schemas["LatencyRow"];
export type Budget = Schemas["Budget"];
export type Limit = Schemas["Limit"];
export type Alert = Schemas["Alert"];
export type Key = Schemas["Key"];
export type KeyMade = Schemas["KeyMade"];
export type Model = Schemas["Model"];
export type Deployment = Schemas["Deployment"];
export type Price = Schemas["Price"];
export type Credential = Schemas["Credential"];
export type Incident = Schemas["Incident"];
export type Health = Schemas["Health"];
export type Forecast = Schemas["Forecast"];
export type Agreement = Schemas["Agreement"];
export type Attempt = Schemas["Attempt"];
export type Explained = Schemas["Explained"];
export type Comparison = Schemas["Comparison"];
export type Checked = Schemas["Checked"];
export type Tested = Schemas["Tested"];
export type Share = Schemas["Share"];
