import { html, raw } from "hono/html";
import type { Registry } from "../registry.ts";
import type { ListedRun, ListedStep } from "../state/run-queries.ts";

type Html = ReturnType<typeof html>;

/** Runs on one page of the list. */
export const PAGE_SIZE = 50;

const STATUS = ["Running", "Completed", "Failed", "Cancelled"];
const STYLE = `
:root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--ink:#1d1d1b;--soft:#62625e;--line:#dcdcd6;--link:#0b57a4;
--ok:#1a6b3a;--bad:#a8201a;--run:#0b57a4;--off:#62625e}
@media (prefers-color-scheme:dark){:root{--bg:#161615;--card:#1f1f1e;--ink:#ecece8;--soft:#a3a39c;--line:#3a3a37;
--link:#8ab8ee;--ok:#7bc994;--bad:#f2938c;--run:#8ab8ee;--off:#a3a39c}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header,main{max-width:72rem;margin:0 auto;padding:1rem}header{display:flex;gap:1rem;align-items:center;padding-bottom:0}
header form{margin-left:auto}h1{font-size:1.3rem;margin:.5rem 0}h2{font-size:1.05rem;margin:0 0 .75rem}a{color:var(--link)}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1rem;margin:0 0 1rem;overflow-x:auto}
table{border-collapse:collapse;width:100%}th{text-align:left;color:var(--soft);font-weight:600;font-size:.85rem}
th,td{padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}td{vertical-align:middle}
.mono,pre,code{font:13px/1.45 ui-monospace,monospace}pre{margin:.25rem 0;padding:.6rem;background:var(--bg);border-radius:6px;
overflow:auto;max-height:22rem;white-space:pre-wrap;overflow-wrap:anywhere}.soft{color:var(--soft)}
.s0{color:var(--run)}.s1{color:var(--ok)}.s2{color:var(--bad)}.s3{color:var(--off)}.st{font-weight:600;white-space:nowrap}
form.filters{margin-bottom:1rem;display:flex;flex-wrap:wrap;gap:.75rem;align-items:end}label{display:grid;gap:.2rem;font-size:.85rem;color:var(--soft)}
input,select,button{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--soft);border-radius:6px;
padding:.35rem .6rem;min-height:2.2rem;max-width:100%}button{cursor:pointer}button:hover{background:var(--bg)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center}
ol.steps{list-style:none;margin:0;padding:0}ol.steps>li{border-left:3px solid var(--line);padding:.1rem 0 .9rem 1rem;margin:0}
ol.steps>li.done{border-color:var(--ok)}ol.steps>li.failed{border-color:var(--bad)}ol.steps>li.open{border-color:var(--run)}
ol.steps h3{font-size:1rem;margin:0}ol.steps .row form{margin-left:auto}summary{cursor:pointer}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.75rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}.error{color:var(--bad)}
`;

/** The form that asks for the signing key. */
export function signInPage(problem: string | null): Html {
  return layout(
    "Sign in",
    false,
    html`<section><h1>Sign in</h1>
      <form method="post" action="/sign-in" class="filters">
        <label>Signing key<input type="password" name="key" autocomplete="current-password" required autofocus></label>
        <button>Sign in</button></form>
      ${problem ? html`<p class="error" role="alert">${problem}</p>` : ""}</section>`,
  );
}

/** One sentence, and the way back. */
export function messagePage(title: string, text: string): Html {
  return layout(
    title,
    false,
    html`<section><h1>${title}</h1><p>${text}</p><p><a href="/">All runs</a></p></section>`,
  );
}

/** Functions and the runs that pass the filter; `runs` has one more than a page when there are more. */
export function runsPage(facts: {
  registry: Registry;
  runs: ListedRun[];
  query: Record<string, string>;
  canSignOut: boolean;
}): Html {
  const { registry, query } = facts;
  const runs = facts.runs.slice(0, PAGE_SIZE);
  const functions = registry.all.sort((a, b) => (a.slug < b.slug ? -1 : 1));
  const next = new URLSearchParams({ ...query, before: runs.at(-1)?.id ?? "" });
  const option = (value: string, text: string, chosen: string | undefined): Html =>
    html`<option value="${value}"${raw(chosen === value ? " selected" : "")}>${text}</option>`;
  const body = html`
    <section><h2>Functions</h2>
      ${functions.length === 0 ? html`<p>No app has been synced yet.</p>` : ""}
      <table><tbody>${functions.map((fn) => {
        const paused = registry.isPaused(fn);
        const triggers = fn.triggers.map((trigger) => ("cron" in trigger ? trigger.cron : trigger.event));
        return html`<tr><td><a href="/?function=${encodeURIComponent(fn.slug)}">${fn.slug}</a></td>
          <td class="soft">${triggers.join(", ")}</td><td>${paused ? html`<strong>paused</strong>` : "on"}</td>
          <td><form method="post" action="/functions/${encodeURIComponent(fn.slug)}/${paused ? "resume" : "pause"}">
            <button aria-label="${paused ? "Resume" : "Pause"} ${fn.slug}">${paused ? "Resume" : "Pause"}</button></form></td></tr>`;
      })}</tbody></table></section>
    <section><h2>Runs</h2>
      <form method="get" action="/" class="filters">
        <label>Function<select name="function">${option("", "All", query.function)}
          ${functions.map((fn) => option(fn.slug, fn.slug, query.function))}</select></label>
        <label>Status<select name="status">${option("", "All", query.status)}
          ${STATUS.map((text, at) => option(String(at), text, query.status))}</select></label>
        <label>From (UTC)<input type="datetime-local" name="from" value="${query.from ?? ""}"></label>
        <label>To (UTC)<input type="datetime-local" name="to" value="${query.to ?? ""}"></label>
        <label>Id of a run or event<input type="search" name="search" size="28"></label>
        <button>Show</button></form>
      ${runs.length === 0 ? html`<p>No runs.</p>` : ""}
      <table><thead><tr><th>Run</th><th>Function</th><th>Status</th><th>Queued (UTC)</th><th>Took</th></tr></thead>
      <tbody>${runs.map(
        (run) => html`<tr><td class="mono"><a href="/runs/${run.id}">${run.id}</a></td>
          <td>${registry.byId(run.fnId)?.slug ?? run.fnId}</td><td>${status(run.status)}</td>
          <td class="soft">${time(run.queuedAtMs)}</td>
          <td class="soft">${run.endedAtMs === null ? "" : duration(run.endedAtMs - run.queuedAtMs)}</td></tr>`,
      )}</tbody></table>
      ${facts.runs.length > PAGE_SIZE ? html`<p><a href="/?${next.toString()}">Older runs</a></p>` : ""}</section>`;
  return layout("Runs", facts.canSignOut, html`<h1>Functions and runs</h1>${body}`);
}

/** One run: its event, every step with its attempts, its end; and what may be done to it. */
export function runPage(facts: {
  registry: Registry;
  run: ListedRun;
  event: string | null;
  steps: ListedStep[];
  failures: ListedStep["failures"];
  canSignOut: boolean;
}): Html {
  const { run, steps, registry } = facts;
  const slug = registry.byId(run.fnId)?.slug ?? run.fnId;
  const act = (verb: string, text: string): Html =>
    html`<form method="post" action="/runs/${run.id}/${verb}"><button>${text}</button></form>`;
  return layout(
    `Run ${run.id}`,
    facts.canSignOut,
    html`<p><a href="/">All runs</a></p><h1>Run <span class="mono">${run.id}</span></h1>
    <section><div class="row"><span>${status(run.status)}</span>
      ${run.status === 0 ? act("cancel", "Cancel") : ""} ${act("rerun", "Rerun")}</div>
      <dl><dt>Function</dt><dd><a href="/?function=${encodeURIComponent(slug)}">${slug}</a></dd>
      <dt>Queued</dt><dd>${time(run.queuedAtMs)} UTC</dd>
      <dt>Ended</dt><dd>${run.endedAtMs === null ? "not yet" : html`${time(run.endedAtMs)} UTC, after ${duration(run.endedAtMs - run.queuedAtMs)}`}</dd>
      <dt>Event</dt><dd class="mono">${run.eventId}</dd>
      ${run.parentRunId ? html`<dt>Invoked by</dt><dd class="mono"><a href="/runs/${run.parentRunId}">${run.parentRunId}</a></dd>` : ""}</dl>
      ${json("Input", facts.event)} ${run.status === 0 ? "" : json(run.status === 2 ? "Error" : "Output", run.output)}</section>
    <section><h2>Steps</h2>
      ${failures(facts.failures, "The function")}
      ${steps.length === 0 ? html`<p>No step has a result yet.</p>` : ""}
      <ol class="steps">${steps.map((step) => stepView(run, step))}</ol></section>`,
  );
}

function stepView(run: ListedRun, step: ListedStep): Html {
  const failed = step.memo?.startsWith('{"error":') ?? false;
  const state = step.memo === null ? "open" : failed ? "failed" : "done";
  const attempts = step.failures.length + (step.memo === null ? 0 : 1);
  const words = { open: "pending", failed: "failed", done: "done" }[state];
  return html`<li class="${state}"><div class="row"><h3>${step.name}</h3><span class="soft">${step.op}</span>
      <span class="st ${state === "failed" ? "s2" : state === "done" ? "s1" : "s0"}">${words}</span>
      <span class="soft">${time(step.startedAtMs)}${step.memo === null ? "" : html`, ${duration(step.atMs - step.startedAtMs)}`}</span>
      <span class="soft">${attempts === 1 ? "1 attempt" : `${attempts} attempts`}</span>
      <form method="post" action="/runs/${run.id}/rerun">
        <input type="hidden" name="fromStep" value="${step.stepId}" data-step="${step.name}">
        <button aria-label="Rerun from ${step.name}">Rerun from here</button></form></div>
    ${failures(step.failures, "The step")} ${json("Input", step.input)}
    ${step.memo === null ? "" : json(failed ? "Error" : "Output", step.memo)}</li>`;
}

function failures(list: ListedStep["failures"], what: string): Html | "" {
  if (list.length === 0) return "";
  return html`${list.map(
    (
      failure,
    ) => html`<details><summary class="error">${what}: attempt ${failure.attempt + 1} failed, ${time(failure.atMs)}</summary>
      <pre>${pretty(failure.error)}</pre></details>`,
  )}`;
}

function json(title: string, text: string | null): Html | "" {
  if (text === null) return "";
  return html`<details${raw(title === "Error" ? " open" : "")}><summary>${title}</summary><pre>${pretty(text)}</pre></details>`;
}

/** Indented JSON, cut where it would only slow the page down. */
function pretty(text: string): string {
  const shown = text.length > 200_000 ? text : readable(JSON.parse(text));
  return shown.length > 50_000
    ? `${shown.slice(0, 50_000)}\n… ${shown.length - 50_000} more characters`
    : shown;
}

/** An error as people read it, by its stack where it has one; anything else as JSON. */
function readable(value: unknown): string {
  const error = (value as { error?: unknown } | null)?.error ?? value;
  const { name, message, stack } = (error ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof message !== "string" || typeof stack !== "string")
    return JSON.stringify(value, null, 2);
  return stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
}

function status(code: number): Html {
  return html`<span class="st s${code}">${STATUS[code] ?? code}</span>`;
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").slice(0, 23);
}

function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, ms)} ms`;
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

function layout(title: string, canSignOut: boolean, body: Html): Html {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width,initial-scale=1"><title>${title} · Cerniq engine</title>
    <style>${raw(STYLE)}</style></head><body>
    <header><a href="/"><strong>Cerniq engine</strong></a>
    ${canSignOut ? html`<form method="post" action="/sign-out"><button>Sign out</button></form>` : ""}</header>
    <main>${body}</main></body></html>`;
}
