// A time series, where its shape says more than a number.

import {useEffect, useMemo, useRef, useState} from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import {local} from "./time";

export interface Series { name: string; values: (number | null)[]; }

interface Line extends Series { heights: (number | null)[]; colour: string; }

// Bars stand on each other: the highest is drawn first.
function pile(series: Series[], bars: boolean): Line[] {
    let below: number[] = [];
    const lines = series.map((s, i) => {
        const heights = s.values.map((v, k) => (v ?? 0) + (below[k] ?? 0));
        if (bars)
            below = heights;
        return {...s, heights: bars ? heights : s.values,
            colour: colour(COLOURS[i % COLOURS.length]!)};
    });
    return bars ? lines.reverse() : lines;
}

const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];

function colour(name: string): string {
    return getComputedStyle(document.documentElement)
        .getPropertyValue(name).trim();
}

const small = new Intl.NumberFormat("en", {maximumSignificantDigits: 3});
const large = new Intl.NumberFormat("en", {notation: "compact"});

// On an axis: short, and never with an exponent.
export const short = (v: number) => v >= 10000 ? large.format(v)
    : small.format(v);

const DAY = 86400;

// Hours as hours, and the day where it begins; local, as all times are.
function ticks(at: number[], step: number): string[] {
    return at.map((t) => {
        const text = local(t);
        return step >= 28 * DAY ? text.slice(0, 7)
            : step >= DAY || text.slice(11, 16) === "00:00"
                ? text.slice(5, 10) : text.slice(11, 16);
    });
}

export interface ChartProps {
    label: string; times: number[]; series: Series[]; bars?: boolean;
    write?: (v: number) => string; height?: number;
    from?: number;              // seconds: the scale begins here, ends now
    most?: number;              // the scale goes as far as this
}

function options(p: ChartProps, lines: Line[], width: number,
                 onAt: (i: number | null) => void): uPlot.Options {
    const write = p.write ?? short;
    const font = "11px system-ui", dim = colour("--dim");
    return {
        width, height: p.height ?? 150, legend: {show: false},
        cursor: {points: {size: 6}, y: false, drag: {x: false, y: false}},
        hooks: {setCursor: [(u) => onAt(u.cursor.idx ?? null)]},
        scales: {
            x: p.from === undefined ? {}
                : {range: () => [p.from!, Date.now() / 1000]},
            y: {range: (_u, _lo, hi) => {
                const top = Math.max(hi, p.most ?? 0);
                return [0, top > 0 ? top * 1.1 : 1];
            }},
        },
        axes: [
            {stroke: dim, grid: {show: false}, font, size: 26,
                ticks: {show: false}, space: 56,
                values: (_u, at, _a, _s, step) => ticks(at, step)},
            {stroke: dim, size: 58, font, space: 26, ticks: {show: false},
                grid: {stroke: colour("--line"), width: 1},
                values: (_u, vs) => vs.map((v) => v === null ? ""
                    : write(v))},
        ],
        series: [{}, ...lines.map((s) => ({
            label: s.name, stroke: s.colour,
            fill: p.bars ? s.colour : undefined,
            width: p.bars ? 0 : 1.5,
            paths: p.bars ? uPlot.paths.bars!({size: [0.8, 40]}) : undefined,
            points: {show: !p.bars && p.times.length < 3},
        }))],
    };
}

// What the colours are, and what they are worth where one points.
function Legend(p: ChartProps & {at: number | null}) {
    const write = p.write ?? short;
    const at = p.at !== null && p.at < p.times.length ? p.at : null;
    return <ul class="legend" aria-hidden="true">
        {p.series.map((s, i) => <li key={s.name}>
            <svg viewBox="0 0 1 1"><rect class={"c" + (i % 6 + 1)} width="1"
                height="1" /></svg>{s.name}{at === null ? null
                : <b>{s.values[at] === null || s.values[at] === undefined
                    ? "–" : write(s.values[at]!)}</b>}</li>)}
        <li class="when">{at === null ? ""
            : local(p.times[at]!).slice(0, 16)}</li></ul>;
}

export function Chart(p: ChartProps) {
    const box = useRef<HTMLDivElement>(null);
    const [at, setAt] = useState<number | null>(null);
    useEffect(() => {
        const el = box.current!;
        const width = () => Math.max(el.clientWidth, 200);
        const make = () => {
            const lines = pile(p.series, p.bars ?? false);
            return new uPlot(options(p, lines, width(), setAt), [p.times,
                ...lines.map((s) => s.heights)] as uPlot.AlignedData, el);
        };
        let plot = make();
        const again = () => { plot.destroy(); plot = make(); };
        const size = new ResizeObserver(() => {
            if (plot.width !== width())
                plot.setSize({width: width(), height: p.height ?? 150});
        });
        const dark = matchMedia("(prefers-color-scheme: dark)");
        size.observe(el);
        dark.addEventListener("change", again);
        return () => {
            size.disconnect();
            dark.removeEventListener("change", again);
            plot.destroy();
        };
    }, [p.times, p.series]);
    const text = useMemo(() => said(p), [p.label, p.times, p.series]);
    return <figure><figcaption>{p.label}</figcaption>
        <div ref={box} role="img" aria-label={text} />
        <Legend {...p} at={at} /></figure>;
}

// For those who do not see it.
function said(p: ChartProps): string {
    const write = p.write ?? short;
    return p.label + ": " + (p.series.length === 0 ? "nothing yet"
        : p.series.map((s) => {
            const vs = s.values.filter((v): v is number => v !== null);
            return vs.length === 0 ? `${s.name} nothing`
                : `${s.name} from ${write(Math.min(...vs))} to ` +
                  `${write(Math.max(...vs))}, last ` +
                  write(vs[vs.length - 1]!);
        }).join("; "));
}
