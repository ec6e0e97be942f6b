import { sql } from "drizzle-orm";

/** The instant so many milliseconds from now, by the database's clock, which all replicas share. */
export const after = (ms: number) => sql`now() + ${ms} * interval '1 millisecond'`;
