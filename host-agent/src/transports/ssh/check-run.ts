/** A check while it goes on: its steps in order, and the looks around by one script, whatever carries that. */
import { CHECKS, type CheckStep, type HostCheck } from "@maestro/shared/contract/remote-hosts";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import type { Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import type { Adapter } from "../../adapters/adapter.ts";
import { checkScript } from "./check-script.ts";
import { agentsOf, judge, type Expected, type Findings, type SectionName } from "./check-steps.ts";
import { within, type Limits } from "./deadline.ts";
import type { RemoteEnd, Sinks } from "./process.ts";

export interface LookRequest extends Limits {
  /** As in the record. */
  container: string;
  cwd: string | undefined;
  agents: readonly Adapter[];
}

/** A script that was begun there. */
export interface Looking {
  end(): void;
  kill(why: MaestroError): void;
  ended: Promise<RemoteEnd>;
}

type Begin = (script: string, sinks: Sinks) => Promise<Result<Looking>>;

/** Of the looks around there; each question there has a shorter one of its own. */
const LOOK_MS = 40_000;
/** A section is a few lines. */
const MAX_SAID_CHARS = 256 * 1024;
/** Far above what the script asks about. */
const MAX_FIELDS = 256;
const MAX_VALUE_CHARS = 1024;

const WAY = ["name", "tcp", "host-key", "authentication"] as const;
const SECTIONS = CHECKS.filter((name): name is SectionName => !WAY.some((step) => step === name));

export class CheckRun {
  readonly #request: LookRequest;
  readonly #steps: CheckStep[] = [];
  #sinceMs: number;

  constructor(request: LookRequest) {
    this.#request = request;
    this.#sinceMs = request.clock.monotonicMs();
  }

  add(step: Omit<CheckStep, "ms">): void {
    const nowMs = this.#request.clock.monotonicMs();
    this.#steps.push({ ...step, ms: Math.round(nowMs - this.#sinceMs) });
    this.#sinceMs = nowMs;
  }

  /** The next step is the one that failed. */
  fail(error: MaestroError): void {
    const name = CHECKS[this.#steps.length];
    if (name !== undefined) this.add({ name, ...failure(error) });
  }

  finish(agents: HostCheck["agents"], hostKey?: HostCheck["hostKey"], hostname?: string): HostCheck {
    return {
      ok: !this.#steps.some(({ state }) => state === "failed"),
      steps: [...this.#steps, ...skipped(this.#steps.length)],
      ...(hostKey === undefined ? {} : { hostKey }),
      ...(hostname === undefined ? {} : { hostname }),
      agents,
    };
  }

  /** After the steps of the way: the others. @param place for people. */
  async look(
    place: string,
    forwarded: Expected["forwarded"],
    begin: Begin,
  ): Promise<{ agents: HostCheck["agents"]; hostname: string | undefined }> {
    const { agents, container, cwd, clock } = this.#request;
    const looked = await this.#lookAround(place, begin, (section, found) =>
      this.add({ name: section, ...judge(section, found, { container, cwd, forwarded, nowSeconds: clock.wallMs() / 1000 }) }),
    );
    if (looked.error !== undefined) this.fail(looked.error);
    const hostname = looked.found.get("shell")?.get("hostname");
    return {
      agents: agentsOf(looked.found.get("agents") ?? new Map(), agents),
      hostname: hostname === undefined ? undefined : stripUnsafe(hostname, 255),
    };
  }

  /** @param told called as each section is complete, in their order. */
  async #lookAround(
    place: string,
    begin: Begin,
    told: (section: SectionName, found: Findings) => void,
  ): Promise<{ found: ReadonlyMap<SectionName, Findings>; error: MaestroError | undefined }> {
    const found = new Map<SectionName, Map<string, string>>();
    let rest = "";
    let stderr = "";
    const started = await begin(checkScript(this.#request), {
      stdout(chunk) {
        const lines = `${rest}${chunk.toString("utf8")}`.split("\n");
        rest = (lines.pop() ?? "").slice(-MAX_SAID_CHARS);
        for (const line of lines) take(line);
      },
      stderr: (chunk) => (stderr = `${stderr}${chunk.toString("utf8")}`.slice(-512)),
    });
    if (!started.ok) return { found, error: started.error };
    started.value.end();
    const waited = await within(started.value.ended, LOOK_MS, this.#request);
    if (waited.type !== "done") {
      const error = maestroError("timeout", `${place} did not answer all questions within ${LOOK_MS / 1000} s.`, { field: "address" });
      started.value.kill(error);
      return { found, error };
    }
    if (waited.value.type === "lost") return { found, error: waited.value.error };
    const isWhole = SECTIONS.every((section) => found.get(section)?.has("end") === true);
    const said = stripUnsafe(stderr.trim(), 256);
    return {
      found,
      error: isWhole
        ? undefined
        : maestroError(
            "remote_shell_broken",
            `/bin/sh on ${place} stopped before it had looked at everything${said === "" ? "" : `: ${said}`}.`,
            { field: "user" },
          ),
    };

    function take(line: string): void {
      const [name, field, ...value] = line.split("\t");
      const section = SECTIONS.find((one) => one === name);
      if (section === undefined || field === undefined || found.get(section)?.has("end") === true) return;
      const fields = found.get(section) ?? new Map<string, string>();
      if (fields.size >= MAX_FIELDS && field !== "end") return;
      found.set(section, fields.set(field, value.join(" ").slice(0, MAX_VALUE_CHARS)));
      if (field === "end") told(section, fields);
    }
  }
}

const failure = ({ code, detail, hint }: MaestroError) => ({
  state: "failed" as const,
  detail: detail.slice(0, 1024),
  code,
  ...(hint === undefined ? {} : { hint: hint.slice(0, 1024) }),
});

const skipped = (from: number): CheckStep[] =>
  CHECKS.slice(from).map((name) => ({ name, state: "skipped", detail: "What it needs failed before.", ms: 0 }));
