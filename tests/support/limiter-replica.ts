/** A process of its own that sends requests as fast as its limiter lets it; its event loop stalls, if it is told to. */
import { createLimiter } from "#src/platform/limiter.ts";
import { createRedis } from "#src/platform/redis.ts";
import { createHttp } from "#src/providers/http.ts";

const { redisUrl, url, name, windows, marginMs, askers, stalls } = JSON.parse(process.argv[2] ?? "{}");
const limiter = createLimiter(createRedis(redisUrl), { name, windows, marginMs });
const http = createHttp({ provider: name, baseUrl: url, timeoutMs: 5_000, maxResponseBytes: 1_000 });

if (stalls) {
  setInterval(() => {
    const until = performance.now() + 40;
    while (performance.now() < until);
  }, 80);
}

for (let asker = 0; asker < askers; asker++) void askForEver();

async function askForEver(): Promise<never> {
  for (;;) {
    const permit = await limiter.acquire({ maxWaitMs: 60_000 });
    await http.postJson("x", [], { signal: permit.signal, onSent: permit.sent }).catch(() => {});
    permit.sent();
  }
}
