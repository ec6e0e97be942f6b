import { describe, expect, it } from "vitest";
import { TEST_SECRET_KEYS } from "#tests/support/secret-keys.ts";
import { loadConfig } from "./config.ts";

const complete = {
  DATABASE_URL: "postgres://localhost/cerniq",
  REDIS_URL: "redis://localhost",
  INNGEST_BASE_URL: "http://localhost:8288",
  INNGEST_EVENT_KEY: "event",
  INNGEST_SIGNING_KEY: "signkey-test-00",
  SECRET_KEYS: TEST_SECRET_KEYS,
};

describe("the configuration", () => {
  it("takes defaults for what is optional, and finds its own address", () => {
    expect(loadConfig(complete)).toMatchObject({
      PORT: 3000,
      HOST: "127.0.0.1",
      appUrl: "http://127.0.0.1:3000",
    });
  });

  it("reports all problems together, by variable, without values", () => {
    const broken = () =>
      loadConfig({ ...complete, DATABASE_URL: "hunter2", PORT: "many", REDIS_URL: undefined });
    expect(broken).toThrow(/DATABASE_URL[\s\S]*REDIS_URL|REDIS_URL[\s\S]*DATABASE_URL/);
    expect(broken).toThrow(/PORT/);
    expect(broken).not.toThrow(/hunter2/);
  });

  it("takes an empty variable for one that is not set", () => {
    const config = loadConfig({ ...complete, PORT: "", API_KEY: "" });
    expect(config.PORT).toBe(3000);
    expect(config.API_KEY).toBeUndefined();
  });

  it("does not open the API to a network without a key", () => {
    expect(() => loadConfig({ ...complete, HOST: "0.0.0.0" })).toThrow(/API_KEY/);
    expect(loadConfig({ ...complete, HOST: "0.0.0.0", API_KEY: "a-key-of-16-chars" }).HOST).toBe("0.0.0.0");
  });
});
