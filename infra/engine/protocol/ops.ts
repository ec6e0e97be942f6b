import { createHash } from "node:crypto";
import { z } from "zod";

/** The id under which the SDK reports the end of the function itself as an op. */
export const RUN_OP_ID = createHash("sha1").update("complete").digest("hex");

const opSchema = z.looseObject({
  op: z.string(),
  id: z.string().min(1).max(512),
  name: z.string().nullish(),
  displayName: z.string().nullish(),
  opts: z.record(z.string(), z.unknown()).nullish(),
  data: z.unknown().optional(),
  error: z.unknown().optional(),
});

/** One thing that the SDK reports: a step that ran, failed, was planned, sleeps, invokes; or the run's end. */
export type Op = z.infer<typeof opSchema>;

/** The ops of an answer with status 206 (a list, or one alone), or null when they are none. */
export function parseOps(value: unknown): Op[] | null {
  const parsed = z.array(opSchema).safeParse(Array.isArray(value) ? value : [value]);
  return parsed.success ? parsed.data : null;
}

/** How the SDK names the step to people. */
export function opName(op: Op): string {
  return op.displayName ?? op.name ?? op.id;
}
