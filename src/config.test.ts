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
    const config = loadConfig({ ...complete, PORT: "", SERVICE_KEY: "" });
    expect(config.PORT).toBe(3000);
    expect(config.SERVICE_KEY).toBeUndefined();
  });

  it("refuses a service key that could be guessed", () => {
    expect(() => loadConfig({ ...complete, SERVICE_KEY: "a-key-of-16-chars" })).toThrow(/SERVICE_KEY/);
  });

  it("takes sites that may call the API by their origins, and nothing else for one", () => {
    const { CORS_ORIGINS } = loadConfig({
      ...complete,
      CORS_ORIGINS: "https://a.example, http://localhost:5173",
    });
    expect(CORS_ORIGINS).toEqual(["https://a.example", "http://localhost:5173"]);
    expect(loadConfig(complete).CORS_ORIGINS).toEqual([]);
    for (const CORS_ORIGINS of ["*", "a.example", "https://a.example/", "https://a.example/x", "file:///"]) {
      expect(() => loadConfig({ ...complete, CORS_ORIGINS })).toThrow(/CORS_ORIGINS/);
    }
  });
});
