import { describe, expect, it } from "vitest";
import { cleanEuid, cleanRegistrationNumber } from "./registration-number.ts";

describe("cleanRegistrationNumber", () => {
  it.each(["J21/111/2009", "J2009000111219", "F2015000012210", "C40/1/1991"])("keeps %s", (number) =>
    expect(cleanRegistrationNumber(number)).toBe(number),
  );
  it("writes it without spaces, in capitals", () =>
    expect(cleanRegistrationNumber(" j21 / 111 / 2009 ")).toBe("J21/111/2009"));
  it.each([
    "",
    "  ",
    "1800101221144",
    "CNP1800101221144",
    "J1800101221144",
    "1 800101 221144",
    "x".repeat(65),
  ])("knows nothing of %j", (text) => expect(cleanRegistrationNumber(text)).toBeNull());
});

describe("cleanEuid", () => {
  it.each(["ROONRC.J21/111/2009", "ROONRC.J2009000111219"])("keeps %s", (euid) =>
    expect(cleanEuid(euid)).toBe(euid),
  );
  it.each(["", "ROONRC.1800101221144", "1800101221144", "ROONRC.J1800101221144"])(
    "knows nothing of %j",
    (text) => expect(cleanEuid(text)).toBeNull(),
  );
});
