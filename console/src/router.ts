// The address is the state: path and query say what a page shows.

import {useEffect, useState} from "preact/hooks";

export interface Place { path: string; params: URLSearchParams; }

const listeners = new Set<() => void>();

export function place(): Place {
    return {path: location.pathname,
            params: new URLSearchParams(location.search)};
}

function tell(): void {
    listeners.forEach((f) => f());
}

export function go(to: string, replace = false): void {
    if (replace)
        history.replaceState(null, "", to);
    else
        history.pushState(null, "", to);
    tell();
}

// Sets or, with an empty text, takes away parameters of this page.
export function set(changes: Record<string, string>, replace = true): void {
    const p = new URLSearchParams(location.search);
    for (const [k, v] of Object.entries(changes)) {
        if (v === "")
            p.delete(k);
        else
            p.set(k, v);
    }
    const text = p.toString();
    go(location.pathname + (text === "" ? "" : "?" + text), replace);
}

export function usePlace(): Place {
    const [at, setAt] = useState(place);
    useEffect(() => {
        const f = () => setAt(place());
        listeners.add(f);
        addEventListener("popstate", f);
        return () => {
            listeners.delete(f);
            removeEventListener("popstate", f);
        };
    }, []);
    return at;
}

// Links of this origin change the page without loading it anew.
export function onClick(e: MouseEvent): void {
    const a = (e.target as Element | null)?.closest?.("a");
    if (a === null || a === undefined || e.button !== 0 || e.ctrlKey ||
        e.metaKey || e.shiftKey || a.target !== "" ||
        a.origin !== location.origin || a.hasAttribute("download") ||
        !(a.pathname === "/" || a.pathname.startsWith("/console/")))
        return;
    e.preventDefault();
    if (a.href !== location.href)
        go(a.pathname + a.search);
    scrollTo(0, 0);
}
