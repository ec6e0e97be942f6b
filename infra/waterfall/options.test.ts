import { describe, expect, it } from "vitest";
import { readOptions, UsageError } from "./options.ts";

const env = { DATABASE_URL: "postgres://here/cerniq" };

describe("the options of waterfall:simulate", () => {
  it("are read, with the default workspace", () => {
    expect(readOptions(["--field", "legal-data"], env)).toEqual({
      databaseUrl: env.DATABASE_URL,
      workspaceId: "00000000-0000-7000-8000-000000000001",
      field: "legal-data",
      order: null,
      segment: null,
      json: null,
    });
    const all = ["--field", "x", "--order", "b, a", "--segment", "caen", "--json", "/tmp/out.json"];
    expect(readOptions(all, env)).toMatchObject({
      order: ["b", "a"],
      segment: "caenDivision",
      json: "/tmp/out.json",
    });
  });

  it("may ask for help without anything else", () => {
    expect(readOptions(["--help"], {})).toBe("help");
  });

  it.each([
    [[], env, /--field is missing/],
    [["--field", "x"], {}, /DATABASE_URL is not set/],
    [["--field", "x", "--segment", "city"], env, /--segment knows county, legal-form, caen, not "city"/],
    [["--field", "x", "--order", "a,,b"], env, /--order takes names/],
    [["--field", "x", "--order", "a,a"], env, /each once/],
    [["--field", "x", "--workspace", "mine"], env, /--workspace takes an id/],
    [["--field", "x", "--sort", "a"], env, /--sort.*See --help/s],
  ])("%j is refused with a sentence", (args, variables, sentence) => {
    expect(() => readOptions(args, variables)).toThrow(UsageError);
    expect(() => readOptions(args, variables)).toThrow(sentence);
  });
});
