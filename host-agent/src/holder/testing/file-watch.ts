/** What only a file tells: looked at whenever its directory changes, never by the clock. */
import { readFileSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Resolves once `check` holds for the file's text, which is undefined while there is no file. */
export function whenFile(file: string, check: (text: string | undefined) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dirname(file), () => look());
    const look = (): void => {
      if (!check(textOf(file))) return;
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
