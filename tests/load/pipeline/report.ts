/** The figures as tables. */
import { cpus, totalmem } from "node:os";
import Table from "cli-table3";
import type { Limited } from "./limited.ts";
import { cpuMsPerProspect, type Measured, median } from "./measured.ts";

/** The whole registry. */
const ALL = 2_860_000;

/** Of what, when: figures mean little without. */
export function machine(): string {
  const { model = "unknown" } = cpus()[0] ?? {};
  const gb = Math.round(totalmem() / 2 ** 30);
  return `${new Date().toISOString().slice(0, 16)}Z, ${cpus().length} cores (${model.trim()}), ${gb} GB, Node ${process.version}`;
}

export function sideBySide(ours: readonly Measured[], bullmq: readonly Measured[], ratio: number): string {
  const of = (runs: readonly Measured[], what: (run: Measured) => number) => median(runs.map(what));
  const row = (what: string, digits: number, figure: (run: Measured) => number) => {
    const [a, b] = [of(ours, figure), of(bullmq, figure)];
    return [what, n(a, digits), n(b, digits), (a / b).toFixed(2)];
  };
  const table = tableOf(["per prospect, median", "ours", "BullMQ", "ours / BullMQ"]);
  table.push(
    row("prospects/s", 0, (run) => run.prospectsPerSecond),
    row("CPU ms", 1, cpuMsPerProspect),
    row("Postgres bytes", 0, (run) => run.postgresBytes / run.prospects),
    row("Redis bytes at the peak", 0, (run) => run.redisBytes / run.prospects),
    row("import, s (apart)", 1, (run) => run.importSeconds),
  );
  const { prospects = 0 } = ours[0] ?? {};
  return [
    `Without provider limits, ${n(prospects)} companies, ${ours.length} runs of each in turn: ${ratio.toFixed(2)} times the reference`,
    table.toString(),
    cpuTable([...ours, ...bullmq].length > 0 ? { ours, BullMQ: bullmq } : {}),
    `prospects/s, run by run: ours ${runs(ours)}; BullMQ ${runs(bullmq)}`,
  ].join("\n");
}

const runs = (measured: readonly Measured[]) =>
  measured.map(({ prospectsPerSecond }) => Math.round(prospectsPerSecond)).join(", ");

function cpuTable(systems: Record<string, readonly Measured[]>): string {
  const names = Object.values(systems).flatMap((measured) => Object.keys(measured[0]?.cpuSeconds ?? {}));
  const parts = [...new Set(names)];
  const table = tableOf(["CPU ms per prospect", ...parts]);
  for (const [system, measured] of Object.entries(systems)) {
    const cells = parts.map((part) => {
      const ms = measured.map(({ cpuSeconds, prospects }) => ((cpuSeconds[part] ?? 0) / prospects) * 1_000);
      return Object.hasOwn(measured[0]?.cpuSeconds ?? {}, part) ? n(median(ms), 2) : "-";
    });
    table.push([system, ...cells]);
  }
  return table.toString();
}

export function limitedTable({ prospects, requiredPerSecond, requiredSeconds, ...rest }: Limited): string {
  const { windowSeconds, limits, fields } = rest;
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const paces = tableOf(["field", "chunks waited, s", "sent, of what its providers allow", "its pace"]);
  for (const { field, waitingSeconds, shares, share } of fields) {
    if (share === null) continue;
    const sent = Object.entries(shares).map(([limit, part]) => `${limit} ${percent(part)}`);
    paces.push([field, n(waitingSeconds), sent.join(", "), percent(share)]);
  }
  const uses = tableOf(["limit", "allowed/s", "requests", "refused as too fast"]);
  for (const { limit, allowedPerSecond, requests, refused } of limits) {
    uses.push([limit, n(allowedPerSecond, 2), n(requests), n(refused)]);
  }
  return [
    `With the providers' limits, ${n(prospects)} companies: ${requiredPerSecond} prospects/s of required fields`,
    `(${n(requiredSeconds)} s from the first request to the tax authority to the last required value; then ${n(windowSeconds)} s of the slower fields, which were stopped: draining them takes hours)`,
    "Fields for which work was waiting, and how much of their providers' limits was used in that time:",
    paces.toString(),
    "All requests:",
    uses.toString(),
  ].join("\n");
}

/** `growth`: CPU per prospect at the largest size, to that at the smallest. */
export function scaleTable(measured: readonly Measured[]): { table: string; growth: number } {
  const table = tableOf([
    "companies",
    "s",
    "prospects/s",
    "CPU ms each",
    "Postgres bytes each",
    "app, peak MB",
    "engine, peak MB",
  ]);
  for (const run of measured) {
    table.push([
      n(run.prospects),
      n(run.seconds, 1),
      n(run.prospectsPerSecond),
      n(cpuMsPerProspect(run), 1),
      n(run.postgresBytes / run.prospects),
      n(run.peakRssMb.app ?? 0),
      n(run.peakRssMb.engine ?? 0),
    ]);
  }
  const [first, last] = [measured[0], measured.at(-1)];
  if (!first || !last) return { table: "", growth: 1 };
  const growth = cpuMsPerProspect(last) / cpuMsPerProspect(first);
  const hours = ALL / last.prospectsPerSecond / 3_600;
  const gigabytes = (last.postgresBytes / last.prospects) * (ALL / 2 ** 30);
  const [busiest = "", seconds = 0] =
    Object.entries(last.cpuSeconds).toSorted(([, a], [, b]) => b - a)[0] ?? [];
  const cores = Object.values(last.cpuSeconds).reduce((sum, each) => sum + each, 0) / last.seconds;
  const text = [
    "Cost over size, without limits:",
    table.toString(),
    `CPU per prospect at the largest size is ${growth.toFixed(2)} x that at the smallest.`,
    `2.86 million at that pace: ${hours.toFixed(1)} h and ${gigabytes.toFixed(0)} GB of Postgres.`,
    `What limits it is CPU, first that of ${busiest} (${n((seconds / last.prospects) * 1_000, 1)} ms a prospect); all parts together took ${cores.toFixed(2)} of ${cpus().length} cores${cores < cpus().length * 0.8 ? ", so others were at work on this machine, or something waited" : ""}.`,
    "With limits it is ANAF: 100 companies a second are 7.9 h, whatever else there is.",
  ];
  return { table: text.join("\n"), growth };
}

const tableOf = (head: string[]) => new Table({ head, style: { head: [], border: [] } });

const n = (value: number, digits = 0): string =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
