/** The rules of a remote host's record; one function for the API, the console and the CLI. */
import { err, ok, type Result } from "../result.ts";
import { maestroError, type ErrorCode, type MaestroError } from "../errors.ts";
import { escapeUnsafe } from "../sanitize.ts";
import { EnvName } from "./agent-types.ts";
import { isDeniedEnv } from "./check-agent-type.ts";
import { isTailscale, parseRemoteAddress, PORT_HINT, readPort, USER_HINT, userProblem } from "./remote-address.ts";
import { RemoteTransport, TRANSPORTS, type RemoteBody, type RemoteRecord } from "./remote-hosts.ts";
import { sshOptionProblem } from "./ssh-options.ts";

const CONTAINER_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const MAX_CONTAINER_CHARS = 128;
/** Of all variables together, and of all options: a record goes to its carrier in one control frame. */
const MAX_PAIRS_CHARS = 16 * 1024;

/**
 * A blank user, identity, container or cwd counts as absent.
 * Errors: all that is wrong in one refusal with the code, field and hint of the first, its detail joined with `; `.
 */
export function checkRemote(body: RemoteBody): Result<RemoteRecord> {
  const problems: MaestroError[] = [];
  const refuse = (code: ErrorCode, detail: string, field: string, hint?: string): void => {
    problems.push(maestroError(code, detail, { field, ...(hint === undefined ? {} : { hint }) }));
  };
  const parsed = parseRemoteAddress(body.address);
  if (!parsed.ok) problems.push(parsed.error);
  const address = parsed.ok ? parsed.value : undefined;
  const user = agreed("user", checkUser(body.user, refuse), address?.user, refuse);
  const port = agreed("port", checkPort(body.port, refuse), address?.port, refuse);
  const transport = checkTransport(body.transport, address?.host, refuse);
  const identity = checkPath("identity", body.identity, refuse);
  const cwd = checkPath("cwd", body.cwd, refuse);
  const env = checkEnv(body.env ?? {}, refuse);
  const options = checkOptions(body.options ?? {}, refuse);
  const container = checkContainer(body.container, refuse);
  const [first] = problems;
  if (first !== undefined) return err({ ...first, detail: problems.map(({ detail }) => detail.replace(/\.$/, "")).join("; ") + "." });
  return ok({
    transport,
    address: address?.host ?? "",
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(identity === undefined ? {} : { identity }),
    sshConfig: body.sshConfig ?? false,
    options,
    env,
    container,
    ...(cwd === undefined ? {} : { cwd }),
  });
}

type Refuse = (code: ErrorCode, detail: string, field: string, hint?: string) => void;

const given = (text: string | undefined): string | undefined => (text === undefined || text.trim() === "" ? undefined : text);
const shown = (text: string | number): string => `'${escapeUnsafe(String(text)).slice(0, 256)}'`;

/** What stands in the address counts as well; two that differ are a contradiction. */
function agreed<T extends string | number>(field: "user" | "port", beside: T | undefined, within: T | undefined, refuse: Refuse) {
  if (beside === undefined || within === undefined || beside === within) return beside ?? within;
  refuse(`${field}_invalid`, `The address says ${field} ${shown(within)}, ${field} says ${shown(beside)}.`, field, "Give one of the two.");
  return beside;
}

function checkUser(user: string | undefined, refuse: Refuse): string | undefined {
  const name = given(user);
  if (name === undefined) return undefined;
  const problem = userProblem(name);
  if (problem === undefined) return name;
  refuse("user_invalid", `User ${shown(name)} ${problem}.`, "user", USER_HINT);
  return undefined;
}

function checkPort(port: RemoteBody["port"], refuse: Refuse): number | undefined {
  if (port === undefined) return undefined;
  const read = readPort(port);
  if (read === undefined) refuse("port_invalid", `Port ${shown(port)} is none.`, "port", PORT_HINT);
  return read;
}

function checkTransport(transport: string | undefined, host: string | undefined, refuse: Refuse): RemoteTransport {
  if (transport === undefined) return host !== undefined && isTailscale(host) ? "tailscale" : "ssh";
  const read = RemoteTransport.safeParse(transport);
  if (read.success) return read.data;
  refuse("transport_invalid", `There is no transport ${shown(transport)}.`, "transport", `Transports are ${TRANSPORTS.join(" and ")}.`);
  return "ssh";
}

function checkPath(field: "identity" | "cwd", path: string | undefined, refuse: Refuse): string | undefined {
  const text = given(path);
  if (text === undefined) return undefined;
  if (text.includes("\0")) refuse("nul_byte", `The path in ${field} holds a NUL byte.`, field);
  else if (/\p{Cc}/u.test(text)) refuse("field_invalid", `The path ${shown(text)} in ${field} holds control characters.`, field);
  else if (!/^(?:\/|~\/|~$)/.test(text))
    refuse(
      "field_invalid",
      `The path ${shown(text)} in ${field} is relative.`,
      field,
      "Give an absolute path, or one that begins with ~/.",
    );
  return text;
}

/** @param what for people. True: no more is said of it. */
function isTooLarge(field: "env" | "options", what: string, given: Record<string, string>, refuse: Refuse): boolean {
  const chars = JSON.stringify(given).length;
  if (chars <= MAX_PAIRS_CHARS) return false;
  refuse("value_too_large", `Its ${what} take ${chars} characters; at most ${MAX_PAIRS_CHARS} are taken.`, field);
  return true;
}

function checkEnv(env: Record<string, string>, refuse: Refuse): Record<string, string> {
  if (isTooLarge("env", "variables", env, refuse)) return {};
  for (const [name, value] of Object.entries(env)) {
    const field = `env.${escapeUnsafe(name)}`;
    if (!EnvName.safeParse(name).success)
      refuse(
        "env_name_invalid",
        `${shown(name)} is no name of a variable.`,
        field,
        "Names are letters, digits and '_', not beginning with a digit.",
      );
    else if (isDeniedEnv(name)) refuse("env_denied", `The variable ${name} may not be set for a host.`, field);
    else if (value.includes("\0")) refuse("nul_byte", `The value of ${name} holds a NUL byte.`, field);
  }
  return env;
}

function checkOptions(options: Record<string, string>, refuse: Refuse): Record<string, string> {
  if (isTooLarge("options", "options", options, refuse)) return {};
  for (const [name, value] of Object.entries(options)) {
    const problem = sshOptionProblem(name, value);
    if (problem !== undefined)
      refuse("field_invalid", `The option ${escapeUnsafe(name)}=${shown(value)} ${problem}.`, `options.${escapeUnsafe(name)}`);
  }
  return options;
}

function checkContainer(container: string | undefined, refuse: Refuse): string {
  const name = given(container) ?? "none";
  if (!CONTAINER_PATTERN.test(name) || name.length > MAX_CONTAINER_CHARS)
    refuse("field_invalid", `${shown(name)} is no name of a container.`, "container", "Give none, auto, or a name such as dev-box_1.");
  return name;
}
