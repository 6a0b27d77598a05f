/** What was found on a remote host, as steps of its check. Pure. */
import type { CheckStep, HostCheck } from "@maestro/shared/contract/remote-hosts";
import type { ErrorCode } from "@maestro/shared/errors";
import { escapeUnsafe, stripUnsafe } from "@maestro/shared/sanitize";
import type { Adapter } from "../../adapters/adapter.ts";
import { HINTS } from "../hints.ts";

export type SectionName = Exclude<CheckStep["name"], "name" | "tcp" | "host-key" | "authentication">;
/** What the script said of a section, by field. */
export type Findings = ReadonlyMap<string, string>;

export interface Verdict {
  state: "ok" | "warning" | "failed";
  detail: string;
  code?: ErrorCode;
  hint?: string;
}

export interface Expected {
  container: string;
  cwd: string | undefined;
  /** The agent was asked to be shown there. */
  forwarded: "not asked" | "not allowed" | "no agent here" | "asked";
  /** Unix seconds here when it was asked there. */
  nowSeconds: number;
}

/** A field of `agents` is a binary's path by its adapter's name, or with this what it said of its version. */
const VERSION = ".version";
const MIN_FREE_KIB = 100 * 1024;
const LOW_FREE_KIB = 1024 * 1024;
/** Beyond it times in logs of both machines mislead. */
const MAX_SKEW_SECONDS = 30;

const UNFORWARDED: Readonly<Record<Exclude<Expected["forwarded"], "not asked">, { detail: string; hint: string }>> = {
  "not allowed": {
    detail: "The policy of the linked host does not let its ssh-agent be used there.",
    hint: "Whoever owns that host may name this one under `forward_agent` in its policy file.",
  },
  "no agent here": {
    detail: "The linked host has no ssh-agent to forward.",
    hint: "Start the host-agent with SSH_AUTH_SOCK set, or name an IdentityAgent.",
  },
  asked: { detail: "The server does not forward the ssh-agent.", hint: "See AllowAgentForwarding of its sshd_config." },
};

export function judge(section: SectionName, found: Findings, expected: Expected): Verdict {
  const text = (field: string): string => stripUnsafe(found.get(field) ?? "", 256).trim();
  switch (section) {
    case "shell":
      return { state: "ok", detail: `${text("user")} on ${text("hostname")} (${text("system")})` };
    case "path":
      if (found.has("cwd"))
        return {
          state: "failed",
          detail: `The directory ${expected.cwd ?? ""} does not exist there, or may not be entered.`,
          code: "remote_directory_missing",
          hint: HINTS.remote_directory_missing,
        };
      return { state: "ok", detail: `${text("dirs")} directories to find programs in` };
    case "tmux":
      return program(text("version"), "No tmux: sessions there end with the connection.", "Install tmux there.");
    case "git":
      return program(text("version"), "No git: agents there work without worktrees.", "Install git there.");
    case "container":
      return judgeContainer(text, found, expected.container);
    case "agents": {
      const names = [...found.keys()].filter((name) => name !== "end" && !name.endsWith(VERSION)).sort();
      if (names.length > 0) return { state: "ok", detail: names.join(", ") };
      return { state: "warning", detail: "No agent CLI was found; commands can be run.", hint: HINTS.agent_cli_missing };
    }
    case "agent-forwarding":
      if (expected.forwarded === "not asked") return { state: "ok", detail: "Not asked for." };
      if (found.has("socket")) return { state: "ok", detail: "The ssh-agent of the linked host is shown there." };
      return { state: "warning", ...UNFORWARDED[expected.forwarded] };
    case "disk":
      return judgeDisk(Number(text("free")));
    case "clock": {
      const skew = Math.round(Number(text("seconds")) - expected.nowSeconds);
      if (!Number.isFinite(skew)) return { state: "warning", detail: "The time there could not be read." };
      if (Math.abs(skew) <= MAX_SKEW_SECONDS) return { state: "ok", detail: "In step with the linked host." };
      return {
        state: "warning",
        detail: `${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} the linked host.`,
        hint: "Let both take their time from a server (NTP).",
      };
    }
  }
}

const program = (version: string, missing: string, hint: string): Verdict =>
  version === "" ? { state: "warning", detail: missing, hint } : { state: "ok", detail: version };

function judgeContainer(text: (field: string) => string, found: Findings, container: string): Verdict {
  const engine = text("engine");
  const what = engine === "" ? "Neither docker nor podman" : `${engine} ${text("version")}`;
  if (container === "none") return { state: "ok", detail: `${what}; none is used.` };
  if (container === "auto") {
    const running = Number(text("running"));
    if (running > 0) return { state: "ok", detail: `${what}, ${running} running` };
    return {
      state: "warning",
      detail: `${what}; no container runs there, so work runs on the machine itself.`,
      hint: "Start one, if it is meant to.",
    };
  }
  const failed = (detail: string, hint: string): Verdict => ({ state: "failed", detail, code: "container_not_running", hint });
  if (engine === "")
    return failed(
      `${what} is there, and the record asks for the container ${container}.`,
      "Install one there, or set the container to none.",
    );
  const state = found.get("state")?.trim();
  if (state === "true") return { state: "ok", detail: `${what}, ${container} is running` };
  return failed(
    state === "false" ? `The container ${container} is stopped.` : `There is no container ${container} that ${engine} shows to this user.`,
    state === "false" ? `${engine} start ${container}` : `See what there is: ${engine} ps -a`,
  );
}

function judgeDisk(freeKib: number): Verdict {
  if (!Number.isFinite(freeKib) || freeKib === 0) return { state: "warning", detail: "The free space there could not be read." };
  const detail = `${(freeKib / 1024 / 1024).toFixed(1)} GiB free`;
  if (freeKib >= LOW_FREE_KIB) return { state: "ok", detail };
  const hint = "Make room there: agents write work trees and logs.";
  return freeKib < MIN_FREE_KIB ? { state: "failed", detail, code: "disk_full", hint } : { state: "warning", detail, hint };
}

/** @param found of the section `agents`. */
export function agentsOf(found: Findings, adapters: readonly Pick<Adapter, "name" | "parseVersion">[]): HostCheck["agents"] {
  return adapters.flatMap(({ name, parseVersion }) => {
    const binary = found.get(name);
    if (binary === undefined) return [];
    const version = parseVersion(found.get(`${name}${VERSION}`) ?? "");
    const agent = { adapter: name, binary: escapeUnsafe(binary).slice(0, 4096) };
    return [version === undefined ? agent : { ...agent, version: stripUnsafe(version, 128) }];
  });
}
