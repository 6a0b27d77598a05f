/** An agent type that nobody registered: its first use registers it, as a mode of the default adapter. */
import { ADAPTERS, type AdapterName } from "@maestro/shared/contract/agent-types";
import { fail } from "@maestro/shared/errors";
import { NAME_PATTERN, nearest } from "@maestro/shared/names";
import type { ApiClient, Item } from "../api/client.ts";
import type { Io } from "../io.ts";
import { ServerRefusal } from "../render/failure.ts";

/** Agent CLIs that have modes of their own making, in this order. */
const MODED = ["kilo", "claude", "codex", "opencode"] as const satisfies readonly AdapterName[];
/** Neither has modes. */
const MODELESS: readonly AdapterName[] = ["shell", "custom"];
const VARIABLE = "MAESTRO_DEFAULT_ADAPTER";

export function defaultAdapter(env: Io["env"]): AdapterName | undefined {
  const text = env[VARIABLE];
  if (text === undefined || text === "") return undefined;
  const able = ADAPTERS.filter((known) => !MODELESS.includes(known));
  const found = able.find((known) => known === text);
  if (found !== undefined) return found;
  throw fail("field_invalid", `${VARIABLE}='${text.slice(0, 64)}' is not an adapter with modes.`, {
    field: VARIABLE,
    hint: `One of ${able.join(", ")}.`,
  });
}

export interface FirstUse {
  slug: string;
  /** Undefined: the fleet's only one. */
  host: string | undefined;
  /** What was configured; looked at only when it is needed, so that a wrong setting stops nothing else. */
  wanted(): AdapterName | undefined;
}

/** Undefined where a known type is near (then it was a typing mistake), or no agent CLI is there to stand on. */
export function adapterForFirstUse(types: readonly Item<"agentTypes">[], { slug, host, wanted }: FirstUse): AdapterName | undefined {
  const here = typesAt(types, host);
  if (isMistyped(slug, here)) return undefined;
  const isFound = (adapter: AdapterName): boolean =>
    here.some(({ hosts }) =>
      hosts.some(
        ({ host: at, report }) => (host === undefined || at === host) && report.adapter === adapter && report.detected.state === "found",
      ),
    );
  const configured = wanted();
  return (configured === undefined ? MODED : [configured]).find(isFound);
}

const typesAt = (types: readonly Item<"agentTypes">[], host: string | undefined) =>
  types.filter(({ source, hosts }) => source === "api" || hosts.some((at) => host === undefined || at.host === host));

const isMistyped = (slug: string, here: readonly Item<"agentTypes">[]): boolean =>
  !NAME_PATTERN.test(slug) ||
  nearest(
    slug,
    here.map((type) => type.slug),
    1,
  ).length > 0;

/** That a type may come into being at its first use is told where it could not. */
const nothingBelow = (refusal: string, wanted: AdapterName | undefined) =>
  fail("agent_type_not_found", refusal, {
    field: "type",
    hint: `It could be a mode of ${wanted ?? MODED.join(", ")}, but none was found there. Install one (it is seen within a minute), or define the type: maestro agent register <file>`,
  });

/** Does `assign`; where it is refused because nobody knows the type, registers the type and does it once more. */
export async function withFirstUse<T>(
  client: ApiClient,
  use: FirstUse,
  tell: (line: string) => void,
  assign: () => Promise<T>,
): Promise<T> {
  try {
    return await assign();
  } catch (error) {
    if (!(error instanceof ServerRefusal) || error.problem.code !== "agent_type_not_found") throw error;
    const types = await client.all("agentTypes");
    const adapter = adapterForFirstUse(types, use);
    if (adapter === undefined)
      throw isMistyped(use.slug, typesAt(types, use.host)) ? error : nothingBelow(error.problem.detail, use.wanted());
    await client.call("agentTypeCreate", { body: { slug: use.slug, adapter, mode: use.slug } });
    tell(`Type '${use.slug}' was not known: it is registered as mode '${use.slug}' of ${adapter}.`);
    return assign();
  }
}
