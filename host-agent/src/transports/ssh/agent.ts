/** The user's ssh-agent: which keys it holds, and its signature with one of them. */
import type { Duplex } from "node:stream";
import type { BaseAgent, GetStreamCallback, IdentityCallback, ParsedKey, PublicKeyEntry } from "ssh2";
import type { IdentityAgent } from "../ssh-target.ts";
import { within, type Limits } from "./deadline.ts";
import type { Ssh2 } from "./library.ts";

export interface AgentKeys {
  keys: ParsedKey[];
  /** Why there are none, where an agent was named and gave no answer. */
  problem: string | undefined;
}

export function agentSocketOf(agent: IdentityAgent, env: Readonly<Record<string, string | undefined>>): string | undefined {
  switch (agent.kind) {
    case "none":
      return undefined;
    case "socket":
      return agent.path;
    case "environment": {
      const path = env["SSH_AUTH_SOCK"];
      return path === undefined || path === "" ? undefined : path;
    }
  }
}

/** An agent is a process beside us; one that has to ask somebody does so for signatures only. */
const LIST_MS = 3_000;

/** What cannot be reached, or does not answer, holds none: keys in files may do. */
export async function agentKeys({ OpenSSHAgent, utils }: Ssh2, socket: string, limits: Limits): Promise<AgentKeys> {
  let stream: Duplex | undefined;
  let overdue = false;
  class Watched extends OpenSSHAgent {
    override getStream(done: GetStreamCallback): void {
      super.getStream((cause, opened) => {
        stream = opened;
        if (overdue) stream?.destroy();
        done(cause, opened);
      });
    }
  }
  const listed = new Promise<AgentKeys>((resolve) => {
    new Watched(socket).getIdentities((error, keys = []) => {
      if (error !== undefined && error !== null) return resolve(silent(socket));
      const parsed = keys.flatMap((key) => {
        const one = utils.parseKey(bare(key));
        return one instanceof Error ? [] : [one];
      });
      resolve({ keys: parsed, problem: undefined });
    });
  });
  const waited = await within(listed, LIST_MS, limits);
  if (waited.type === "done") return waited.value;
  overdue = true;
  stream?.destroy();
  return silent(socket);
}

const silent = (socket: string): AgentKeys => ({ keys: [], problem: `the agent at ${socket} does not answer` });

const bare = (entry: ParsedKey | PublicKeyEntry): ParsedKey | Buffer | string => {
  if (!("pubKey" in entry)) return entry;
  return "pubKey" in entry.pubKey ? entry.pubKey.pubKey : entry.pubKey;
};

/** An agent that holds this key only: ssh2 offers all that one holds, and the order is ours. */
export function agentOfOne({ OpenSSHAgent }: Ssh2, socket: string, key: ParsedKey): BaseAgent {
  class OneKey extends OpenSSHAgent {
    override getIdentities(done: IdentityCallback<ParsedKey>): void {
      done(null, [key]);
    }
  }
  return new OneKey(socket);
}
