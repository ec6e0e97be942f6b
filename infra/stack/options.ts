export type PartKind = "postgres" | "redis" | "engine" | "simulator" | "app";

export type StackOptions = {
  /** Where data, logs, keys and `stack.json` live, usually `.local`. One stack at a time per folder. */
  dataDir: string;
  /** Default: all. The app needs all but the simulator; the engine needs Postgres. */
  parts?: PartKind[];
  /** How many apps run, behind one address when there are several. Default 1. */
  appReplicas?: number;
  /** More environment for the app. Keep it small: the Inngest SDK copies it at every call. */
  env?: Record<string, string>;
  /** More environment for engine and simulator. */
  partEnv?: { engine?: Record<string, string>; simulator?: Record<string, string> };
  /** The app asks ANAF's real register of taxpayers; financial statements stay simulated. */
  liveAnaf?: boolean;
  /** The app starts again whenever a source file changes. */
  watch?: boolean;
  /** Fixed ports by part (`app-1`, `app-2`, … for the replicas); the others are picked. */
  ports?: Record<string, number>;
  /** Called with each line that a part writes to its log. */
  onLine?: (part: string, line: string) => void;
  /** Stop everything on SIGINT, SIGTERM and SIGHUP, then exit. Default true. */
  handleSignals?: boolean;
};
