// One row per page; the first that fits the path is shown.

import {ComponentType} from "preact";
import {Place} from "../router";
import {Agreements} from "./agreements";
import {Budgets} from "./budgets";
import {Compare} from "./compare";
import {Config} from "./config";
import {Health} from "./health";
import {Keys} from "./keys";
import {Models} from "./models";
import {Overview} from "./overview";
import {One} from "./request";
import {Requests} from "./requests";
import {Routing} from "./routing";
import {Spend} from "./spend";
import {Start} from "./start";

export interface PageProps { place: Place; }

export interface PageRow {
    path: string;
    title: string;      // empty: not in the menu
    group: string;
    view: ComponentType<PageProps>;
    below?: boolean;    // paths below it, too
    of?: string;        // whose entry in the menu is marked
}

export const PAGES: PageRow[] = [
    {path: "/", title: "Overview", group: "", view: Overview},
    {path: "/console/start", title: "First call", group: "", view: Start},
    {path: "/console/requests", title: "Requests", group: "Calls",
        view: Requests},
    {path: "/console/requests/", title: "", group: "Calls", view: One,
        below: true, of: "/console/requests"},
    {path: "/console/compare", title: "Compare", group: "Calls",
        view: Compare},
    {path: "/console/models", title: "Models", group: "Where", view: Models},
    {path: "/console/routing", title: "Routing", group: "Where",
        view: Routing},
    {path: "/console/spend", title: "Spend", group: "Money", view: Spend},
    {path: "/console/budgets", title: "Budgets and limits", group: "Money",
        view: Budgets},
    {path: "/console/agreements", title: "Agreements", group: "Money",
        view: Agreements},
    {path: "/console/keys", title: "Keys", group: "Instance", view: Keys},
    {path: "/console/config", title: "Configuration", group: "Instance",
        view: Config},
    {path: "/console/health", title: "Health", group: "Instance",
        view: Health},
];

export function pageAt(path: string): PageRow {
    return PAGES.find((p) => p.below ? path.startsWith(p.path) &&
        path.length > p.path.length : p.path === path) ?? PAGES[0]!;
}
