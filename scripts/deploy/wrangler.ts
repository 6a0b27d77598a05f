/** wrangler as deployment uses it: every call checked, its JSON read, its failures said in a person's words. */
import { WRANGLER_ENV } from "../checks/worker.ts";
import { runCommand, type CommandOptions } from "../command.ts";

/** Ends the deployment with what was tried and what to do next; no stack is shown. */
export class DeployFailure extends Error {
  override readonly name = "DeployFailure";
}

export async function wrangler(what: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, output } = await runCommand(["wrangler", ...args], {
    timeoutMs: 300_000,
    ...options,
    env: { ...WRANGLER_ENV, ...options.env },
  });
  if (code !== 0) throw new DeployFailure(`${what} failed (wrangler ${args.slice(0, 3).join(" ")} ended with ${code}):\n${output.trim()}`);
  return output;
}

/** The JSON that a command printed, between whatever else it said. */
export function jsonIn(output: string): unknown {
  for (const [open, close] of [
    ["[", "]"],
    ["{", "}"],
  ] as const) {
    const from = output.indexOf(open);
    const to = output.lastIndexOf(close);
    if (from === -1 || to < from) continue;
    try {
      return JSON.parse(output.slice(from, to + 1));
    } catch {
      // Then it is not this kind of bracket.
    }
  }
  return undefined;
}

/** A field of every object in a list, where it is text. */
export function textFields(list: unknown, ...names: readonly string[]): Record<string, string>[] {
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    const fields: Record<string, string> = {};
    for (const name of names) {
      const value: unknown = typeof item === "object" && item !== null ? Reflect.get(item, name) : undefined;
      if (typeof value === "string") fields[name] = value;
    }
    return fields;
  });
}
