/** From what sources say to what is kept of it. */
import type { z } from "zod";
import type { NewApproval } from "#db/queries/approvals.ts";
import type { NewFieldValue } from "#db/queries/field-values.ts";
import type { Deps } from "#src/deps.ts";
import { maskPersonalNumbersDeep } from "#src/domain/registry/personal-numbers.ts";
import { cleanEuid, cleanRegistrationNumber } from "#src/domain/registry/registration-number.ts";
import type { RunnableField } from "#src/platform/chunk-work.ts";
import type { End, Enquiry, Unanswered } from "./enquiry.ts";
import type { SourceAnswer } from "./source.ts";

/** Outside data: a value that does not fit its schema is no value, and no personal number passes. */
export function checkAnswer<Value extends Record<string, unknown>>(
  schema: z.ZodType<Value>,
  answer: SourceAnswer<Value> | undefined,
): SourceAnswer<Value> {
  if (!answer) return { status: "failed", code: "no_answer", retryable: true };
  if (answer.status !== "found" && answer.status !== "review") return answer;
  const parsed = schema.safeParse(answer.value);
  if (!parsed.success) return { status: "failed", code: "bad_value", retryable: false };
  return { ...answer, value: { ...maskPersonalNumbersDeep(parsed.data), ...registerNumbersOf(parsed.data) } };
}

/** The trade register's own numbers have thirteen digits since 2024, and are no personal numbers. */
function registerNumbersOf<Value extends Record<string, unknown>>({ registrationNumber, euid }: Value) {
  return {
    ...(typeof registrationNumber === "string"
      ? { registrationNumber: cleanRegistrationNumber(registrationNumber) }
      : {}),
    ...(typeof euid === "string" ? { euid: cleanEuid(euid) } : {}),
  };
}

export function foundValue(
  { target, spentMicros }: Enquiry<unknown>,
  source: string,
  answer: Extract<SourceAnswer<Record<string, unknown>>, { status: "found" }>,
  freshMs: number,
): NewFieldValue {
  const { value, confidencePct, snapshotId, observedAt } = answer;
  return {
    prospectId: target.id,
    status: "found",
    value,
    source,
    confidencePct,
    costMicros: spentMicros,
    snapshotId,
    errorCode: null,
    observedAt,
    freshUntil: new Date(observedAt.getTime() + freshMs),
  };
}

export function approvalOf(
  { target }: Enquiry<unknown>,
  source: string,
  answer: Extract<Unanswered, { status: "review" }>,
  { freshMs }: RunnableField,
  expiresAt: Date,
): NewApproval {
  const { confidencePct, reasons } = answer;
  const value = answer.value as Record<string, unknown>;
  return {
    ...{ prospectId: target.id, source, value, confidencePct, reasons, expiresAt },
    freshForMs: freshMs,
    defaultDecision: "reject",
  };
}

export function emptyValue(
  deps: Deps,
  { target, spentMicros }: Enquiry<unknown>,
  { source, answer }: Extract<End, { status: "settled" }>,
  { absentMs }: RunnableField,
  reviewEndsAt: Date,
): NewFieldValue {
  const failed = answer.status === "failed";
  const observedAt = failed ? deps.now() : answer.observedAt;
  const freshUntil = {
    // A failure is never fresh: the next job asks again.
    failed: observedAt,
    review: reviewEndsAt,
    notFound: new Date(observedAt.getTime() + absentMs),
  };
  const status = { failed: "failed", review: "in_review", notFound: "not_found" } as const;
  return {
    prospectId: target.id,
    status: status[answer.status],
    value: null,
    source,
    confidencePct: null,
    costMicros: spentMicros,
    snapshotId: failed ? null : answer.snapshotId,
    errorCode: failed ? answer.code : null,
    observedAt,
    freshUntil: freshUntil[answer.status],
  };
}
