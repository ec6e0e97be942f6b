/**
 * A simulated web: every site on one server. `GET /<scheme>/<host>/<path>` stands for `<scheme>://<host>/<path>`, which
 * is how safe-fetch.ts asks when WEBSITE_SIMULATOR_URL is set. Hosts that do not resolve, and servers that do not
 * answer, are told by a header.
 */
import type { Context } from "hono";
import { z } from "zod";
import { SIMULATED_FAILURE } from "#src/platform/safe-fetch.ts";
import { commonBehaviour, defineSimulator, type SimulatorEnv } from "../kit.ts";
import { robotsOf, type SimulatedSite, sentPage, simulatedSite } from "./site.ts";

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(150),
  jitterMs: z.number().int().min(0).default(100),
};

/** Sites have no limit of their own: what we keep to is our manners. */
const NO_LIMIT = [{ limit: 100_000, periodMs: 1_000 }];

/** What a site takes for a robot: all that does not pretend to be a browser and nothing else. */
const ROBOT = /bot|compatible;|crawler|spider|curl|node/i;

export const websitesSimulator = defineSimulator({
  slug: "websites",
  behaviour,
  env: (baseUrl) => ({ WEBSITE_SIMULATOR_URL: baseUrl }),
  routes(app, { ledger, guard }) {
    const failure = (c: Context<SimulatorEnv>, name: "unresolvable" | "unreachable") => {
      ledger().count(name);
      return c.text("", 502, { [SIMULATED_FAILURE]: name });
    };

    app.get(
      "/:scheme{https?}/:host/:path{.*}",
      guard(NO_LIMIT, (c) => c.text("", 429)),
      (c) => {
        const { scheme, host } = c.req.param();
        const path = `/${c.req.param("path")}`;
        const site = simulatedSite(host);
        if (!site || site.kind === "dead") return failure(c, "unresolvable");
        if (scheme === "https" && site.httpOnly) return failure(c, "unreachable");
        ledger().count(site.kind);
        if (site.kind === "redirect_loop") return c.redirect(`/${path === "/a" ? "b" : "a"}`);
        if (site.prefersWww && host === site.domain) return c.redirect(`${scheme}://www.${host}${path}`, 301);
        if (path === "/robots.txt" && site.hasRobots) return c.text(robotsOf(site));
        if (site.kind === "disallows_robots" && path !== "/robots.txt") ledger().count("uninvited");
        if (site.kind === "blocks_robots" && ROBOT.test(c.req.header("user-agent") ?? "")) {
          return c.html("<h1>403 Forbidden</h1>", 403);
        }
        return answer(c, site, path);
      },
    );
  },
});

function answer(c: Context<SimulatorEnv>, site: SimulatedSite, path: string): Response {
  const html = sentPage(site, path);
  if (path === "/oferta.pdf") return c.body("%PDF-1.7", 200, { "content-type": "application/pdf" });
  if (html === null) return c.html("<h1>Pagina nu există</h1>", 404);
  if (!site.wrongCharset) return c.html(html);
  return c.body(toLatin2(html), 200, { "content-type": "text/html; charset=utf-8" });
}

const LATIN_2: Record<string, number> = {
  Ă: 0xc3,
  ă: 0xe3,
  Â: 0xc2,
  â: 0xe2,
  Î: 0xce,
  î: 0xee,
  Ș: 0xaa,
  ș: 0xba,
  Ş: 0xaa,
  ş: 0xba,
  Ț: 0xde,
  ț: 0xfe,
  Ţ: 0xde,
  ţ: 0xfe,
};

/** ISO-8859-2, as far as Romanian needs it. */
const toLatin2 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(
    [...text].map((letter) => LATIN_2[letter] ?? (letter.charCodeAt(0) < 128 ? letter.charCodeAt(0) : 0x3f)),
  );
