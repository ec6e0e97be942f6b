import { sql } from "drizzle-orm";

/** An instant as Postgres writes it, in ISO 8601. */
export const iso = (instant: string): string => new Date(instant).toISOString();

/** The instant so many milliseconds from now, by the database's clock, which all replicas share. */
export const after = (ms: number) => sql`now() + ${ms} * interval '1 millisecond'`;
