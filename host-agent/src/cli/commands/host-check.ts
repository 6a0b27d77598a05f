/** `maestro host check`: whether a remote host can be reached and used, saved or not; and who it is, where that is not known yet. */
import { EXIT, fail, MaestroFailure } from "@maestro/shared/errors";
import { HOST_CHECK_TIMEOUT_MS } from "@maestro/shared/limits";
import type { AcceptHostKey, HostCheck } from "@maestro/shared/contract/remote-hosts";
import { flag, param, type FlagValues } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { confirm } from "../config/secret-input.ts";
import type { Context } from "../context.ts";
import { LiveBlock } from "../render/live-block.ts";
import { resolveHost } from "../resolve.ts";
import { unwrap } from "../unwrap.ts";
import { checkLines, checkProblem } from "./host-check-view.ts";
import { acceptFlag, acceptOf, remoteBody, remoteFlags } from "./remote-flags.ts";

export const hostCheck = defineCommand({
  group: "host",
  name: "host check",
  summary: "Check whether a remote host can be reached and has what agents need; nothing is saved of an --address",
  flags: { address: flag.text("check this place instead of a host that was added", "address"), ...remoteFlags, ...acceptFlag },
  params: { host: param.optional("name, id or unique beginning of an id of a remote host") },
  examples: ["maestro host check gpu", "maestro host check --address dev@10.0.0.5:2222 --accept-host-key new"],
  async run(context, { params, flags }) {
    const { api, out } = context;
    const accept = unwrap(acceptOf(flags["accept-host-key"]));
    const { host: typed } = params;
    const { address } = flags;
    if ((typed === undefined) === (address === undefined))
      throw fail("usage", "What is to be checked? A host, or --address.", { field: "host", hint: "maestro host check <host>" });
    const client = api();
    if (typed === undefined) {
      const body = remoteBody(address ?? "", flags);
      const name = body.address;
      const ask = (acceptHostKey: AcceptHostKey | undefined) =>
        client.call("hostCheckUnsaved", { body: { ...body, ...accepting(acceptHostKey) }, timeoutMs: patienceMs(context) });
      const check = await checked(context, name, accept, ask);
      out.one({ address: name, ...check }, () => checkLines(check));
      refuse(check, name, "run this again with --accept-host-key <key>");
      return EXIT.ok;
    }
    refuseRecord(flags);
    const { id, name } = await resolveHost(client, typed);
    const check = await checkSaved(context, { id, name }, accept);
    out.one({ host: { id, name }, ...check }, () => checkLines(check, name), id);
    refuseFailed(check, name);
    return EXIT.ok;
  },
});

/** A host that was added is checked as it is. */
function refuseRecord(flags: FlagValues<typeof remoteFlags>): void {
  const given = Object.entries(flags).find(([name, value]) => name in remoteFlags && !isUnsaid(value));
  if (given === undefined) return;
  const [name] = given;
  throw fail("usage", `--${name} goes with --address: a host that was added is checked with its own record.`, {
    field: name,
    hint: "`maestro host edit` changes the record.",
  });
}

const isUnsaid = (value: unknown): boolean => value === undefined || value === false || (Array.isArray(value) && value.length === 0);

export function checkSaved(
  context: Context,
  { id, name }: { id: string; name: string },
  accept: AcceptHostKey | undefined,
): Promise<HostCheck> {
  const client = context.api();
  return checked(context, name, accept, (acceptHostKey) =>
    client.call("hostCheck", { params: { id }, body: accepting(acceptHostKey), timeoutMs: patienceMs(context) }),
  );
}

/** Throws what failed first. */
export const refuseFailed = (check: HostCheck, name: string): void =>
  refuse(check, name, `maestro host check ${name} --accept-host-key <key>`);

function refuse(check: HostCheck, name: string, accept: string): void {
  const problem = checkProblem(check, name, accept);
  if (problem !== undefined) throw new MaestroFailure(problem);
}

/** Whoever sits at a terminal is shown a key that nobody knows, and asked. */
async function checked(
  context: Context,
  name: string,
  accept: AcceptHostKey | undefined,
  ask: (accept: AcceptHostKey | undefined) => Promise<HostCheck>,
): Promise<HostCheck> {
  const { io, out } = context;
  const check = await withProgress(context, name, ask(accept));
  const key = check.hostKey;
  if (check.ok || key?.state !== "unknown" || !io.stdin.isTTY || out.mode !== "table") return check;
  out.note(`'${name}' shows a key that is not known yet: ${key.type} ${key.sha256}`);
  // Not even --yes says so: whose key it is only somebody who looks can tell.
  const trusted = await confirm(io, "Is it its key?", false).then(
    () => true,
    (error: unknown) => {
      if (error instanceof MaestroFailure) return false;
      throw error;
    },
  );
  return trusted ? withProgress(context, name, ask(key.sha256)) : check;
}

/** At a terminal, for how long it has been under way already. */
async function withProgress<T>({ io, out }: Context, name: string, work: Promise<T>): Promise<T> {
  if (out.mode !== "table") return work;
  if (!io.stderr.isTTY) {
    out.note(`Checking '${name}'…`);
    return work;
  }
  const block = new LiveBlock(io.stderr);
  const startedMs = io.nowMs();
  const draw = (): void => block.draw([`Checking… ${Math.floor((io.nowMs() - startedMs) / 1000)} s`]);
  draw();
  const ticking = setInterval(draw, 1000);
  try {
    return await work;
  } finally {
    clearInterval(ticking);
    block.draw([]);
  }
}

const accepting = (acceptHostKey: AcceptHostKey | undefined) => (acceptHostKey === undefined ? {} : { acceptHostKey });

/** So long as the control plane gives it, and a little more; what was said on the command line counts instead. */
const patienceMs = ({ globals }: Context): number | undefined =>
  globals.timeout === undefined ? HOST_CHECK_TIMEOUT_MS + 5_000 : undefined;
