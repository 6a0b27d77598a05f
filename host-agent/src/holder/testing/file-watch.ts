/** What only a file tells: looked at whenever its directory changes, never by the clock. */
import { readFileSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Less than a test has, so that it is told what did not come. */
const PATIENCE_MS = 25_000;

/** Resolves once `check` holds for the file's text, which is undefined while there is no file. */
export function whenFile(file: string, check: (text: string | undefined) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const watcher = watch(dirname(file), () => look());
    const giveUp = setTimeout(() => {
      watcher.close();
      reject(new Error(`'${file}' never was what ${String(check)} waits for, but: ${textOf(file)?.slice(0, 2_000) ?? "not there"}`));
    }, PATIENCE_MS);
    const look = (): void => {
      if (!check(textOf(file))) return;
      clearTimeout(giveUp);
      watcher.close();
      resolve();
    };
    look();
  });
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
