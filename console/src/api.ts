// The admin API: every figure on a page comes from here, as it is.

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
        const p = JSON.parse(text) as {code?: string, title?: string,
                                       detail?: string};
        return new Problem(r.status, p.code ?? "",
                           p.detail ?? p.title ?? text);
    } catch {
        return new Problem(r.status, "", text || r.statusText);
    }
}

export async function call(method: string, path: string, body?: unknown,
                           signal?: AbortSignal, version?: number):
        Promise<Response> {
    let r: Response;
    const headers: Record<string, string> = {"x-kontor-console": "1"};
    if (body !== undefined)
        headers["content-type"] = "application/json";
    if (method !== "GET")
        headers["idempotency-key"] = uuid();
    if (version !== undefined)
        headers["if-match"] = `"${version}"`;
    try {
        r = await fetch(path, {
            method, headers, signal: signal ?? null,
            credentials: "same-origin", redirect: "error",
            body: body === undefined ? null : JSON.stringify(body),
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

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return await (await call("GET", "/api/v1/" + path, undefined, signal))
        .json() as T;
}

// version: of what is changed, as it was read; else it is changed whatever
// others made of it.
export async function send<T>(method: string, path: string, body?: unknown,
                              version?: number): Promise<T> {
    return await (await call(method, "/api/v1/" + path, body, undefined,
        version)).json() as T;
}

export function query(params: Record<string, string | undefined>): string {
    const p = new URLSearchParams();
    for (const [k, v] of Object.entries(params)) {
        if (v !== undefined && v !== "")
            p.set(k, v);
    }
    const text = p.toString();
    return text === "" ? "" : "?" + text;
}

// --- what it answers --------------------------------------------------------

export interface Call {
    id: string; time: string; key: string | null; key_name: string | null;
    team: string | null; principal: string | null; model: string | null;
    status: number; fault: string | null; attempts: number;
    deployment: string | null; provider: string | null;
    region: string | null; zone: string | null; tier: string | null;
    client_gone: boolean; streamed: boolean;
    input_tokens: number; cached_tokens: number; output_tokens: number;
    reasoning_tokens: number; effective_cost: string; list_cost: string;
    resolution: string | null; first_ms: number | null;
    total_ms: number | null; corrected: boolean;
}
export interface Calls {
    calls: Call[]; next: string | null; searched_to: string | null;
}

export interface Usage {
    rows: UsageRow[]; total: UsageRow;
}
export interface UsageRow {
    [dimension: string]: string | number;
    calls: number; attempts: number; input_tokens: number;
    cached_tokens: number; output_tokens: number; reasoning_tokens: number;
    list_cost: string; contracted_cost: string; effective_cost: string;
    estimated_calls: number; unknown_calls: number;
    unpriced_attempts: number;
}

export interface Budget {
    id: string; scope: string; name: string; limit: string; period: string;
    zone: string; mode: string; downgrade_to: string | null; tight: string;
    admit_wait_ms: number | null; spent: string; pending: string;
    available: string; resets: number | null; closed: boolean;
    version: number; created: number;
}
export interface Limit {
    id: string; scope: string; name: string; kind: string; amount: number;
    limit: string; period: string | null; burst: number | null;
    left: number | null; reset_ms: number | null; closed: boolean;
    version: number;
    burst_in_force?: number | null;
}
export interface Alert {
    budget: string; scope: string; name: string; window: number;
    threshold: number; at: number; spent: string; limit: string;
}
export interface Key {
    id: string; name: string; org: string; team: string; project: string;
    user: string; service: string; tags: string[]; models: string[];
    expires: number | null; budget: string | null; admin: boolean;
    revoked: boolean; created: number;
}
export interface Model {
    id: string; publisher: string; deployments: string[]; strategy: string;
    capabilities: string; larger: string; fallback: string;
    deprecated: string | null; retires: string | null; successor: string;
}
export interface Deployment {
    id: string; model: string; provider: string; type: string; name: string;
    region: string; zone: string; breaker: string; inflight: number;
    stores_in: string; retention_days: number | null; capacity: string;
    accelerator: string; headroom_tokens: number | null;
    first_token_us: number; answer_us: number; context: number;
    price_per_million: Record<string, string> | null;
}
export interface Credential {
    provider: string; method: string; state: string; expires_in_s?: number;
    next_in_s?: number; got?: number; failed?: number; refused?: number;
    clock_skew_s?: number; error?: string; error_text?: string;
    error_status?: number; error_code?: string;
}
export interface Incident {
    id: string; at: number; code: number; name?: string; text?: string;
    numbers: string[]; key?: string; signal?: number; refused_until?: number;
}
export interface Health {
    ready: boolean; generation: string; log_broken: boolean;
    log_lag_ms: number; keys: number;
    processes: {slot?: number; role: string; state: string; pid?: number;
                heartbeat_age_ms?: number; open_requests?: number}[];
    credentials: Credential[];
}
export interface Agreements { at: string; agreements: Agreement[]; }
type Points<T> = {p10: T; p50: T; p90: T};
export interface Forecast {
    days_of_history: number; tested_days_ahead: number; tests: number;
    mape_percent: string | null; end_balance?: Points<string>;
    shortfall?: Points<string>; exhausted: Points<string | null>;
}
export interface Agreement {
    name: string; provider: string; contract: string; from: string;
    to: string; configured: boolean; in_force: boolean;
    discount: {percent?: string; per_million?: string} | null;
    commitment: {
        amount: string; from: string; to: string; ended: boolean;
        burned: string; left: string; unused: string; last_7_days: string;
        last_28_days: string; daily: {day: string; burned: string}[];
        forecast: Forecast | null;
        alert: {kind: string; certainty: string; on: string;
                days_ahead: number} | null;
    } | null;
    shares: {partner: string; rate_percent: string; base: string;
             cap: string; from: string; to: string; accruing: boolean;
             accrued: string; cap_left: string}[];
}
export interface Attempt {
    attempt: number; time: string; deployment: string; provider: string;
    model: string; agreement: string | null; hold: string;
    settled: string | null; list_cost: string; contracted_cost: string;
    effective_cost: string; resolution: string | null; sent: boolean | null;
    streamed: boolean; client_gone: boolean; by_recorder: boolean;
    status: number | null; fault: string | null; owner: string | null;
    input_tokens: number; cached_tokens: number; cache_write_tokens: number;
    output_tokens: number; reasoning_tokens: number;
    sent_us: number | null; first_us: number | null; end_us: number | null;
    provider_request_id?: string; price: Record<string, unknown> | null;
    step?: number;
    lines?: {lane: string; tokens: number; rate: string; cost: string}[];
    corrections: {number: number; time: string; reason: string;
                  resolution: string; difference: string}[];
}
export interface Explained {
    id: string; time: string; key: string | null; model: string | null;
    open: boolean; status: number | null; fault: string | null;
    client_gone: boolean; total_us: number | null;
    candidates: {deployment: string; kept: boolean; why: string;
                 rule?: string}[];
    attempts: Attempt[]; hold: string; settled: string;
    strategy?: string; class?: string; rule?: string;
}
