/** Which keys are offered, in ssh's order: those of the agent that are configured, its others, then key files. */
import { access, readFile, stat } from "node:fs/promises";
import type { ParsedKey } from "ssh2";
import { maestroError, type MaestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";
import { errnoOf } from "../../daemon/durable-file.ts";
import type { Identity, SshTarget } from "../ssh-target.ts";
import { agentKeys, type AgentKeys } from "./agent.ts";
import { maySign } from "./algorithms.ts";
import type { Limits } from "./deadline.ts";
import { publicPartOf } from "./key-file.ts";
import type { Ssh2 } from "./library.ts";

export type Offer = { kind: "file"; path: string; key: ParsedKey } | { kind: "agent"; key: ParsedKey };

export interface Offers {
  offers: Offer[];
  /** What of the configured was not offered, and why, for people. */
  passedOver: string[];
  /** Key files that need a passphrase and that no agent holds. */
  locked: string[];
  /** Certificates of keys: those are not shown. */
  certificates: string[];
}

/** Servers end a connection after a few, six in OpenSSH; more than this only looks like an attack. */
const MAX_OFFERS = 12;

type Found =
  | { kind: "key"; path: string; key: ParsedKey }
  | { kind: "locked"; path: string; publicKey: ParsedKey | undefined; required: boolean }
  | { kind: "passed-over"; why: string };

/** Errors: `key_file_missing`, `key_file_permissions`, `key_file_invalid`, `key_passphrase_needed`; of files that are required only. */
export async function gatherOffers(
  ssh2: Ssh2,
  target: SshTarget,
  agentSocket: string | undefined,
  limits: Limits,
): Promise<Result<Offers>> {
  const found: Found[] = [];
  for (const identity of target.identityFiles) {
    const looked = await lookAt(ssh2, identity);
    if (!looked.ok) return looked;
    found.push(looked.value);
  }
  const agent: AgentKeys = agentSocket === undefined ? { keys: [], problem: undefined } : await agentKeys(ssh2, agentSocket, limits);
  const configured = found.map(publicKeyOf).filter((key) => key !== undefined);
  const isConfigured = (key: ParsedKey) => configured.some((one) => sameKey(one, key));
  const held = configured.flatMap((key) => agent.keys.filter((one) => sameKey(one, key)));
  const others = target.identitiesOnly ? [] : agent.keys.filter((key) => !isConfigured(key));
  const isHeld = (key: ParsedKey | undefined) => key !== undefined && held.some((one) => sameKey(one, key));

  const passedOver = agent.problem === undefined ? [] : [agent.problem];
  const locked: string[] = [];
  const files: Offer[] = [];
  for (const one of found) {
    if (one.kind === "passed-over") passedOver.push(one.why);
    if (one.kind === "key" && !isHeld(one.key)) files.push({ kind: "file", path: one.path, key: one.key });
    if (one.kind !== "locked" || isHeld(one.publicKey)) continue;
    if (one.required) return err(passphraseNeeded(one.path, agent.problem));
    locked.push(one.path);
  }
  const offers = [...[...held, ...others].map((key): Offer => ({ kind: "agent", key })), ...files];
  return ok({
    offers: offers.filter(({ key }) => maySign(target.algorithms, key.type)).slice(0, MAX_OFFERS),
    passedOver,
    locked,
    certificates: await certificatesOf(target),
  });
}

/** Those that ssh would show: what is named, and what lies beside a key. */
async function certificatesOf({ certificateFiles, identityFiles }: SshTarget): Promise<string[]> {
  const paths = [...new Set([...certificateFiles, ...identityFiles.map(({ path }) => `${path}-cert.pub`)])];
  const there = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return there.flat();
}

export const passphraseNeeded = (path: string, agentProblem?: string): MaestroError =>
  maestroError(
    "key_passphrase_needed",
    `The key ${path} is locked by a passphrase${agentProblem === undefined ? ", and no agent holds it" : `; ${agentProblem}`}.`,
    {
      field: "identity",
      hint: `Maestro stores no passphrases. Give the key to an agent that the host-agent can reach (SSH_AUTH_SOCK): ssh-add ${path}`,
    },
  );

async function lookAt(ssh2: Ssh2, { path, required }: Identity): Promise<Result<Found>> {
  const refuse = (error: MaestroError): Result<Found> => (required ? err(error) : ok({ kind: "passed-over", why: error.detail }));
  try {
    const { mode } = await stat(path);
    const text = await readFile(path);
    const parsed = ssh2.utils.parseKey(text);
    if (!(parsed instanceof Error)) {
      // A public key stands for one that only an agent holds.
      if (!parsed.isPrivateKey()) return ok({ kind: "locked", path, publicKey: parsed, required });
      if ((mode & 0o077) !== 0) return refuse(tooOpen(path, mode));
      return ok({ kind: "key", path, key: parsed });
    }
    if ((mode & 0o077) !== 0) return refuse(tooOpen(path, mode));
    if (!/encrypted/i.test(parsed.message))
      return refuse(
        maestroError("key_file_invalid", `${path} holds no private key that can be used here.`, {
          field: "identity",
          hint: `See what it is: ssh-keygen -lf ${path}`,
        }),
      );
    return ok({ kind: "locked", path, publicKey: await publicPartOf(ssh2, path, text), required });
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "ENOENT" || errno === "ENOTDIR") {
      if (!required) return ok({ kind: "passed-over", why: `${path} does not exist` });
      return err(
        maestroError("key_file_missing", `The key file ${path} does not exist.`, {
          field: "identity",
          hint: "It is a file of the linked host that reaches this one, not of the machine you type on.",
        }),
      );
    }
    return refuse(
      maestroError("key_file_permissions", `The key file ${path} cannot be read (${errno ?? "unknown"}).`, {
        field: "identity",
        hint: "It has to belong to the user of the host-agent.",
      }),
    );
  }
}

const tooOpen = (path: string, mode: number): MaestroError =>
  maestroError(
    "key_file_permissions",
    `The key file ${path} has mode ${(mode & 0o777).toString(8).padStart(4, "0")}: others can reach it.`,
    {
      field: "identity",
      hint: `chmod 600 ${path}`,
    },
  );

function publicKeyOf(found: Found): ParsedKey | undefined {
  switch (found.kind) {
    case "key":
      return found.key;
    case "locked":
      return found.publicKey;
    case "passed-over":
      return undefined;
  }
}

const sameKey = (a: ParsedKey, b: ParsedKey): boolean => a.getPublicSSH().equals(b.getPublicSSH());
