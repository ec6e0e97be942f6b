import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { clientIp, networkOf } from "./client-ip.ts";

async function seen(socketAddress: string, proxies: number, forwarded?: string): Promise<string | null> {
  const app = new Hono().get("/", (c) => c.json(clientIp(c, proxies)));
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  const socket = { remoteAddress: socketAddress, remotePort: 1, remoteFamily: "IPv4" };
  const answer = await app.request("/", { headers }, { incoming: { socket } });
  return (await answer.json()) as string | null;
}

describe("the caller's address", () => {
  it("is the socket's, whatever the caller writes", async () => {
    expect(await seen("203.0.113.7", 0)).toBe("203.0.113.7");
    expect(await seen("203.0.113.7", 0, "198.51.100.1")).toBe("203.0.113.7");
    expect(await seen("::ffff:203.0.113.7", 0)).toBe("203.0.113.7");
  });

  it("is what the outermost of our proxies saw, not what came before it", async () => {
    expect(await seen("10.0.0.1", 1, "198.51.100.1, 203.0.113.7")).toBe("203.0.113.7");
    expect(await seen("10.0.0.1", 2, "198.51.100.1, 203.0.113.7, 10.0.0.2")).toBe("203.0.113.7");
    expect(await seen("10.0.0.1", 1)).toBeNull();
    expect(await seen("10.0.0.1", 1, "<script>")).toBeNull();
  });

  it("is none without a socket", async () => {
    const app = new Hono().get("/", (c) => c.json(clientIp(c, 0)));
    expect(await (await app.request("/")).json()).toBeNull();
  });
});

describe("the network that is counted together", () => {
  it("is the address itself, and of IPv6 the /64", () => {
    expect(networkOf("203.0.113.7")).toBe("203.0.113.7");
    expect(networkOf("2001:db8:1:2:3:4:5:6")).toBe(networkOf("2001:db8:1:2:ffff::1"));
    expect(networkOf("2001:db8:1:2::1")).not.toBe(networkOf("2001:db8:1:3::1"));
    expect(networkOf(null)).toBe("unknown");
  });
});
