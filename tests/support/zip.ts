/** Writes ZIP archives, honest ones and others: what attack tests are made of. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipEntry {
  name: string;
  content: Buffer | string;
  /** What the headers say of its size; default: the truth. */
  claimedBytes?: number;
  /** Sizes come after the data, as from programs that write without looking back. */
  streamed?: boolean;
}

export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, claimedBytes, streamed = false } of entries) {
    const data = Buffer.from(content as string);
    const packed = deflateRawSync(data, { level: 9 });
    const size = claimedBytes ?? data.length;
    const sums = Buffer.alloc(12);
    sums.writeUInt32LE(crc32(data), 0);
    sums.writeUInt32LE(packed.length, 4);
    sums.writeUInt32LE(size, 8);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(streamed ? 8 : 0, 2);
    common.writeUInt16LE(8, 4);
    if (!streamed) sums.copy(common, 10);
    common.writeUInt16LE(name.length, 22);
    const descriptor = streamed
      ? Buffer.concat([Buffer.from("PK\x07\x08", "latin1"), sums])
      : Buffer.alloc(0);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), packed, descriptor]);
    files.push(local);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const inDirectory = Buffer.from(common);
    sums.copy(inDirectory, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), inDirectory, place, Buffer.from(name));
    offset += local.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, index, end]);
}

const MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
const RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/** A workbook of one sheet. @param sheetData XML: `<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>` */
export const workbookOf = (sheetData: string, sheet: Partial<ZipEntry> = {}): Buffer =>
  zipOf([
    {
      name: "[Content_Types].xml",
      content: `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
    },
    {
      name: "xl/workbook.xml",
      content: `<workbook ${MAIN} xmlns:r="${RELATIONS}"><sheets><sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    },
    {
      name: "xl/_rels/workbook.xml.rels",
      content: `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="${RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
    },
    {
      name: "xl/worksheets/sheet1.xml",
      content: `<worksheet ${MAIN}><sheetData>${sheetData}</sheetData></worksheet>`,
      ...sheet,
    },
  ]);
