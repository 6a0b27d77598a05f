/**
 * Whoever makes `started` decides whether an attempt begins: a runner names itself in it, and the host-agent makes it a link
 * to nowhere when nothing may begin any more. A runner that a host-agent before it gave its orders cannot come between. [TK1]
 */
import { lstatSync, rmSync, symlinkSync } from "node:fs";
import * as path from "node:path";

/** Whoever reads through it finds no start. */
const NOBODY = "nobody";

/** False: a runner was first, and its work may have begun. */
export function barStart(dir: string): boolean {
  const started = path.join(dir, "started");
  try {
    symlinkSync(NOBODY, started);
    return true;
  } catch {
    // It may be barred already; and where nothing can be written, no runner can begin.
    return isBar(started) ?? true;
  }
}

/** Of an attempt whose end was not written down after all. */
export function unbarStart(dir: string): void {
  const started = path.join(dir, "started");
  if (isBar(started) === true) rmSync(started, { force: true });
}

const isBar = (started: string): boolean | undefined => lstatSync(started, { throwIfNoEntry: false })?.isSymbolicLink();
