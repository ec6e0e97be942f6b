import { DrizzleQueryError } from "drizzle-orm";
import { expect, it } from "vitest";
import { createLogger } from "./logger.ts";

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger("info", { write: (line) => lines.push(line) }));
  return lines.join("");
}

it("redacts secrets and personal data, at the top and one below", () => {
  const line = logged((logger) =>
    logger.info({ token: "s3cret", prospect: { name: "POPESCU", phone: "0712345678" }, count: 3 }, "done"),
  );
  expect(line).not.toMatch(/s3cret|POPESCU|0712345678/);
  expect(line).toContain('"count":3');
});

it("logs of an error its kind, code and safe words, and nothing that it carries", () => {
  const cause = Object.assign(new Error("duplicate"), { detail: "Key (name)=(POPESCU)" });
  const error = Object.assign(new DrizzleQueryError("INSERT INTO t", ["POPESCU ION"], cause), {
    row: "POPESCU",
  });
  const line = logged((logger) => logger.error({ err: error }, "failed"));
  expect(line).not.toContain("POPESCU");
  expect(line).toContain("INSERT INTO t");
  expect(line).toMatch(/logger\.test\.ts/);
});

it("masks personal numbers in error messages", () => {
  expect(logged((logger) => logger.error({ err: new Error("no 1800101221144") }, "x"))).not.toContain(
    "1800101221144",
  );
});

it("masks e-mail addresses and phone numbers in messages, and redacts what lies two levels below", () => {
  const line = logged((logger) => {
    logger.error({ err: new Error("550 ion@ferma.ro: no such user") }, "to 0712 345 678");
    logger.info({ provider: { credentials: "k-1", auth: { refreshToken: "r-1" } } }, "asked");
  });
  expect(line).not.toMatch(/ion@ferma|0712|k-1|r-1/);
});
