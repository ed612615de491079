// Amounts are decimal texts of the API and stay exact: bigint of 12 decimals.

const PLACES = 12;

export function parse(text: string): bigint {
    const m = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text.trim());
    if (m === null)
        throw new Error("no amount: " + text);
    const v = BigInt(m[2]! + (m[3] ?? "").padEnd(PLACES, "0"));
    return m[1] === "-" ? -v : v;
}

export function write(v: bigint): string {
    const sign = v < 0n ? "-" : "";
    const digits = (v < 0n ? -v : v).toString().padStart(PLACES + 1, "0");
    const whole = digits.slice(0, -PLACES);
    const rest = digits.slice(-PLACES).replace(/0+$/, "");
    return sign + whole + (rest === "" ? "" : "." + rest);
}

export function sum(amounts: Iterable<string>): string {
    let v = 0n;
    for (const a of amounts)
        v += parse(a);
    return write(v);
}

export function compare(a: string, b: string): number {
    const d = parse(a) - parse(b);
    return d < 0n ? -1 : d > 0n ? 1 : 0;
}

// The digits are the ledger's, all of them; only thousands are set apart.
export function show(text: string | null | undefined): string {
    if (text === null || text === undefined || text === "")
        return "–";
    const [whole, rest] = text.split(".");
    const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, "\u202f");
    return rest === undefined ? grouped : grouped + "." + rest;
}

// For lengths on the screen only: never shown, never added.
export function length(text: string): number {
    return Number(text);
}

// How much of b is a: 0 to 1 and above.  What is not told is nothing.
export function share(a: string | undefined, b: string): number {
    const whole = parse(b);
    return whole === 0n || a === undefined ? 0
        : Number(parse(a) * 10000n / whole) / 10000;
}
