/** What this machine has, so that a test which cannot run says why in its title instead of failing. */
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The full run has longer bounds: `pnpm test --full`, `pnpm faults --full`. */
export const isFullRun: boolean = isSet(process.env["MAESTRO_FULL"]);

/** Undefined when all is there; otherwise the reason to skip, for a person. */
export type SkipReason = string | undefined;

const FOLDERS = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];

/** The path of the first of these programs that is there. */
export function program(...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of FOLDERS) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not here: the next folder may have it.
      }
    }
  }
  return undefined;
}

export type Part = "tmux" | "chromium" | "sshd" | "docker" | "netns" | "faketime" | "mounts" | "npm" | "linux" | "curl" | "openssl";

const NEEDED: Record<Part, () => SkipReason> = {
  tmux: () => missing("tmux", "tmux"),
  chromium: () => missing("chromium", "chromium", "chromium-browser", "google-chrome"),
  sshd: () => missing("openssh-server", "sshd"),
  docker: () => (process.getuid?.() === 0 ? missing("docker.io", "dockerd") : "a Docker engine of its own needs root"),
  netns: () => {
    if (process.getuid?.() !== 0) return "network namespaces need root";
    if (program("ip") === undefined) return "iproute2 is not installed (apt-get install iproute2)";
    // Being root in a container is not always enough.
    return runs("unshare", ["--net", "true"]) ? undefined : "this kernel lets root make no network namespace";
  },
  faketime: () => missing("faketime", "faketime"),
  mounts: () =>
    process.getuid?.() === 0 && runs("unshare", ["--mount", "true"]) ? undefined : "mount namespaces need root, and a kernel that lets it",
  npm: () => missing("npm", "npm"),
  curl: () => missing("curl", "curl"),
  openssl: () => missing("openssl", "openssl"),
  linux: () => (process.platform === "linux" ? undefined : "needs Linux"),
};

const known = new Map<Part, SkipReason>();

/**
 * `test.skipIf(lacking("tmux"))(title(…))`: undefined when every part is there.
 * In CI a missing part is a failure, not a silent skip, except for what no CI machine has to have.
 */
export function lacking(...parts: readonly Part[]): SkipReason {
  for (const part of parts) {
    if (!known.has(part)) known.set(part, NEEDED[part]());
    const reason = known.get(part);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** A title that says why it was skipped, if it was. */
export const titled = (title: string, reason: SkipReason): string => (reason === undefined ? title : `${title} (skipped: ${reason})`);

export function chromiumPath(): string {
  const found = program("chromium", "chromium-browser", "google-chrome");
  if (found === undefined) throw new Error("chromium is not installed (apt-get install chromium)");
  return found;
}

function missing(debian: string, ...names: readonly string[]): SkipReason {
  return program(...names) === undefined ? `${names[0] ?? debian} is not installed (apt-get install ${debian})` : undefined;
}

function runs(command: string, argv: readonly string[]): boolean {
  const file = program(command);
  if (file === undefined || !existsSync(file)) return false;
  try {
    execFileSync(file, argv, { stdio: "ignore", timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}
