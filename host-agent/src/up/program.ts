/** How this very program is started again: for its children, the launcher and the holder. */

/** Node with its options, and the entry file: the bundle, or `bin.ts` from the sources. */
export const thisProgram = (): readonly [string, ...string[]] => [process.execPath, ...process.execArgv, process.argv[1] ?? ""];
