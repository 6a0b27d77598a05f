/** Which agent CLIs a remote host has, as far as was seen when it was looked at last. */
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Adapter } from "../adapters/adapter.ts";
import { BUILTIN_TYPES } from "../adapters/builtin.ts";
import type { Detected } from "../adapters/detect.ts";
import type { Program } from "../adapters/launch.ts";
import type { FoundProgram } from "./hand.ts";

export class RemotePrograms {
  #found: ReadonlyMap<string, FoundProgram> = new Map();

  /** What to look for. @param own programs of types that bring their own command line. */
  static asked(own: readonly string[]): Map<string, string | undefined> {
    const asked = new Map<string, string | undefined>(own.map((name) => [name, undefined]));
    for (const { binaries, versionArgs } of BUILTIN_TYPES) for (const name of binaries) asked.set(name, versionArgs[0]);
    return asked;
  }

  /** True: it is not as it was. */
  learn(found: ReadonlyMap<string, FoundProgram>): boolean {
    const same = JSON.stringify([...found]) === JSON.stringify([...this.#found]);
    this.#found = found;
    return !same;
  }

  locate(name: string): string | undefined {
    return this.#found.get(name)?.path;
  }

  program(adapter: Adapter): Program | undefined {
    const detected = this.#look(adapter);
    return detected?.state === "found" ? { binary: detected.binary, version: detected.version } : undefined;
  }

  async detect(adapter: Adapter): Promise<Detected> {
    if (adapter.binaries.length === 0) return { state: "found", binary: "", version: "" };
    return this.#look(adapter) ?? { state: "missing", lookedFor: adapter.binaries.join(", "), install: adapter.install };
  }

  #look(adapter: Adapter): Detected | undefined {
    const program = adapter.binaries.flatMap((name) => this.#found.get(name) ?? [])[0];
    if (program === undefined) return undefined;
    const { path, said } = program;
    if (said?.ok === false) return { state: "invalid", problem: stripUnsafe(`${path} is there, but says: ${said.text}`, 1024) };
    return { state: "found", binary: path, version: stripUnsafe(adapter.parseVersion(said?.text ?? "") ?? "unknown", 128) };
  }
}
