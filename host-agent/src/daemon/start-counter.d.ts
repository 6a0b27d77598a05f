export interface StartCount {
    start: number;
    /** Why the count could not be kept, when it could not. */
    problem: string | undefined;
}
export declare function nextStart(file: string, wallMs: number): StartCount;
/** @param known the last persisted count, 0 when there is none. */
export declare const chooseStart: (known: number, wallMs: number) => number;
