/** [VR3] Lists that may outgrow a control frame, cut into pages. */

/** @param maxBytes of all items of one page as JSON. An item larger than that travels alone. */
export function pages<T>(items: readonly T[], maxBytes: number, maxItems: number): T[][] {
  const out: T[][] = [];
  let page: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (page.length > 0 && (bytes + size > maxBytes || page.length >= maxItems)) {
      out.push(page);
      page = [];
      bytes = 0;
    }
    page.push(item);
    bytes += size;
  }
  if (page.length > 0) out.push(page);
  return out;
}
