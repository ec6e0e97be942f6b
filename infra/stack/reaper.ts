import { spawn } from "node:child_process";
import type { Socket } from "node:net";

// Waits at the pipe that the stack holds. When the stack is gone without a goodbye (kill -9), the pipe ends,
// and what it had started is stopped here, the newest first.
const script = `
groups=""
while read -r action pid signal; do
  case "$action" in
    add) groups="$pid:$signal $groups" ;;
    drop) rest=""; for g in $groups; do [ "\${g%%:*}" = "$pid" ] || rest="$rest $g"; done; groups="$rest" ;;
    bye) exit 0 ;;
  esac
done
for g in $groups; do
  pid="\${g%%:*}"
  kill -s "\${g#*:}" -- "-$pid" 2>/dev/null || continue
  n=0
  while kill -s 0 -- "-$pid" 2>/dev/null && [ "$n" -lt 75 ]; do sleep 0.2; n=$((n + 1)); done
  kill -s KILL -- "-$pid" 2>/dev/null
done
exit 0
`;

export type Reaper = {
  add: (pid: number, stopSignal: NodeJS.Signals) => void;
  drop: (pid: number) => void;
  /** The stack has stopped everything itself. */
  bye: () => void;
};

/** Starts the small shell that ends the parts of a stack which cannot do so itself any more. */
export function startReaper(): Reaper {
  const child = spawn("/bin/sh", ["-c", script], {
    detached: true,
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  child.unref();
  (child.stdin as Socket).unref();
  const tell = (line: string) => void child.stdin.write(`${line}\n`);
  return {
    add: (pid, stopSignal) => tell(`add ${pid} ${stopSignal.replace(/^SIG/, "")}`),
    drop: (pid) => tell(`drop ${pid}`),
    bye: () => {
      tell("bye");
      child.stdin.end();
    },
  };
}
