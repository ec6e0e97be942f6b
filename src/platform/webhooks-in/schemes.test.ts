import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { secretInAddress, secretInHeader, standardWebhooks, WINDOW_MS } from "./schemes.ts";
import type { ReceivedWebhook } from "./source.ts";

// The test vector that Svix has published.
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const AT = new Date(1_614_265_330_000);
const vector = {
  "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
  "svix-timestamp": "1614265330",
  "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};
const BODY = '{"test": 2432232314}';

const webhook = (parts: Partial<ReceivedWebhook> & { text?: string } = {}): ReceivedWebhook => ({
  headers: vector,
  token: null,
  body: Buffer.from(parts.text ?? BODY),
  ...parts,
});
const verdictOn = (parts: Parameters<typeof webhook>[0], { secrets = [SECRET], now = AT } = {}) =>
  standardWebhooks.authenticate(webhook(parts), secrets, now);
const without = (name: string) =>
  Object.fromEntries(Object.entries(vector).filter(([header]) => header !== name));

describe("Standard Webhooks", () => {
  it("takes the published vector, by either name of the headers", () => {
    const renamed = Object.fromEntries(
      Object.entries(vector).map(([name, value]) => [name.replace("svix", "webhook"), value]),
    );
    expect(verdictOn({})).toBe("genuine");
    expect(verdictOn({ headers: renamed })).toBe("genuine");
  });

  it("takes what the reference library signs", () => {
    const at = new Date("2026-11-22T10:00:00Z");
    const text = '{"text":"mulțumesc"}';
    const signature = new Webhook(SECRET).sign("msg_1", at, text);
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": "1795341600",
      "webhook-signature": signature,
    };
    expect(verdictOn({ headers, text }, { now: at })).toBe("genuine");
  });

  it("signs the bytes: the same JSON written otherwise is another body", () => {
    expect(verdictOn({ text: '{"test":2432232314}' })).toBe("bad_signature");
    expect(verdictOn({ text: BODY.slice(0, -1) })).toBe("bad_signature");
    expect(verdictOn({ text: "" })).toBe("bad_signature");
  });

  it("accepts five minutes of difference each way, and no second more", () => {
    const at = (ms: number) => ({ now: new Date(AT.getTime() + ms) });
    expect(verdictOn({}, at(WINDOW_MS))).toBe("genuine");
    expect(verdictOn({}, at(-WINDOW_MS))).toBe("genuine");
    expect(verdictOn({}, at(WINDOW_MS + 1))).toBe("outside_window");
    expect(verdictOn({}, at(-WINDOW_MS - 1))).toBe("outside_window");
  });

  it("accepts either secret while they change, and none but these", () => {
    const other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    expect(verdictOn({}, { secrets: [other, SECRET] })).toBe("genuine");
    expect(verdictOn({}, { secrets: [other] })).toBe("bad_signature");
    expect(verdictOn({}, { secrets: [] })).toBe("bad_signature");
  });

  it.each<[string, string, "genuine" | "bad_signature"]>([
    ["several signatures", `v1,${"A".repeat(43)}= ${vector["svix-signature"]}`, "genuine"],
    ["a signature of another version beside it", `v1a,xyz= ${vector["svix-signature"]}`, "genuine"],
    ["only another version", vector["svix-signature"].replace("v1,", "v2,"), "bad_signature"],
    ["two headers, which the server has joined", `${vector["svix-signature"]}, v1,x`, "bad_signature"],
    ["the same bits in another spelling", vector["svix-signature"].replace("OE=", "OF="), "bad_signature"],
    ["base64 for addresses", vector["svix-signature"].replace("+", "-").replace("/", "_"), "bad_signature"],
    ["no padding", vector["svix-signature"].replace("=", ""), "bad_signature"],
    ["nothing", "", "bad_signature"],
  ])("with %s", (_, signature, verdict) => {
    expect(verdictOn({ headers: { ...vector, "svix-signature": signature } })).toBe(verdict);
  });

  it.each(["svix-id", "svix-timestamp", "svix-signature"])("refuses it without %s", (name) => {
    expect(verdictOn({ headers: without(name) })).toBe("bad_signature");
  });

  it.each<[string, Record<string, string>]>([
    ["a time that is none", { "svix-timestamp": "now" }],
    ["a time with a sign", { "svix-timestamp": "+1614265330" }],
    ["a time in full-width digits", { "svix-timestamp": "１６１４２６５３３０" }],
    ["two times, which the server has joined", { "svix-timestamp": "1614265330, 1614265330" }],
    [
      "an id that shifts the dots",
      { "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330", "svix-timestamp": "" },
    ],
    ["an id of two lines", { "svix-id": "msg_1\nmsg_2" }],
    ["an id without end", { "svix-id": "m".repeat(257) }],
  ])("refuses %s", (_, headers) => {
    expect(verdictOn({ headers: { ...vector, ...headers } })).toBe("bad_signature");
  });

  it("does not put a signature together from both names", () => {
    const headers = { ...without("svix-signature"), "webhook-signature": vector["svix-signature"] };
    expect(verdictOn({ headers })).toBe("bad_signature");
  });

  it("takes the provider's secrets, and nothing shorter", () => {
    const { secret } = standardWebhooks;
    const accepts = (text: string) => secret.madeBy === "provider" && secret.schema.safeParse(text).success;
    expect(accepts(SECRET)).toBe(true);
    expect(["whsec_", "whsec_abc", SECRET.slice(6), `${SECRET} `, ""].map(accepts)).not.toContain(true);
  });
});

describe("a secret that is only told", () => {
  const secrets = ["cq_hook_one", "cq_hook_two"];
  const byHeader = (authorization?: string) =>
    secretInHeader.authenticate(webhook({ headers: authorization ? { authorization } : {} }), secrets, AT);
  const byAddress = (token: string | null) => secretInAddress.authenticate(webhook({ token }), secrets, AT);

  it("is taken from the header or from the address, either of two", () => {
    expect(byHeader("Bearer cq_hook_one")).toBe("genuine");
    expect(byHeader("Bearer cq_hook_two")).toBe("genuine");
    expect(byAddress("cq_hook_two")).toBe("genuine");
  });

  it.each([
    "",
    "cq_hook_",
    "cq_hook_one ",
    "CQ_HOOK_ONE",
    "cq_hook_one\u200b",
    "ｃｑ_hook_one",
    "cq_hook_onee",
  ])("is not %j", (given) => {
    expect(byHeader(`Bearer ${given}`)).toBe("bad_signature");
    expect(byAddress(given)).toBe("bad_signature");
  });

  it("is missing", () => {
    expect(byHeader()).toBe("bad_signature");
    expect(byAddress(null)).toBe("bad_signature");
  });
});
