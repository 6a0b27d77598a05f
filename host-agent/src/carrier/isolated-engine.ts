/** Containers that are made for workspaces, as calls: each is one script on the machine that they are to be on. */
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { stripUnsafe } from "@maestro/shared/sanitize";
import { ISOLATED } from "./isolated-script.ts";
import { containerName, isContainerName, isolationDigest, type Isolation } from "./isolated-type.ts";
import type { Claimant } from "./isolated-use.ts";
import type { RemoteShell } from "./remote-shell.ts";

export interface EngineDeps {
  /** Of the machine. */
  shell: RemoteShell;
  /** Below it are homes and the cache. Undefined: where everything of ours is on a remote host. */
  base: string | undefined;
  /** Its containers are labelled by it. */
  host: string;
}

/** Directories of a home in which there is one for each of them. */
export type Kept = "attempts" | "terminals";

/** Engines that are busy, or slow disks. */
const MAKE_MS = 120_000;
const SHORT_MS = 60_000;
const MAX_WORDS = 1024;

export class IsolatedEngine {
  readonly #deps: EngineDeps;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
  }

  nameOf(workspace: string): string {
    return containerName(this.#deps.host, workspace);
  }

  /**
   * Made or started where it does not run.
   *
   * @param workspace really, without links on the way. @param use `used`: there is work in it, even if none of that can be seen yet.
   * @param by `session`: its home is kept a while after it.
   */
  async ensure(
    workspace: string,
    isolation: Isolation,
    use: "used" | "free",
    by: Claimant["by"],
    signal: AbortSignal,
  ): Promise<Result<{ made: boolean; warning: string }>> {
    const { image, sharedNetwork, memoryBytes, cpus, pids } = isolation;
    const name = this.nameOf(workspace);
    const limits = [memoryBytes ?? "-", cpus ?? "-", pids].map(String);
    const args = [workspace, isolationDigest(isolation), image, sharedNetwork ? "shared" : "own", ...limits, use, by];
    const said = await this.#run("ensure", [name, ...args], MAKE_MS, signal);
    if (!said.ok) return said;
    const { word, rest } = said.value;
    if (word === "made" || word === "ready") return ok({ made: word === "made", warning: rest });
    return err(refusal(word, rest, { name, workspace, image }));
  }

  /** @param what `spent`, `all`: also what was kept of it for the next one. Only `all` takes it from under work that nobody here knows of. */
  async remove(name: string, what: "idle" | "spent" | "all", signal: AbortSignal): Promise<Result<void>> {
    const said = await this.#run("remove", [name, what], SHORT_MS, signal);
    if (!said.ok) return said;
    const { word, rest } = said.value;
    if (word === "removed") return ok(undefined);
    if (word === "failed") return err(maestroError("container_failed", `The container '${name}' could not be removed: ${rest}`, TYPE));
    return err(refusal(word, rest, { name, workspace: "", image: "" }));
  }

  /** Files of one in its home, where there is no container to remove them from within. */
  async wipe(name: string, what: Kept, entry: string, signal: AbortSignal): Promise<Result<void>> {
    const said = await this.#run("wipe", [name, what, entry], SHORT_MS, signal);
    return said.ok ? ok(undefined) : said;
  }

  /** `recent`: homes that sessions used not long ago. */
  async list(signal: AbortSignal): Promise<Result<{ containers: string[]; homes: string[]; recent: string[] }>> {
    const ran = await this.#script("list", [], SHORT_MS, signal);
    if (!ran.ok) return ran;
    const lines = ran.value.split("\n").map((line) => line.split(" "));
    // By them it is removed: of what is not named as ours nothing is.
    const named = (kind: string): string[] => lines.flatMap(([what, name = ""]) => (what === kind && isContainerName(name) ? [name] : []));
    return ok({ containers: named("container"), homes: named("home"), recent: named("recent") });
  }

  async #run(
    what: string,
    args: readonly string[],
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<Result<{ word: string; rest: string }>> {
    const ran = await this.#script(what, args, deadlineMs, signal);
    if (!ran.ok) return ran;
    const [word = "", ...rest] = ran.value.trim().split(" ");
    return ok({ word, rest: stripUnsafe(rest.join(" "), MAX_WORDS) });
  }

  async #script(what: string, args: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<Result<string>> {
    const { shell, base = "-", host } = this.#deps;
    const ran = await shell.run(ISOLATED, [what, base, host, ...args], { deadlineMs, signal });
    if (!ran.ok) return ran;
    const { exit, stdout, stderr } = ran.value;
    if (exit.type === "exit" && exit.code === 0) return ok(Buffer.from(stdout).toString("utf8"));
    return err(
      maestroError("remote_shell_broken", `The shell of the machine did not do as it was told. ${stripUnsafe(stderr, 512)}`.trim()),
    );
  }
}

const TYPE = { field: "isolate_with" };

function refusal(word: string, rest: string, { name, workspace, image }: { name: string; workspace: string; image: string }): MaestroError {
  switch (word) {
    case "none":
      return maestroError("container_engine_missing", "There is neither docker nor podman to make a container with.", {
        ...TYPE,
        hint: "Install one of them on that machine, for example: apt-get install docker.io",
      });
    case "down":
      return maestroError("container_engine_down", `The container engine does not answer: ${rest}`, {
        ...TYPE,
        hint: "See whether it runs, and whether the user of the host-agent may use it: docker info",
      });
    case "image":
      return maestroError("container_image_missing", `The image '${image}' is not on that machine, and nothing is fetched unasked.`, {
        field: "image",
        hint: `Fetch it there: docker pull ${image}`,
      });
    case "foreign":
      return maestroError("container_name_taken", `A ${rest} named '${name}' is there, which this host did not make.`, {
        ...TYPE,
        hint: `See what it is: docker inspect ${name}. Rename or remove it.`,
      });
    case "busy":
      return maestroError("workspace_busy", `In the container of '${workspace}' runs work whose type asks for another one.`, {
        field: "workspace",
        hint: "Wait for it, or cancel it: a workspace has one container at a time.",
      });
    case "holds":
      return maestroError("path_outside_roots", `'${workspace}' holds Maestro's own files, which would be seen in the container.`, {
        field: "workspace",
        hint: "Choose a directory of the project.",
      });
    case "address":
      return maestroError("container_failed", `The engine has no addresses left for another network: ${rest}`, {
        field: "shared_network",
        hint: "Clean up what is over (maestro cleanup), give the engine more (default-address-pools), or write shared_network: true.",
      });
    default:
      return maestroError("container_failed", `The container '${name}' could not be made: ${rest === "" ? word : rest}`, TYPE);
  }
}

/** There are only some thirty networks, unless the engine is told otherwise. */
export const isOutOfAddresses = ({ code, field }: MaestroError): boolean => code === "container_failed" && field === "shared_network";
