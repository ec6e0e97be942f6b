/** How large an archive is when it is unpacked, found out without keeping any of it. */
import { createInflateRaw } from "node:zlib";

const LOCAL_HEADER = 0x04034b50;
const AFTER_DATA = Buffer.from("PK\x07\x08", "latin1");
const STREAMED = 8;
const DEFLATED = 8;

/**
 * Bytes of all entries of a ZIP archive, unpacked or claimed, whichever is more: both cost memory. Goes through the
 * entries as they lie one after the other, like the program that will unpack them, and stops as soon as it is too much.
 * @returns a number above `most` when there is more
 */
export async function unfoldedSize(archive: Buffer, most: number): Promise<number> {
  let total = 0;
  let at = 0;
  while (at + 30 <= archive.length && archive.readUInt32LE(at) === LOCAL_HEADER && total <= most) {
    const flags = archive.readUInt16LE(at + 6);
    const method = archive.readUInt16LE(at + 8);
    const packed = archive.readUInt32LE(at + 18);
    const claimed = archive.readUInt32LE(at + 22);
    const start = at + 30 + archive.readUInt16LE(at + 26) + archive.readUInt16LE(at + 28);
    // What was written as a stream tells its sizes behind the data.
    const isOpen = (flags & STREAMED) !== 0 && packed === 0;
    const mark = isOpen ? archive.indexOf(AFTER_DATA, start) : -1;
    const end = !isOpen ? start + packed : mark === -1 ? archive.length : mark;
    const data = archive.subarray(start, end);
    const size = method === DEFLATED ? await inflatedSize(data, most - total) : data.length;
    total += Math.max(size, isOpen ? 0 : claimed);
    at = isOpen ? end + 16 : end;
  }
  return total;
}

async function inflatedSize(data: Buffer, most: number): Promise<number> {
  const inflate = createInflateRaw();
  inflate.end(data);
  let bytes = 0;
  try {
    for await (const chunk of inflate) {
      bytes += (chunk as Buffer).length;
      if (bytes > most) break;
    }
  } catch {
    // Damaged: whoever unpacks it will say so.
  }
  return bytes;
}
