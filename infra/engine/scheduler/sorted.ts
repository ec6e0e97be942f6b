/** Puts an item in its place in a sorted list, behind its equals. */
export function insertSorted<T>(list: T[], item: T, before: (a: T, b: T) => boolean): void {
  let from = 0;
  let to = list.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (before(item, list[middle] as T)) to = middle;
    else from = middle + 1;
  }
  list.splice(from, 0, item);
}
