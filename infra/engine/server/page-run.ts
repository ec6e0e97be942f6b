import { html, raw } from "hono/html";
import type { Registry } from "../registry.ts";
import { RunStatus } from "../state/rows.ts";
import type { ListedRun, ListedStep, Timeline } from "../state/run-queries.ts";
import { button, duration, type Html, statusView, time } from "./page-layout.ts";

/** What is shown of one JSON, in characters; and up to which size it is indented. */
const MAX_SHOWN = 50_000;
const MAX_INDENTED = 200_000;

/** One run: its event, every step with its attempts, its end; and what may be done to it. */
export function runPage(registry: Registry, { run, event, steps, failures }: Timeline): Html {
  const slug = registry.byId(run.fnId)?.slug ?? run.fnId;
  const isActive = run.status === RunStatus.active;
  return html`<p><a href="/">All runs</a></p><h1>Run <span class="mono">${run.id}</span></h1>
    <section><div class="row">${statusView(run.status)}
      ${isActive ? button(`/runs/${run.id}/cancel`, "Cancel") : ""} ${button(`/runs/${run.id}/rerun`, "Rerun")}</div>
      <dl><dt>Function</dt><dd><a href="/?function=${encodeURIComponent(slug)}">${slug}</a></dd>
      <dt>Queued</dt><dd>${time(run.queuedAtMs)} UTC</dd>
      <dt>Ended</dt><dd>${run.endedAtMs === null ? "not yet" : `${time(run.endedAtMs)} UTC, after ${duration(run.endedAtMs - run.queuedAtMs)}`}</dd>
      <dt>Event</dt><dd class="mono">${run.eventId}</dd>
      ${run.parentRunId ? html`<dt>Invoked by</dt><dd class="mono"><a href="/runs/${run.parentRunId}">${run.parentRunId}</a></dd>` : ""}</dl>
      ${json("Input", event)} ${isActive ? "" : json(run.status === RunStatus.failed ? "Error" : "Output", run.output)}</section>
    <section><h2>Steps</h2>
      ${failedAttempts(failures, "The function")} ${steps.length === 0 ? html`<p>No step has a result yet.</p>` : ""}
      <ol class="steps">${steps.map((step) => stepView(run, step))}</ol></section>`;
}

function stepView(run: ListedRun, step: ListedStep): Html {
  const isDone = step.memo !== null;
  const failed = step.memo?.startsWith('{"error":') ?? false;
  const [state, color] = !isDone ? ["pending", "s0"] : failed ? ["failed", "s2"] : ["done", "s1"];
  const attempts = step.failures.length + (isDone ? 1 : 0);
  return html`<li class="${state}"><div class="row"><h3>${step.name}</h3><span class="soft">${step.op}</span>
      <span class="st ${color}">${state}</span>
      <span class="soft">${time(step.startedAtMs)}${isDone ? `, ${duration(step.atMs - step.startedAtMs)}` : ""}</span>
      <span class="soft">${attempts === 1 ? "1 attempt" : `${attempts} attempts`}</span>
      ${button(`/runs/${run.id}/rerun`, "Rerun from here", { fromStep: step.stepId }, `Rerun from ${step.name}`)}</div>
    ${failedAttempts(step.failures, "The step")} ${json("Input", step.input)} ${json(failed ? "Error" : "Output", step.memo)}</li>`;
}

function failedAttempts(list: ListedStep["failures"], what: string): Html[] {
  return list.map(
    ({
      attempt,
      atMs,
      error,
    }) => html`<details><summary class="error">${what}: attempt ${attempt + 1} failed, ${time(atMs)}</summary>
      <pre>${pretty(error)}</pre></details>`,
  );
}

function json(title: string, text: string | null | undefined): Html | "" {
  if (text == null) return "";
  return html`<details${raw(title === "Error" ? " open" : "")}><summary>${title}</summary><pre>${pretty(text)}</pre></details>`;
}

/** Indented JSON, cut where it would only slow the page down. */
function pretty(text: string): string {
  const shown = text.length > MAX_INDENTED ? text : readable(JSON.parse(text));
  const more = shown.length - MAX_SHOWN;
  return more > 0 ? `${shown.slice(0, MAX_SHOWN)}\n… ${more} more characters` : shown;
}

/** An error as people read it, by its stack where it has one; anything else as JSON. */
function readable(value: unknown): string {
  const error = (value as { error?: unknown } | null)?.error ?? value;
  const { name, message, stack } = (error ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || typeof message !== "string" || typeof stack !== "string")
    return JSON.stringify(value, null, 2);
  return stack.includes(message) ? stack : `${name}: ${message}\n${stack}`;
}
