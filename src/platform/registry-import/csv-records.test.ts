import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCsvRecord, splitCsvLine } from "./csv-records.ts";

const records = (text: string, delimiter = ",") => {
  const all = [];
  for (let position = 0; position < text.length; ) {
    const record = readCsvRecord(text, position, delimiter, true);
    if (record.status === "incomplete") throw new Error("never at the end of a file");
    all.push(record.status === "record" ? record.cells : record.status);
    position = record.next;
  }
  return all;
};

describe("readCsvRecord", () => {
  it.each([
    [
      "a,b\nc,d\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "a,b\r\nc,d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    ['"a,b",c\n', [["a,b", "c"]]],
    ['"a ""b""",\n', [['a "b"', ""]]],
    ['"a\r\nb",c\r\n', [["a\r\nb", "c"]]],
    ['"a" ,b\n', [["a", "b"]]],
    ['a "b",c\n', [['a "b"', "c"]]],
    ['"",""\n', [["", ""]]],
    ['"a\nb,c\n', ["broken", ["b", "c"]]],
    ['"a" b,c\nd,e\n', ["broken", ["d", "e"]]],
    ['x,"a\n"b",y\n', ["broken", ["b", "y"]]],
    [",\n", [["", ""]]],
  ])("reads %j", (text, expected) => expect(records(text)).toEqual(expected));

  it("reads back whatever was written with quotes", () => {
    const cell = fc.string({ maxLength: 20 }).map((text) => text.replace(/[^\x20-\x7e\n]/g, "x"));
    fc.assert(
      fc.property(
        fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        (rows) => {
          const text = rows
            .map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(";"))
            .join("\r\n");
          expect(records(text, ";")).toEqual(rows);
        },
      ),
    );
  });

  it("waits for the next block when a record is not whole, and no longer than a record can be", () => {
    for (const part of ["a,b", 'a,"b', 'a,"b\nc', 'a,"b"']) {
      expect(readCsvRecord(part, 0, ",", false)).toEqual({ status: "incomplete" });
    }
    expect(readCsvRecord(`"a\n${"x".repeat(70_000)}`, 0, ",", false)).toEqual({
      status: "broken",
      next: 3,
      lines: 1,
    });
    expect(readCsvRecord(`"a\n",${"x".repeat(70_000)}`, 0, ",", false)).toEqual({
      status: "broken",
      next: 3,
      lines: 1,
    });
    expect(readCsvRecord(`${"x".repeat(70_000)}\na`, 0, ",", false)).toMatchObject({
      status: "too_long",
      next: 70_001,
    });
  });
});

describe("splitCsvLine", () => {
  it("knows when a quote stays open", () => {
    expect(splitCsvLine('a,"b, c"', ",")).toEqual(["a", "b, c"]);
    expect(splitCsvLine('a,"b', ",")).toBeNull();
  });
});
