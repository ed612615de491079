// A time series, where its shape says more than a number.

import {useEffect, useRef} from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

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

export function Chart(p: {
    label: string; times: number[]; series: Series[]; bars?: boolean;
    write?: (v: number) => string; height?: number;
    from?: number;              // seconds: the scale begins here, ends now
}) {
    const at = useRef<HTMLDivElement>(null);
    useEffect(() => {
        const box = at.current!;
        const write = p.write ?? ((v: number) => String(v));
        const make = () => {
            const lines = pile(p.series, p.bars ?? false);
            return plotOf(lines);
        };
        const plotOf = (lines: Line[]) => new uPlot({
            width: Math.max(box.clientWidth, 200), height: p.height ?? 180,
            legend: {live: p.series.length < 8},
            cursor: {points: {size: 6}},
            scales: {x: p.from === undefined ? {} : {range: () =>
                [p.from!, Date.now() / 1000]}, y: {range: (_u, _lo, hi) => [0, hi > 0 ? hi * 1.1 : 1]}},
            axes: [
                {stroke: colour("--dim"), grid: {show: false}, font:
                    "11px system-ui"},
                {stroke: colour("--dim"), size: 64, font: "11px system-ui",
                    grid: {stroke: colour("--line"), width: 1},
                    values: (_u, vs) => vs.map((v) => v === null ? ""
                        : write(v))},
            ],
            series: [{label: "time"}, ...lines.map((s) => ({
                label: s.name,
                stroke: s.colour,
                fill: p.bars ? s.colour : undefined,
                width: p.bars ? 0 : 1.5,
                paths: p.bars ? uPlot.paths.bars!({size: [0.8, 40]})
                    : undefined,
                points: {show: !p.bars && p.times.length < 3},
                // Of a pile, the part and not the height.
                value: (_u: uPlot, _v: number | null, _s: number,
                        at: number | null) => {
                    const v = at === null ? null : s.values[at];
                    return v === null || v === undefined ? "–" : write(v);
                },
            }))],
        }, [p.times, ...lines.map((s) => s.heights)] as uPlot.AlignedData,
        box);
        let plot = make();
        let width = box.clientWidth;
        const again = () => { plot.destroy(); plot = make(); };
        const size = new ResizeObserver(() => {
            if (box.clientWidth !== width) {
                width = box.clientWidth;
                plot.setSize({width: Math.max(width, 200),
                    height: p.height ?? 180});
            }
        });
        const dark = matchMedia("(prefers-color-scheme: dark)");
        size.observe(box);
        dark.addEventListener("change", again);
        return () => {
            size.disconnect();
            dark.removeEventListener("change", again);
            plot.destroy();
        };
    }, [p.times, p.series]);
    return <figure><figcaption>{p.label}</figcaption>
        <div ref={at} role="img" aria-label={said(p)} /></figure>;
}

// For those who do not see it.
function said(p: {label: string; times: number[]; series: Series[];
                  write?: (v: number) => string}): string {
    const write = p.write ?? String;
    return p.label + ": " + p.series.map((s) => {
        const vs = s.values.filter((v): v is number => v !== null);
        return vs.length === 0 ? `${s.name} nothing`
            : `${s.name} from ${write(Math.min(...vs))} to ` +
              `${write(Math.max(...vs))}, last ${write(vs[vs.length - 1]!)}`;
    }).join("; ");
}
