/** Which agent CLIs a remote host has, as far as was seen when it was looked at last. */
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Adapter } from "../adapters/adapter.ts";
import { BUILTIN_TYPES } from "../adapters/builtin.ts";
import type { Detected } from "../adapters/detect.ts";
import type { Program } from "../adapters/launch.ts";
import type { AskedProgram, FoundProgram } from "./hand.ts";

/** Types that ask for a container need one of them. */
const ENGINES = ["docker", "podman"];

export class RemotePrograms {
  #found: ReadonlyMap<string, FoundProgram> = new Map();

  /** What to look for. @param own programs of types that bring their own command line. */
  asked(own: readonly string[]): AskedProgram[] {
    const builtin = BUILTIN_TYPES.flatMap(({ binaries, versionArgs }) =>
      binaries.map((name) => ({ name, versionArgument: versionArgs[0] })),
    );
    const names = new Set(builtin.map(({ name }) => name));
    const others = [...own, ...ENGINES].filter((name) => !names.has(name)).map((name) => ({ name, versionArgument: undefined }));
    return [...builtin, ...others].map((one) => {
      const known = this.#found.get(one.name);
      return { ...one, stamp: known?.said === undefined ? undefined : known.stamp };
    });
  }

  /** Of what was not asked again, what it said before still holds. */
  learn(found: ReadonlyMap<string, FoundProgram>): void {
    const before = this.#found;
    const said = (name: string, { stamp, said: now }: FoundProgram): FoundProgram["said"] =>
      now ?? (before.get(name)?.stamp === stamp ? before.get(name)?.said : undefined);
    this.#found = new Map([...found].map(([name, one]) => [name, { ...one, said: said(name, one) }]));
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
