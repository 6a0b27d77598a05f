/** The user's ssh-agent: which keys it holds, and its signature with one of them. */
import type { BaseAgent, IdentityCallback, ParsedKey, PublicKeyEntry } from "ssh2";
import type { IdentityAgent } from "../ssh-target.ts";
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

/** What cannot be reached holds none: keys in files may do. */
export function agentKeys({ OpenSSHAgent, utils }: Ssh2, socket: string): Promise<AgentKeys> {
  return new Promise((resolve) => {
    new OpenSSHAgent(socket).getIdentities((error, keys = []) => {
      if (error !== undefined && error !== null) return resolve({ keys: [], problem: `the agent at ${socket} does not answer` });
      const parsed = keys.flatMap((key) => {
        const one = utils.parseKey(bare(key));
        return one instanceof Error ? [] : [one];
      });
      resolve({ keys: parsed, problem: undefined });
    });
  });
}

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
