import { readFileSync } from "node:fs";
import { html, raw } from "hono/html";
import { STATUSES } from "./run-filter.ts";

export type Html = ReturnType<typeof html>;

const STYLE = readFileSync(new URL("./page.css", import.meta.url), "utf8");

/** A whole page. */
export function layout(title: string, body: Html, canSignOut: boolean): Html {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width,initial-scale=1"><title>${title} · Cerniq engine</title>
    <style>${raw(STYLE)}</style></head><body>
    <header><a href="/"><strong>Cerniq engine</strong></a>${canSignOut ? button("/sign-out", "Sign out") : ""}</header>
    <main>${body}</main></body></html>`;
}

/** A form that is only a button, with what it sends; `label` where the text alone does not say what it is about. */
export function button(
  action: string,
  text: string,
  fields: Record<string, string> = {},
  label = text,
): Html {
  return html`<form method="post" action="${action}">
    ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
    <button aria-label="${label}">${text}</button></form>`;
}

/** A table, or a sentence where it would be empty. */
export function table(heads: string[], rows: (Html | string)[][], none: string): Html {
  if (rows.length === 0) return html`<p>${none}</p>`;
  return html`<table><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table>`;
}

export function statusView(code: number): Html {
  return html`<span class="st s${code}">${STATUSES[code] ?? code}</span>`;
}

export function time(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").slice(0, 23);
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, ms)} ms`;
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}
