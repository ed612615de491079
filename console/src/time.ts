// UTC on the wire, local on the screen.

const two = (n: number) => String(n).padStart(2, "0");

export function local(t: string | number | null | undefined): string {
    if (t === null || t === undefined || t === "" || t === 0)
        return "–";
    const d = new Date(typeof t === "number" ? t * 1000 : t);
    return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ` +
        `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function clock(t: string): string {
    const d = new Date(t);
    return `${two(d.getHours())}:${two(d.getMinutes())}:` +
        `${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

export function day(t: string | number | null | undefined): string {
    return local(t).slice(0, 10);
}

export function ms(v: number | null | undefined): string {
    if (v === null || v === undefined)
        return "–";
    return v >= 10000 ? `${(v / 1000).toFixed(1)} s`
        : v >= 100 ? `${Math.round(v)} ms` : `${v.toFixed(1)} ms`;
}

export const SPANS: Record<string, {text: string; seconds: number;
                                    by: string}> = {
    "1h": {text: "last hour", seconds: 3600, by: "minute"},
    "24h": {text: "24 hours", seconds: 86400, by: "hour"},
    "7d": {text: "7 days", seconds: 7 * 86400, by: "hour"},
    "30d": {text: "30 days", seconds: 30 * 86400, by: "day"},
    "365d": {text: "a year", seconds: 365 * 86400, by: "month"},
};

// The beginning of a span that ends now, on a whole step.
export function since(span: string): string {
    const s = SPANS[span] ?? SPANS["24h"]!;
    const step = s.by === "minute" ? 60 : s.by === "hour" ? 3600 : 86400;
    const at = Math.floor((Date.now() / 1000 - s.seconds) / step + 1) * step;
    return String(at);
}

export function until(t: number | null | undefined): string {
    if (t === null || t === undefined || t === 0)
        return "never";
    const s = t - Date.now() / 1000;
    if (s <= 0)
        return "now";
    if (s < 3600)
        return `in ${Math.ceil(s / 60)} min`;
    if (s < 2 * 86400)
        return `in ${Math.round(s / 3600)} h`;
    return `in ${Math.round(s / 86400)} days`;
}
