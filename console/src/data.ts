// What pages read: once for each address, again when asked, live by events.

import {useCallback, useEffect, useRef, useState} from "preact/hooks";
import {Call, get, onReach, setReach} from "./api";

export interface Data<T> {
    data: T | null; error: Error | null; loading: boolean;
    reload: () => void;
}

export function useData<T>(path: string | null): Data<T> {
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
        if (of.current !== path)
            setError(null);
        of.current = path;
        get<T>(path, abort.signal).then((d) => {
            setData(d);
            setError(null);
            setLoading(false);
        }, (e: Error) => {
            if (abort.signal.aborted)
                return;
            setError(e);
            setLoading(false);
        });
        return () => abort.abort();
    }, [path, turn]);
    const reload = useCallback(() => setTurn((n) => n + 1), []);
    // What could not be read is read when the instance is back.
    useEffect(() => onReach((up) => { if (up) reload(); }), [reload]);
    return {data, error, loading, reload};
}

const watchers = new Set<(c: Call) => void>();
const losers = new Set<() => void>();
let source: EventSource | null = null;

function begin(): void {
    source = new EventSource("/api/v1/live");
    source.addEventListener("hello", () => setReach(true));
    source.addEventListener("call", (e) => {
        const c = JSON.parse((e as MessageEvent<string>).data) as Call;
        watchers.forEach((f) => f(c));
    });
    // More ended in a moment than are sent one by one.
    source.addEventListener("missed", () => losers.forEach((f) => f()));
    source.onerror = () => {
        // The browser tries again by itself, unless it was refused.
        if (source !== null && source.readyState === EventSource.CLOSED) {
            source = null;
            setTimeout(() => { if (watchers.size > 0 && source === null)
                begin(); }, 2000);
        }
        setReach(false);
    };
}

// Calls as they end.
export function useLive(f: (c: Call) => void): void {
    const latest = useRef(f);
    latest.current = f;
    useEffect(() => {
        const mine = (c: Call) => latest.current(c);
        watchers.add(mine);
        if (source === null)
            begin();
        return () => {
            watchers.delete(mine);
            if (watchers.size === 0 && source !== null) {
                source.close();
                source = null;
            }
        };
    }, []);
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
    useLive(() => {
        if (due.current !== 0)
            return;
        due.current = window.setTimeout(() => {
            due.current = 0;
            reload();
        }, every);
    });
}
