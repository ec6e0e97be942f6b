/**
 * A simulator of Twilio Lookup v2 (line_type_intelligence): its shapes, its limit (concurrency) and its error codes,
 * invented lines. Charges for each line that was looked up.
 */
import type { Context } from "hono";
import { z } from "zod";
import { hashedKey } from "#src/providers/subject-key.ts";
import { TWILIO_LOOKUP_MICROS } from "#src/providers/twilio/provider.ts";
import { isAmong, pick } from "../chance.ts";
import { commonBehaviour, defineSimulator, type SimulatorEnv } from "../kit.ts";

export const TWILIO_SID = "SKsimulated";
export const TWILIO_SECRET = "simulated-twilio-secret";

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(250),
  jitterMs: z.number().int().min(0).default(100),
  /** Requests under way at once; one more gets 429. */
  concurrency: z.number().int().min(1).default(10),
  /** Share of lines whose network does not answer the look-up. */
  failedPct: z.number().min(0).max(100).default(2),
  /** 1: the package's quota is used up. */
  spent: z.number().int().min(0).max(1).default(0),
};

/** The real limit is the concurrency below. */
const NO_LIMIT = [{ limit: 100_000, periodMs: 1_000 }];
const NETWORKS = ["Exemplu Mobil", "Exemplu Fix", "Exemplu Net"] as const;

export const twilioSimulator = defineSimulator({
  slug: "twilio",
  behaviour,
  env: (baseUrl) => ({
    TWILIO_BASE_URL: baseUrl,
    TWILIO_API_KEY_SID: TWILIO_SID,
    TWILIO_API_KEY_SECRET: TWILIO_SECRET,
  }),
  routes(app, { behaviour: now, ledger, guard }) {
    const refuse = (c: Context<SimulatorEnv>, status: 401 | 404 | 429, code: number, message: string) => {
      ledger().count(`code${code}`);
      const body = {
        code,
        message: `${message} (simulator)`,
        more_info: `https://www.twilio.com/docs/errors/${code}`,
        status,
      };
      return c.json(body, status);
    };
    const expected = `Basic ${Buffer.from(`${TWILIO_SID}:${TWILIO_SECRET}`).toString("base64")}`;
    let underWay = 0;

    app.use("/v2/*", async (c, next) => {
      if (now().limited === 1 && underWay >= now().concurrency) {
        ledger().count("calls");
        ledger().count("rateLimited");
        return refuse(c, 429, 20_429, "Too many concurrent requests");
      }
      underWay++;
      try {
        await next();
      } finally {
        underWay--;
      }
      return undefined;
    });

    app.get(
      "/v2/PhoneNumbers/:number",
      guard(NO_LIMIT, (c) => refuse(c, 429, 60_616, "Too fast")),
      (c) => {
        if (c.req.header("authorization") !== expected) return refuse(c, 401, 20_003, "Authenticate");
        if (now().spent === 1) return refuse(c, 429, 60_611, "Quota of the package exceeded");
        const number = c.req.param("number");
        if (!/^\+\d{5,17}$/.test(number))
          return refuse(c, 404, 20_404, "The requested resource was not found");
        const valid = /^\+40[237]\d{8}$/.test(number);
        const line =
          valid && c.req.query("Fields") === "line_type_intelligence"
            ? lineOf(number, now().failedPct)
            : null;
        if (line?.error_code === null) ledger().charge(hashedKey(number), TWILIO_LOOKUP_MICROS);
        return c.json({
          calling_country_code: valid ? "40" : null,
          country_code: valid ? "RO" : null,
          phone_number: number,
          national_format: valid ? `0${number.slice(3)}` : null,
          valid,
          validation_errors: valid ? null : ["INVALID_LENGTH"],
          caller_name: null,
          sim_swap: null,
          call_forwarding: null,
          line_status: null,
          line_type_intelligence: line,
          identity_match: null,
          reassigned_number: null,
          sms_pumping_risk: null,
          url: `https://lookups.twilio.com/v2/PhoneNumbers/${number}`,
        });
      },
    );
  },
});

/** The line's type by its number: 07 mobile, 037 mostly over the internet, the rest landlines. */
function lineOf(number: string, failedPct: number) {
  const id = Number(number.slice(3));
  if (isAmong(id, "line type failed", failedPct)) {
    return {
      mobile_country_code: null,
      mobile_network_code: null,
      carrier_name: null,
      type: null,
      error_code: 60_600,
    };
  }
  const type = number.startsWith("+407")
    ? "mobile"
    : number.startsWith("+4037")
      ? pick(id, "line type", ["fixedVoip", "fixedVoip", "nonFixedVoip", "landline", "uan"] as const)
      : "landline";
  return {
    mobile_country_code: "226",
    mobile_network_code: type === "mobile" ? "10" : null,
    carrier_name: type === "uan" ? null : pick(id, "network", NETWORKS),
    type,
    error_code: null,
  };
}
