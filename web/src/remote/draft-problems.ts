/** What is wrong with a remote host that is being written, each at its field; and where the server's refusals belong. Pure. */
import { checkRemote } from "@maestro/shared/contract/check-remote";
import { RemoteBody } from "@maestro/shared/contract/remote-hosts";
import { maestroError, type ErrorCode, type MaestroError } from "@maestro/shared/errors";
import { NAME_PATTERN } from "@maestro/shared/names";
import { remoteBodyOf, type RemoteDraft } from "./draft.ts";
import { filled, pairProblems, type Pair } from "./pairs.ts";

const TEXTS = ["user", "port", "identity", "transport", "cwd"] as const;
const FIELDS = ["name", "address", "via", "container", ...TEXTS] as const;
export type RemoteField = (typeof FIELDS)[number];

export interface RemoteProblems {
  fields: Partial<Record<RemoteField, MaestroError>>;
  /** By the ids of rows. */
  options: ReadonlyMap<number, MaestroError>;
  env: ReadonlyMap<number, MaestroError>;
}

export const noProblems: RemoteProblems = { fields: {}, options: new Map(), env: new Map() };

export const isWrong = ({ fields, options, env }: RemoteProblems): boolean =>
  Object.keys(fields).length > 0 || options.size > 0 || env.size > 0;

/** Whatever is wrong where nothing else is. */
const RIGHT_ADDRESS = "host";

/**
 * `checkRemote` names the field of its first problem only, so each field is judged beside an address that is right.
 * @param purpose a test needs no name.
 */
export function remoteProblems(draft: RemoteDraft, purpose: "save" | "test"): RemoteProblems {
  const body = remoteBodyOf(draft);
  const addressProblem =
    body.address === "" ? maestroError("host_invalid", "Say where it is.", { field: "address" }) : problemOf({ address: body.address });
  const address = addressProblem === undefined ? body.address : RIGHT_ADDRESS;
  const beside = (part: Partial<RemoteBody>): MaestroError | undefined => problemOf({ address, ...part });
  const fields: RemoteProblems["fields"] = {};
  const note = (field: RemoteField, problem: MaestroError | undefined): void => {
    if (problem !== undefined) fields[field] = problem;
  };
  note("name", purpose === "save" ? nameProblem(draft.name) : undefined);
  note("address", addressProblem);
  note("via", draft.via === "" ? maestroError("field_missing", "Choose the host that reaches it.", { field: "via" }) : undefined);
  note("container", containerProblem(draft, beside));
  for (const field of TEXTS) note(field, beside({ [field]: body[field] }));
  return {
    fields,
    options: pairProblems(draft.options, sameOption, ({ name, value }) => beside({ options: { [name]: value } })),
    env: pairProblems(
      draft.env,
      (a, b) => a === b,
      ({ name, value }) => beside({ env: { [name]: value } }),
    ),
  };
}

const sameOption = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function problemOf(body: RemoteBody): MaestroError | undefined {
  const shaped = RemoteBody.safeParse(body);
  if (!shaped.success) return maestroError("field_invalid", `${shaped.error.issues[0]?.message ?? "That is not what is wanted here"}.`);
  const checked = checkRemote(shaped.data);
  return checked.ok ? undefined : checked.error;
}

function nameProblem(name: string): MaestroError | undefined {
  if (name === "") return maestroError("field_missing", "Give it a name.", { field: "name" });
  if (NAME_PATTERN.test(name)) return undefined;
  return maestroError("field_invalid", "Small letters, digits, - and _; at most 63, and a letter or digit first.", { field: "name" });
}

function containerProblem(
  { container }: RemoteDraft,
  beside: (part: Partial<RemoteBody>) => MaestroError | undefined,
): MaestroError | undefined {
  if (container.kind !== "named") return undefined;
  if (container.name.trim() === "") return maestroError("field_missing", "Name the container.", { field: "container" });
  return beside({ container: container.name.trim() });
}

const PLACES: Partial<Record<ErrorCode, RemoteField>> = { host_exists: "name", host_not_found: "via", ambiguous: "via" };

/** A refusal at its field; undefined: it concerns the whole. */
export function refusalAt(draft: RemoteDraft, error: MaestroError): RemoteProblems | undefined {
  const [first = "", ...rest] = (error.field ?? "").split(".");
  const within = rest.join(".");
  if (first === "options") return atRow(draft.options, within, sameOption, (options) => ({ ...noProblems, options }), error);
  if (first === "env")
    return atRow(
      draft.env,
      within,
      (a, b) => a === b,
      (env) => ({ ...noProblems, env }),
      error,
    );
  const field = FIELDS.find((one) => one === first) ?? PLACES[error.code];
  return field === undefined ? undefined : { ...noProblems, fields: { [field]: error } };
}

function atRow(
  pairs: readonly Pair[],
  name: string,
  same: (a: string, b: string) => boolean,
  wrap: (rows: ReadonlyMap<number, MaestroError>) => RemoteProblems,
  error: MaestroError,
): RemoteProblems | undefined {
  const row = filled(pairs).find((pair) => same(pair.name, name));
  return row === undefined ? undefined : wrap(new Map([[row.id, error]]));
}
