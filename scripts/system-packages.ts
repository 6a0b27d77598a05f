/**
 * The programs that tests drive and npm does not bring. On Debian as root they are installed; elsewhere the
 * missing ones are named, and only the tests that need them are skipped. In CI a missing part is a failure.
 */
import { access, constants, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { runCommand } from "./command.ts";
import { failed, passed, type Step, type StepOutcome } from "./steps.ts";

interface Program {
  /** Any of these names will do. */
  names: readonly [string, ...string[]];
  debian: string;
  purpose: string;
}

const PROGRAMS: readonly Program[] = [
  { names: ["tmux"], debian: "tmux", purpose: "sessions on tmux" },
  { names: ["chromium", "chromium-browser", "google-chrome"], debian: "chromium", purpose: "the console in a browser" },
  { names: ["sshd"], debian: "openssh-server", purpose: "an SSH peer" },
  { names: ["ip"], debian: "iproute2", purpose: "a second host in its own network namespace" },
  { names: ["curl"], debian: "curl", purpose: "joining by the console's line" },
  { names: ["openssl"], debian: "openssl", purpose: "a certificate made by hand" },
  { names: ["faketime"], debian: "faketime", purpose: "a machine with a wrong clock" },
  { names: ["jq"], debian: "jq", purpose: "the examples of the user guide, as written" },
  { names: ["git"], debian: "git", purpose: "worktrees" },
  { names: ["ps"], debian: "procps", purpose: "process trees" },
  { names: ["busybox"], debian: "busybox", purpose: "the runner in a second shell" },
  { names: ["dockerd"], debian: "docker.io", purpose: "containers" },
  { names: ["mount"], debian: "mount", purpose: "full disks and machines without cgroups" },
];

export const systemPackagesStep: Step = { name: "system packages", run: provide };

/** Programs that are not there, by their first name. */
async function missingPrograms(): Promise<Program[]> {
  const found = await Promise.all(PROGRAMS.map(({ names }) => Promise.all(names.map(onPath)).then((all) => all.includes(true))));
  return PROGRAMS.filter((_, index) => found[index] === false);
}

async function provide(): Promise<StepOutcome> {
  const before = await missingPrograms();
  if (before.length === 0) return passed("all there");
  const apt = (await isDebian()) && process.getuid?.() === 0 ? await aptInstall(before) : undefined;
  const missing = await missingPrograms();
  if (missing.length === 0) return passed(`installed ${before.map(({ debian }) => debian).join(" ")}`);
  const told = missing.map(({ names, debian, purpose }) => `${names[0]} (${purpose}; Debian: apt-get install ${debian})`).join(", ");
  if (isSet(process.env["CI"])) return failed(`missing in CI: ${told}\n${apt ?? ""}`);
  return { state: "skipped", because: `missing: ${told}` };
}

/** Answers the end of apt's output, for when something is still missing afterwards. */
async function aptInstall(programs: readonly Program[]): Promise<string> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const update = await runCommand(["apt-get", "update", "-q"], { env, timeoutMs: 180_000 });
  const packages = programs.map(({ debian }) => debian);
  const install = await runCommand(["apt-get", "install", "-y", "-q", "--no-install-recommends", ...packages], { env, timeoutMs: 420_000 });
  return `${update.output.slice(-1500)}\n${install.output.slice(-3000)}`;
}

async function isDebian(): Promise<boolean> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^ID(_LIKE)?=.*debian/m.test(release);
}

async function onPath(name: string): Promise<boolean> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/bin"];
  const hits = await Promise.all(
    folders.map((folder) =>
      access(join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return hits.includes(true);
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== "" && value !== "0" && value !== "false";
