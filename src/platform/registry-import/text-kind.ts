/** Tells a UTF-8 text from everything else that people upload by mistake, by its first bytes. */
import { isUtf8 } from "node:buffer";
import { type FileLabel, refuse } from "./refuse.ts";

const SIGNATURES: readonly { bytes: readonly number[]; problem: string; code: string }[] = [
  {
    bytes: [0x50, 0x4b, 0x03, 0x04],
    code: "zip_file",
    problem:
      "is a ZIP archive or an Excel workbook, not a text: unpack it, or save the sheet as CSV UTF-8, and upload that.",
  },
  {
    bytes: [0x50, 0x4b, 0x05, 0x06],
    code: "zip_file",
    problem: "is an empty ZIP archive, not a text: upload the CSV file itself.",
  },
  {
    bytes: [0x1f, 0x8b],
    code: "gzip_file",
    problem: "is compressed with gzip: unpack it (gunzip) and upload the CSV file itself.",
  },
  {
    bytes: [0x42, 0x5a, 0x68],
    code: "compressed_file",
    problem: "is compressed with bzip2: unpack it and upload the CSV file itself.",
  },
  {
    bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
    code: "compressed_file",
    problem: "is compressed with xz: unpack it and upload the CSV file itself.",
  },
  {
    bytes: [0x28, 0xb5, 0x2f, 0xfd],
    code: "compressed_file",
    problem: "is compressed with zstd: unpack it and upload the CSV file itself.",
  },
  {
    bytes: [0x37, 0x7a, 0xbc, 0xaf],
    code: "compressed_file",
    problem: "is a 7-Zip archive: unpack it and upload the CSV file itself.",
  },
  {
    bytes: [0x52, 0x61, 0x72, 0x21],
    code: "compressed_file",
    problem: "is a RAR archive: unpack it and upload the CSV file itself.",
  },
  {
    bytes: [0xd0, 0xcf, 0x11, 0xe0],
    code: "binary_file",
    problem: "is an old Excel or Word document: save the sheet as CSV UTF-8 and upload that.",
  },
  {
    bytes: [0x25, 0x50, 0x44, 0x46],
    code: "binary_file",
    problem: "is a PDF document: upload the data as CSV.",
  },
  {
    bytes: [0xff, 0xfe],
    code: "utf16_file",
    problem: "is UTF-16 text from its first byte on: save it as UTF-8 and upload it again.",
  },
  {
    bytes: [0xfe, 0xff],
    code: "utf16_file",
    problem: "is UTF-16 text from its first byte on: save it as UTF-8 and upload it again.",
  },
];

const HTML = /^\s*(?:<!--|<\?xml|<!doctype|<(?:html|head|body|title|script|div|h1|p|table)\b)/i;

/** @throws InvalidInputError when the head of the file shows that it is no UTF-8 text */
export function requireText(head: Buffer, label: FileLabel): void {
  if (head.length === 0) {
    throw refuse(
      "empty_file",
      label,
      "is empty (0 bytes): the export or the upload broke off, make it again.",
    );
  }
  for (const { bytes, code, problem } of SIGNATURES) {
    if (bytes.every((byte, index) => head[index] === byte)) throw refuse(code, label, problem);
  }
  const start = head.toString("latin1", 0, 1_024).replace(/^\xef\xbb\xbf/, "");
  if (HTML.test(start)) {
    throw refuse(
      "html_file",
      label,
      "is an HTML or XML page, probably an error page saved under this name: download the export again.",
    );
  }
  const firstLine = head.subarray(0, Math.max(head.indexOf(10), 0) || head.length);
  if (isUtf16(head))
    throw refuse("utf16_file", label, "is UTF-16 text: save it as UTF-8 and upload it again.");
  if (firstLine.includes(0) || controlShare(head) > 0.02) {
    throw refuse(
      "binary_file",
      label,
      "is binary data from its first line on, not a text: upload the CSV file itself.",
    );
  }
  if (isOtherEncoding(head)) {
    throw refuse(
      "not_utf8",
      label,
      "is not UTF-8: its header or most of its lines hold bytes of another encoding, such as Windows-1250; save it as UTF-8 and upload it again.",
    );
  }
}

// Every second byte of a western text is zero, the first ones or the second ones.
function isUtf16(head: Buffer): boolean {
  const sample = head.subarray(0, 2_048);
  let even = 0;
  let odd = 0;
  for (let index = 0; index < sample.length; index++) {
    if (sample[index] !== 0) continue;
    if (index % 2 === 0) even++;
    else odd++;
  }
  return Math.max(even, odd) > sample.length * 0.3 && Math.min(even, odd) < sample.length * 0.05;
}

function controlShare(head: Buffer): number {
  let controls = 0;
  for (const byte of head) if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) controls++;
  return controls / head.length;
}

// A few broken bytes spoil their own rows; a file in another encoding is another matter.
function isOtherEncoding(head: Buffer): boolean {
  const firstLine = head.indexOf(10);
  if (!isUtf8(head.subarray(0, Math.max(firstLine, 0)))) return true;
  let lines = 0;
  let broken = 0;
  for (let start = firstLine + 1; ; ) {
    const end = head.indexOf(10, start);
    if (end < 0) break;
    lines++;
    if (!isUtf8(head.subarray(start, end))) broken++;
    start = end + 1;
  }
  return lines >= 20 && broken > lines / 2;
}
