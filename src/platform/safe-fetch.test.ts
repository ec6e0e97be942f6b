import http, { type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  createSafeFetch,
  type SafeFetchOptions,
  type SafeFetchReason,
  type SafeRequest,
  SIMULATED_FAILURE,
} from "./safe-fetch.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that stands for a public host: `site.test` with its port is allowed, its name resolves to loopback. */
async function serve(listener: RequestListener): Promise<{ host: string; options: SafeFetchOptions }> {
  const server = http.createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `site.test:${(server.address() as AddressInfo).port}`;
  return { host, options: { allowHosts: new Set([host]), resolve: async () => ["127.0.0.1"] } };
}

const REQUEST: SafeRequest = { timeoutMs: 3_000, maxBytes: 100_000, contentTypes: ["text/html"] };
const HTML = { "content-type": "text/html; charset=utf-8" };

async function refused(url: string, options: SafeFetchOptions = {}, request: Partial<SafeRequest> = {}) {
  const error = await createSafeFetch(options)(url, { ...REQUEST, ...request }).catch((cause) => cause);
  return error.reason as SafeFetchReason;
}

/** Answers for each name; any other name does not exist. */
const resolving = (names: Record<string, string[]>) => async (hostname: string) => names[hostname] ?? [];

describe("a URL that we do not fetch", () => {
  it.each([
    "ftp://site.ro/",
    "file:///etc/passwd",
    "gopher://site.ro/",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://site.ro:6379/",
    "https://site.ro:8443/",
    "http://user:secret@site.ro/",
    "http://site.ro@127.0.0.1/",
    "http:",
    "//site.ro",
    "site.ro",
    "",
  ])("%s", async (url) => {
    expect(await refused(url)).toBe("bad_url");
  });

  it("names neither the URL nor the host in its error", async () => {
    const error = await createSafeFetch()("http://user:secret@site.ro/", REQUEST).catch((cause) => cause);
    expect(error.message).toBe("The address was not fetched: bad url.");
  });
});

describe("an address that is not public", () => {
  it.each([
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://①②⑦.⓪.⓪.①/",
    "http:\\\\127.0.0.1\\",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.5.4/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[4000::1]/",
  ])("%s", async (url) => {
    expect(await refused(url)).toBe("forbidden_address");
    expect(await refused(url, { simulatorUrl: "http://127.0.0.1:9/websites" })).toBe("forbidden_address");
  });

  it("however it is written", async () => {
    const private4 = fc.oneof(
      fc.tuple(fc.constantFrom(0, 10, 127), fc.nat(255), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.constant(192), fc.constant(168), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.constant(169), fc.constant(254), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.integer({ min: 224, max: 255 }), fc.nat(255), fc.nat(255), fc.nat(255)),
    );
    type Bytes = [number, number, number, number];
    const number = ([a, b, c, d]: Bytes) => ((a * 256 + b) * 256 + c) * 256 + d;
    const notation = fc.constantFrom<(bytes: Bytes) => string>(
      (bytes) => bytes.join("."),
      (bytes) => String(number(bytes)),
      (bytes) => `0x${number(bytes).toString(16)}`,
      (bytes) => `0${number(bytes).toString(8)}`,
      (bytes) => bytes.map((byte) => `0${byte.toString(8)}`).join("."),
      ([a, ...rest]) => `0x${a.toString(16)}.${number([0, ...rest])}`,
      (bytes) => `[::ffff:${bytes.join(".")}]`,
      (bytes) => `${bytes.join(".")}.`,
    );
    await fc.assert(
      fc.asyncProperty(private4, notation, async (bytes, write) => {
        expect(await refused(`http://${write(bytes)}/`)).toBe("forbidden_address");
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [["127.0.0.1"]],
    [["8.8.8.8", "10.0.0.1"]],
    [["2606:4700::1111", "::1"]],
    [["::ffff:192.168.0.1"]],
    [["not an address"]],
  ])("behind a name: %j", async (addresses) => {
    expect(await refused("http://site.ro/", { resolve: async () => addresses })).toBe("forbidden_address");
  });

  it("behind a redirect", async () => {
    for (const location of [
      "http://127.0.0.1/",
      "http://localhost/",
      "http://metadata.test/",
      "//[::1]/",
      "http://2130706433/",
    ]) {
      const { host, options } = await serve((_, response) =>
        response.writeHead(302, { location }).end("go there"),
      );
      const resolve = resolving({
        "site.test": ["127.0.0.1"],
        localhost: ["127.0.0.1"],
        "metadata.test": ["169.254.169.254"],
      });
      expect(await refused(`http://${host}/`, { ...options, resolve })).toBe("forbidden_address");
    }
  });

  it("behind a redirect to another scheme or with credentials", async () => {
    for (const location of ["file:///etc/passwd", "http://a:b@site.ro/", "http://site.ro:22/"]) {
      const { host, options } = await serve((_, response) => response.writeHead(301, { location }).end());
      expect(await refused(`http://${host}/`, options)).toBe("bad_url");
    }
  });
});

describe("a name that changes its mind", () => {
  it("is resolved once, and the connection goes to the address that was checked", async () => {
    const { host, options } = await serve((_, response) => response.writeHead(200, HTML).end("pinned"));
    const asked: string[] = [];
    // Nobody but this resolver knows the name: a connection that resolved it again could not be made.
    const resolve = async (hostname: string) => {
      asked.push(hostname);
      return asked.length === 1 ? ["127.0.0.1"] : ["10.0.0.1"];
    };
    const response = await createSafeFetch({ ...options, resolve })(`http://${host}/`, REQUEST);
    expect(response.body.toString()).toBe("pinned");
    expect(asked).toEqual(["site.test"]);
  });

  it("is checked again at each redirect, to itself too", async () => {
    const { host, options } = await serve((_, response) =>
      response.writeHead(302, { location: "http://rebind.test/" }).end(),
    );
    const answers = [["8.8.8.8"], ["127.0.0.1"]];
    const seen: string[] = [];
    const resolve = async (hostname: string) => {
      if (hostname === "site.test") return ["127.0.0.1"];
      seen.push(hostname);
      return answers[seen.length] ?? [];
    };
    expect(await refused(`http://${host}/`, { ...options, resolve })).toBe("forbidden_address");
    expect(seen).toEqual(["rebind.test"]);
  });
});

describe("redirects", () => {
  it("are followed five times, and every request may be refused", async () => {
    let requests = 0;
    const { host, options } = await serve((request, response) => {
      requests++;
      const step = Number(request.url?.slice(1));
      if (step === 0) response.writeHead(200, HTML).end("arrived");
      else response.writeHead(302, { location: `/${step - 1}` }).end();
    });
    const fetched: string[] = [];
    const beforeRequest = async (url: URL) => {
      fetched.push(url.pathname);
    };
    const response = await createSafeFetch(options)(`http://${host}/5`, { ...REQUEST, beforeRequest });
    expect(response).toMatchObject({ status: 200, url: `http://${host}/0` });
    expect(fetched).toEqual(["/5", "/4", "/3", "/2", "/1", "/0"]);
    expect(await refused(`http://${host}/6`, options)).toBe("too_many_redirects");
    const before = requests;
    const refusing = async () => {
      throw new Error("not this one");
    };
    await expect(
      createSafeFetch(options)(`http://${host}/1`, { ...REQUEST, beforeRequest: refusing }),
    ).rejects.toThrow("not this one");
    expect(requests).toBe(before);
  });

  it("in a circle end", async () => {
    const { host, options } = await serve((_, response) => response.writeHead(302, { location: "/" }).end());
    expect(await refused(`http://${host}/`, options)).toBe("too_many_redirects");
  });
});

describe("a body", () => {
  it("comes decompressed, with the headers and without a cookie or a credential of ours", async () => {
    let received: http.IncomingHttpHeaders = {};
    const { host, options } = await serve((request, response) => {
      received = request.headers;
      response
        .writeHead(200, { ...HTML, "content-encoding": "gzip", "set-cookie": "a=1" })
        .end(gzipSync("<p>Câmpia</p>"));
    });
    const response = await createSafeFetch(options)(`http://${host}/`, {
      ...REQUEST,
      headers: { "user-agent": "Test" },
    });
    expect(response.body.toString()).toBe("<p>Câmpia</p>");
    expect(response.headers["set-cookie"]).toEqual(["a=1"]);
    expect(received).toMatchObject({ host, "user-agent": "Test" });
    expect(received).not.toHaveProperty("cookie");
    expect(received).not.toHaveProperty("authorization");
  });

  it("that is too large is given up, whatever it said of its length", async () => {
    const { host, options } = await serve((_, response) =>
      response.writeHead(200, HTML).end("x".repeat(100_001)),
    );
    expect(await refused(`http://${host}/`, options)).toBe("too_large");
  });

  it("that never ends is given up", async () => {
    let written = 0;
    const { host, options } = await serve((_, response) => {
      response.writeHead(200, HTML);
      const timer = setInterval(() => {
        written += 20_000;
        response.write("x".repeat(20_000));
      }, 1);
      response.once("close", () => clearInterval(timer));
    });
    expect(await refused(`http://${host}/`, options)).toBe("too_large");
    expect(written).toBeLessThan(5_000_000);
  });

  it.each([
    ["that drips", {}, "x"],
    ["that drips compressed", { "content-encoding": "gzip" }, gzipSync("x".repeat(1_000)).subarray(0, 10)],
  ])("%s is given up in time", async (_name, headers, first) => {
    const { host, options } = await serve((_, response) => {
      response.writeHead(200, { ...HTML, ...headers }).write(first);
      // The compressed one goes silent after its first bytes.
      const timer = setInterval(() => typeof first === "string" && response.write(first), 20);
      response.once("close", () => clearInterval(timer));
    });
    const startedAt = performance.now();
    expect(await refused(`http://${host}/`, options, { timeoutMs: 300 })).toBe("timeout");
    expect(performance.now() - startedAt).toBeLessThan(2_500);
  });

  it("that is a bomb is given up before it has unfolded", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    const { host, options } = await serve((_, response) =>
      response.writeHead(200, { ...HTML, "content-encoding": "gzip" }).end(bomb),
    );
    const before = process.memoryUsage().arrayBuffers;
    expect(await refused(`http://${host}/`, options)).toBe("too_large");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024);
  });

  it.each([
    ["application/pdf", undefined],
    ["text/html", "gzip, gzip"],
    ["text/html", "zstd"],
  ])("of type %s, encoding %s, is not read", async (type, encoding) => {
    const { host, options } = await serve((_, response) =>
      response
        .writeHead(200, { "content-type": type, ...(encoding ? { "content-encoding": encoding } : {}) })
        .end("x"),
    );
    expect(await refused(`http://${host}/`, options)).toBe("wrong_type");
  });

  it("of another type, of an error, is left out", async () => {
    const { host, options } = await serve((_, response) =>
      response.writeHead(503, { "content-type": "application/json" }).end("{}"),
    );
    const response = await createSafeFetch(options)(`http://${host}/`, REQUEST);
    expect(response).toMatchObject({ status: 503, body: Buffer.alloc(0) });
  });

  it("that is cut short or damaged is no body", async () => {
    const cut = await serve((_, response) => {
      response.writeHead(200, { ...HTML, "content-length": "500" });
      response.write("half");
      response.destroy();
    });
    expect(await refused(`http://${cut.host}/`, cut.options)).toBe("unreachable");
    const cutGzip = await serve((_, response) => {
      response.writeHead(200, { ...HTML, "content-encoding": "gzip", "content-length": "500" });
      response.write(gzipSync("half").subarray(0, 12));
      setImmediate(() => response.destroy());
    });
    expect(await refused(`http://${cutGzip.host}/`, cutGzip.options)).toBe("unreachable");
    const damaged = await serve((_, response) =>
      response.writeHead(200, { ...HTML, "content-encoding": "gzip" }).end("not gzip"),
    );
    expect(await refused(`http://${damaged.host}/`, damaged.options)).toBe("unreachable");
  });
});

describe("a host that is not there", () => {
  it("does not resolve, does not listen, does not answer, or its resolver does not", async () => {
    expect(await refused("http://gone.test/", { resolve: async () => [] })).toBe("unresolvable");
    const failing = async () => {
      throw new Error("ENOTFOUND");
    };
    expect(await refused("http://gone.test/", { resolve: failing })).toBe("unresolvable");
    const { host, options } = await serve((_, response) => response.end());
    servers.splice(0).forEach((server) => void server.close());
    expect(await refused(`http://${host}/`, options)).toBe("unreachable");
    const silent = await serve(() => {});
    expect(await refused(`http://${silent.host}/`, silent.options, { timeoutMs: 200 })).toBe("timeout");
    const stuck = { resolve: () => new Promise<string[]>(() => {}) };
    expect(await refused("http://stuck.test/", stuck, { timeoutMs: 200 })).toBe("timeout");
  });

  it("is waited for no longer than the caller does", async () => {
    const { host, options } = await serve(() => {});
    const abort = new AbortController();
    const fetched = createSafeFetch(options)(`http://${host}/`, { ...REQUEST, signal: abort.signal });
    abort.abort(new Error("no longer wanted"));
    await expect(fetched).rejects.toThrow("no longer wanted");
  });
});

describe("a simulated web", () => {
  it("is asked instead of the internet, under the host's name", async () => {
    const asked: string[] = [];
    const { host, options } = await serve((request, response) => {
      asked.push(`${request.headers.host} ${request.url}`);
      if (request.url === "/websites/http/old.example/") {
        response.writeHead(301, { location: "https://new.example/a?b=c" }).end();
      } else if (request.url === "/websites/http/dead.example/") {
        response.writeHead(502, { [SIMULATED_FAILURE]: "unresolvable" }).end();
      } else response.writeHead(200, HTML).end("simulated");
    });
    const port = host.split(":")[1];
    const simulated = { ...options, simulatorUrl: `http://127.0.0.1:${port}/websites` };
    const response = await createSafeFetch(simulated)("http://old.example/", REQUEST);
    expect(response).toMatchObject({ status: 200, url: "https://new.example/a?b=c" });
    expect(asked).toEqual([
      "old.example /websites/http/old.example/",
      "new.example /websites/https/new.example/a?b=c",
    ]);
    expect(await refused("http://dead.example/", simulated)).toBe("unresolvable");
  });

  it("is the only one whose word on failures counts", async () => {
    const { host, options } = await serve((_, response) =>
      response.writeHead(200, { ...HTML, [SIMULATED_FAILURE]: "unresolvable" }).end("real"),
    );
    const response = await createSafeFetch(options)(`http://${host}/`, REQUEST);
    expect(response.body.toString()).toBe("real");
  });
});
