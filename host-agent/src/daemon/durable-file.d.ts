/** Readers see the old content or the new one, whole. The file is 0600. */
export declare function writeDurably(file: string, text: string): void;
export declare function removeDurably(file: string): void;
/** Undefined when there is none. A secret that others can read is refused, not used. */
export declare function readPrivate(file: string): string | undefined;
export declare const errnoOf: (error: unknown) => string | undefined;
