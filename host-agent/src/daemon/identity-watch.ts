/** [LK5] Notices that what a refusal stood on may have changed: the identity file, or the installed version. */
import { realpathSync, statSync } from "node:fs";
import { pause, type Clock } from "./clock.ts";

const LOOK_EVERY_MS = 2_000;

/** Resolves when one of the files is another than at the call, after `ms`, or on abort. */
export async function untilChanged(
  files: readonly string[],
  ms: number,
  clock: Clock,
  timeScale: number,
  signal: AbortSignal,
): Promise<void> {
  const first = stampOf(files);
  const untilMs = clock.monotonicMs() + ms;
  while (!signal.aborted && clock.monotonicMs() < untilMs) {
    await pause(clock, Math.min(LOOK_EVERY_MS * timeScale, untilMs - clock.monotonicMs()), signal);
    if (stampOf(files) !== first) return;
  }
}

function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const { mtimeMs, ino, size } = statSync(file);
        return `${realpathSync(file)} ${mtimeMs} ${ino} ${size}`;
      } catch {
        return "none";
      }
    })
    .join("\n");
}
