/** [VR3] Lists that may outgrow a control frame, cut into pages. */
/** @param maxBytes of all items of one page as JSON. An item larger than that travels alone. */
export declare function pages<T>(items: readonly T[], maxBytes: number, maxItems: number): T[][];
