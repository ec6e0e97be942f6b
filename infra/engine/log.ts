import { type Logger, pino } from "pino";

export type Log = Logger;

/** JSON lines on stderr; stdout belongs to the ready line. Callers never log event data, results or headers. */
export function createLog(level: string): Log {
  return pino({ name: "engine", level }, pino.destination({ dest: 2, sync: true }));
}
