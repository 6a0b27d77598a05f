/** What a check of a remote host found, for people; and its first failure as a refusal. Pure. */
import type { CheckStep, HostCheck } from "@maestro/shared/contract/remote-hosts";
import { isErrorCode, maestroError, type MaestroError } from "@maestro/shared/errors";
import { renderTable, type Column } from "../render/table.ts";
import { duration } from "../render/time.ts";

const COLUMNS: readonly Column<CheckStep>[] = [
  { header: "check", value: ({ name }) => name },
  { header: "state", value: ({ state }) => (state === "failed" ? "FAILED" : state) },
  { header: "time", value: ({ state, ms }) => (state === "skipped" ? "" : ms < 1000 ? `${Math.round(ms)} ms` : duration(ms)) },
  { header: "found", value: ({ detail }) => detail },
];

/**
 * The remedy of what is not well stands below it.
 *
 * @param name of a host that was added: its own remedies leave the place of its name open.
 */
export function checkLines({ steps, agents }: HostCheck, name?: string): string[] {
  const [head = "", ...rows] = renderTable(steps, COLUMNS, { verbose: true });
  const indent = " ".repeat(Math.max(0, head.indexOf("FOUND")));
  const lines = rows.flatMap((row, i) => {
    const hint = steps[i]?.hint;
    if (hint === undefined || steps[i]?.state === "ok") return [row];
    return [row, `${indent}${name === undefined ? hint : hint.replace("host check …", `host check ${name}`)}`];
  });
  const found = agents.map(({ adapter, version }) => (version === undefined ? adapter : `${adapter} ${version}`)).join(", ");
  return [head, ...lines, ...(found === "" ? [] : [`agents: ${found}`])];
}

/**
 * Undefined: it is well, with warnings at most.
 *
 * @param accept the command line that trusts the key it showed, `<key>` in the place of the key.
 */
export function checkProblem({ ok, steps, hostKey }: HostCheck, name: string, accept: string): MaestroError | undefined {
  if (ok) return undefined;
  if (hostKey?.state === "unknown")
    return maestroError("host_key_unknown", `Nobody has said yet that '${name}' may show this key: ${hostKey.type} ${hostKey.sha256}.`, {
      hint: `If it is its key: ${accept.replace("<key>", hostKey.sha256)}`,
      extra: { hostKey: hostKey.sha256 },
    });
  const failed = steps.find(({ state }) => state === "failed");
  const code = failed?.code !== undefined && isErrorCode(failed.code) ? failed.code : "host_unreachable";
  return maestroError(code, `'${name}' cannot be used: ${failed?.detail ?? "its check failed"}`, {
    ...(failed === undefined ? {} : { field: failed.name }),
    ...(failed?.hint === undefined ? {} : { hint: failed.hint }),
  });
}
