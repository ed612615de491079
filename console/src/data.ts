// What pages read: once for each address, again when asked, live by events.

import {useCallback, useEffect, useRef, useState} from "preact/hooks";
import {address, Answer, Call, get, Health, onReach, Params, PathOf, setReach}
    from "./api";

export interface Data<T> {
    data: T | null; error: Error | null; loading: boolean;
    reload: () => void;
}

type Path = PathOf<"get">;

// path is null: nothing is wanted yet.
export function useData<S extends Path>(path: S | null,
        ...[params]: object extends Params<"get", S>
            ? [Params<"get", S>?] : [Params<"get", S>]):
        Data<Answer<"get", S>> {
    type T = Answer<"get", S>;
    const all = (params ?? {}) as Params<"get", S>;
    const at = path === null ? null : address(path, all);
    const [data, setData] = useState<T | null>(null);
    const [error, setError] = useState<Error | null>(null);
    const [loading, setLoading] = useState(path !== null);
    const [turn, setTurn] = useState(0);
    const of = useRef<string | null>(null);
    useEffect(() => {
        if (path === null)
            return;
        const abort = new AbortController();
        setLoading(true);
        if (of.current !== at)
            setError(null);
        of.current = at;
        get(path, all, abort.signal).then((d) => {
            setData(() => d);
            setError(null);
            setLoading(false);
        }, (e: Error) => {
            if (abort.signal.aborted)
                return;
            setError(e);
            setLoading(false);
        });
        return () => abort.abort();
    }, [at, turn]);
    const reload = useCallback(() => setTurn((n) => n + 1), []);
    // What could not be read is read when the instance is back.
    useEffect(() => onReach((up) => { if (up) reload(); }), [reload]);
    return {data, error, loading, reload};
}

// A list in pages: what was read so far, and the rest when it is asked for.
export interface Paged<R> {
    rows: R[] | null; error: Error | null; more: (() => void) | null;
    reload: () => void;
}

type Listed = "keys" | "incidents" | "alerts";
type Row<S extends Listed> = Answer<"get", S> extends
    {[K in S]: (infer R)[]} ? R : never;

// What has its rows under its own name.
export function usePages<S extends Listed>(path: S, limit: number):
        Paged<Row<S>> {
    type Some = {next: string | null} & Record<S, Row<S>[]>;
    const first = useData<Path>(path, {limit});
    const [rest, setRest] = useState<Some[]>([]);
    const [error, setError] = useState<Error | null>(null);
    useEffect(() => { setRest([]); setError(null); }, [first.data]);
    const all = first.data === null ? null : [first.data as Some, ...rest];
    const next = all === null ? null : all[all.length - 1]!.next;
    return {rows: all === null ? null : all.flatMap((p) => p[path]),
        error: first.error ?? error, reload: first.reload,
        more: next === null ? null : () => {
            get<Path>(path, {limit, after: next}).then((p) =>
                setRest((was) => [...was, p as Some]), setError);
        }};
}

const watchers = new Set<(c: Call) => void>();
const healths = new Set<(h: Health) => void>();
const losers = new Set<() => void>();

// One stream for all pages of this browser, which opens six connections to an
// origin and no more: whoever has the lock reads it and tells the others.
// Where there are no locks (not a secure origin), each page reads its own.
let source: EventSource | null = null;
let asked: AbortController | null = null;   // for the lock, or it is held
let release: (() => void) | null = null;
const channel = new BroadcastChannel("kontor-live");

let greeted = false;

interface Told { kind: string; data: string; }

// Told every other second; what is silent for longer is dead, whatever the
// browser still believes of the connection.
const SILENCE_MS = 7000;
let silence = 0;

function heard(): void {
    clearTimeout(silence);
    silence = window.setTimeout(lost, SILENCE_MS);
}

function lost(): void {
    end();
    setReach(false);
}

function end(): void {
    clearTimeout(silence);
    source?.close();
    source = null;
    asked?.abort();
    asked = null;
    release?.();
    release = null;
}

function take(t: Told): void {
    if (t.kind === "lost") {
        setReach(false);
        return;
    }
    heard();
    setReach(true);
    const before = greeted;
    greeted = true;
    if (t.kind === "hello" && before) {
        // A stream anew: what ended since the one before was not told.
        losers.forEach((f) => f());
    } else if (t.kind === "call") {
        const c = JSON.parse(t.data) as Call;
        watchers.forEach((f) => f(c));
    } else if (t.kind === "health") {
        const h = JSON.parse(t.data) as Health;
        healths.forEach((f) => f(h));
    } else if (t.kind === "missed") {
        // More ended in a moment than are sent one by one.
        losers.forEach((f) => f());
    }
}

channel.onmessage = (e: MessageEvent<Told>) => {
    if (asked !== null && source === null)
        take(e.data);
};

function begin(): void {
    const s = source = new EventSource("/api/v1/live");
    heard();
    const pass = (t: Told) => {
        channel.postMessage(t);
        take(t);
    };
    for (const kind of ["hello", "call", "health", "missed"])
        s.addEventListener(kind, (e) => pass({kind,
            data: (e as MessageEvent<string>).data}));
    s.onerror = () => {
        // The browser tries again by itself, unless it was refused: then
        // the session is over, which asking for it says, or too many watch.
        if (s.readyState !== EventSource.CLOSED) {
            pass({kind: "lost", data: ""});
            return;
        }
        end();
        get("session", {}).then(() => setTimeout(resume, 2000), () => {});
    };
}

function resume(): void {
    if (watchers.size + healths.size === 0 || asked !== null ||
        document.hidden)
        return;
    const mine = asked = new AbortController();
    heard();
    if (navigator.locks === undefined) {
        begin();
        return;
    }
    navigator.locks.request("kontor-live", {signal: mine.signal}, () =>
        new Promise<void>((done) => {
            if (asked !== mine) {
                done();
                return;
            }
            release = done;
            begin();
        })).catch(() => {});    // given up while it waited
}

// Pages that nobody looks at listen to nothing, and read again what they
// missed.
document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
        end();
    } else {
        resume();
        losers.forEach((f) => f());
    }
});
addEventListener("pagehide", end);

onReach((is) => { if (is) resume(); });
// The machine's network went or came: kontor's may have, too.
for (const turn of ["offline", "online"])
    addEventListener(turn, () => { get("session", {}).catch(() => {}); });

function watch<F>(all: Set<F>, mine: F): () => void {
    all.add(mine);
    resume();
    return () => {
        all.delete(mine);
        if (watchers.size + healths.size === 0)
            end();
    };
}

// Calls as they end.
export function useLive(f: (c: Call) => void): void {
    const latest = useRef(f);
    latest.current = f;
    useEffect(() => {
        return watch(watchers, (c: Call) => latest.current(c));
    }, []);
}

// How kontor itself is, said every other second.
export function useHealth(): Health | null {
    const [is, setIs] = useState<Health | null>(null);
    useEffect(() => watch(healths, setIs), []);
    return is;
}

// Calls that ended without a line of their own: f() is run soon after.
export function useMissed(f: () => void): void {
    const latest = useRef(f);
    latest.current = f;
    useEffect(() => {
        let due = 0;
        const mine = () => {
            if (due === 0)
                due = window.setTimeout(() => {
                    due = 0;
                    latest.current();
                }, 500);
        };
        losers.add(mine);
        return () => {
            losers.delete(mine);
            clearTimeout(due);
        };
    }, []);
}

// Something that was shown is old now: read it again, not too often.
export function useRefresh(reload: () => void, every = 1000): void {
    const due = useRef(0);
    useEffect(() => () => clearTimeout(due.current), []);
    const soon = () => {
        if (due.current !== 0)
            return;
        due.current = window.setTimeout(() => {
            due.current = 0;
            reload();
        }, every);
    };
    useLive(soon);
    useMissed(soon);
}
