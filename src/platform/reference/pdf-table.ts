/** Rows and columns out of pieces of text with their places on a page. */

export interface PlacedText {
  text: string;
  /** Left edge and baseline, in points; y grows upwards. */
  x: number;
  y: number;
  width: number;
}

/** Baselines this close are one line. */
const LINE_TOLERANCE = 3;
/** Pieces closer than this belong to one cell. */
const CELL_GAP = 6;

/**
 * The table of a page. Columns begin where the cells of its header (the line with the most cells among the first ones)
 * begin; later pages keep the columns of the first.
 */
export function tableOfPage(
  pieces: readonly PlacedText[],
  knownColumns: readonly number[] | null,
): { rows: string[][]; columns: number[] | null } {
  const lines = linesOf(pieces).map(cellsOf);
  const header = lines.slice(0, 10).toSorted((a, b) => b.length - a.length)[0];
  if (!header || header.length < 2) return { rows: [], columns: knownColumns ? [...knownColumns] : null };
  const columns = knownColumns ? [...knownColumns] : header.map(({ x }) => x);
  const from = knownColumns ? 0 : lines.indexOf(header);
  const rows: string[][] = [];
  for (const line of lines.slice(from)) {
    const cells = columns.map(() => "");
    for (const { text, x, width } of line) {
      const at = columnOf(columns, x + width / 2);
      cells[at] = cells[at] ? `${cells[at]} ${text}` : text;
    }
    const last = rows.at(-1);
    // A long cell goes on in the line below, which has nothing in the first column.
    if (last && rows.length > 1 && cells[0] === "" && cells.filter(Boolean).length < columns.length / 2) {
      for (const [at, text] of cells.entries()) if (text) last[at] = `${last[at]} ${text}`.trim();
    } else if (cells.some(Boolean)) rows.push(cells);
  }
  return { rows, columns };
}

function linesOf(pieces: readonly PlacedText[]): PlacedText[][] {
  const lines: PlacedText[][] = [];
  for (const piece of pieces.filter(({ text }) => text.trim() !== "").toSorted((a, b) => b.y - a.y)) {
    const line = lines.at(-1);
    if (line && Math.abs((line[0]?.y ?? 0) - piece.y) <= LINE_TOLERANCE) line.push(piece);
    else lines.push([piece]);
  }
  return lines.map((line) => line.toSorted((a, b) => a.x - b.x));
}

function cellsOf(line: readonly PlacedText[]): PlacedText[] {
  const cells: PlacedText[] = [];
  for (const piece of line) {
    const before = cells.at(-1);
    const gap = before ? piece.x - (before.x + before.width) : Number.POSITIVE_INFINITY;
    if (before && gap < CELL_GAP) {
      before.text += gap > 1 ? ` ${piece.text}` : piece.text;
      before.width = piece.x + piece.width - before.x;
    } else cells.push({ ...piece });
  }
  return cells.map((cell) => ({ ...cell, text: cell.text.replace(/\s+/g, " ").trim() }));
}

/** The column whose stretch holds this x; columns reach up to where the next begins. */
function columnOf(columns: readonly number[], x: number): number {
  let at = 0;
  for (const [index, start] of columns.entries()) if (x >= start - CELL_GAP) at = index;
  return at;
}
