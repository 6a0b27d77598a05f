/** Finds a program the way its spawn will, on the same bootstrap path [SSH20]. */
import { accessSync, constants, statSync } from "node:fs";
import * as path from "node:path";

/** @param overrides absolute paths looked at before the search path. */
export function locateProgram(names: readonly string[], searchPath: string, overrides: readonly string[] = []): string | undefined {
  for (const file of overrides) if (path.isAbsolute(file) && isProgram(file)) return file;
  for (const name of names) {
    if (path.isAbsolute(name)) {
      if (isProgram(name)) return name;
      continue;
    }
    for (const dir of searchPath.split(path.delimiter)) {
      const file = path.join(dir, name);
      if (path.isAbsolute(dir) && isProgram(file)) return file;
    }
  }
  return undefined;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
