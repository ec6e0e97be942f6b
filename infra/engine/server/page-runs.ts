import { html, raw } from "hono/html";
import type { BulkOperation } from "../operations/bulk.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId } from "../protocol/ids.ts";
import type { Registry } from "../registry.ts";
import type { ListedRun } from "../state/run-queries.ts";
import { button, duration, type Html, statusView, table, time } from "./page-layout.ts";
import { STATUSES } from "./run-filter.ts";

/** Runs on one page of the list. */
export const PAGE_SIZE = 50;

export interface RunsPage {
  registry: Registry;
  /** One more than a page when there are more. */
  runs: ListedRun[];
  /** The filter as it stands in the address. */
  query: Record<string, string>;
  /** How many runs pass the filter; null when it names no status, and nothing can be done to them together. */
  total: number | null;
  operations: BulkOperation[];
}

/** Functions, the runs that pass the filter, and what may be done to those together. */
export function runsPage(page: RunsPage): Html {
  const functions = page.registry.all.toSorted((a, b) => (a.slug < b.slug ? -1 : 1));
  return html`<h1>Functions and runs</h1>
    <section><h2>Functions</h2>${functionTable(page.registry, functions)}</section>
    <section><h2>Runs</h2>${filterForm(page.query, functions)} ${page.total === null ? "" : bulkForm(page.query, page.total)} ${runTable(page)}</section>
    ${page.operations.length === 0 ? "" : html`<section><h2>Bulk operations</h2>${operationTable(page)}</section>`}`;
}

function functionTable(registry: Registry, functions: FunctionSpec[]): Html {
  const rows = functions.map((fn) => {
    const paused = registry.isPaused(fn);
    const [verb, text] = paused ? ["resume", "Resume"] : ["pause", "Pause"];
    const slug = encodeURIComponent(fn.slug);
    return [
      html`<a href="/?function=${slug}">${fn.slug}</a>`,
      fn.triggers.map((trigger) => ("cron" in trigger ? trigger.cron : trigger.event)).join(", "),
      paused ? html`<strong>paused</strong>` : "on",
      button(`/functions/${slug}/${verb}`, text, {}, `${text} ${fn.slug}`),
    ];
  });
  return table(["Function", "Triggers", "State", ""], rows, "No app has been synced yet.");
}

function filterForm(query: RunsPage["query"], functions: FunctionSpec[]): Html {
  const option = (value: string, chosen: string | undefined, text = value): Html =>
    html`<option value="${value}"${raw(chosen === value ? " selected" : "")}>${text}</option>`;
  return html`<form method="get" action="/" class="filters">
    <label>Function<select name="function">${option("", query.function, "All")}
      ${functions.map((fn) => option(fn.slug, query.function))}</select></label>
    <label>Status<select name="status">${option("", query.status, "All")}
      ${STATUSES.map((status) => option(status, query.status))}</select></label>
    <label>From (UTC)<input type="datetime-local" name="from" value="${query.from ?? ""}"></label>
    <label>To (UTC)<input type="datetime-local" name="to" value="${query.to ?? ""}"></label>
    <label>Id of a run or event<input type="search" name="search" size="28"></label>
    <button>Show</button></form>`;
}

/** The count before the deed, and a button for it; the id makes a second click harmless. */
function bulkForm(query: Record<string, string>, total: number): Html {
  const kind = query.status === "Running" ? "cancel" : "replay";
  const { function: slug, status = "", from, to = new Date().toISOString() } = query;
  const fields = { id: newId(), kind, status, to, ...(slug && { function: slug }), ...(from && { from }) };
  const runs = `${total} ${status.toLowerCase()} ${total === 1 ? "run" : "runs"}`;
  return html`<div class="row"><span>${runs} in all.</span>
    ${total === 0 ? "" : button("/bulk", `${kind === "cancel" ? "Cancel" : "Replay"} ${runs}`, fields)}</div>`;
}

function runTable({ registry, query, runs }: RunsPage): Html {
  const shown = runs.slice(0, PAGE_SIZE);
  const next = new URLSearchParams({ ...query, before: shown.at(-1)?.id ?? "" });
  const rows = shown.map((run) => [
    html`<a class="mono" href="/runs/${run.id}">${run.id}</a>`,
    registry.byId(run.fnId)?.slug ?? run.fnId,
    statusView(run.status),
    time(run.queuedAtMs),
    run.endedAtMs === null ? "" : duration(run.endedAtMs - run.queuedAtMs),
  ]);
  return html`${table(["Run", "Function", "Status", "Queued (UTC)", "Took"], rows, "No runs.")}
    ${runs.length > PAGE_SIZE ? html`<p><a href="/?${next.toString()}">Older runs</a></p>` : ""}`;
}

function operationTable({ registry, operations }: RunsPage): Html {
  const rows = operations.map(({ id, kind, filter, status, total, done }) => [
    html`<span class="mono">${id}</span>`,
    `${kind} ${filter.fnId === null ? "all functions" : (registry.byId(filter.fnId)?.slug ?? filter.fnId)}`,
    `${done} of ${total}`,
    status,
    status === "running" ? button(`/bulk/${encodeURIComponent(id)}/stop`, "Stop", {}, `Stop ${id}`) : "",
  ]);
  return table(["Operation", "What", "Runs looked at", "State", ""], rows, "");
}
