/** The options of ssh_config(5) that a record of a remote host may carry, and why others may not. */
import { nearest } from "../names.ts";

type Form = "text" | "time" | "count" | "port" | "yes-no";

/** What each is read as. */
const HONOURED: Record<string, Form> = {
  HostName: "text",
  Port: "port",
  User: "text",
  IdentityFile: "text",
  IdentitiesOnly: "yes-no",
  IdentityAgent: "text",
  ForwardAgent: "yes-no",
  ProxyJump: "text",
  ConnectTimeout: "time",
  ServerAliveInterval: "time",
  ServerAliveCountMax: "count",
  HostKeyAlias: "text",
  Ciphers: "text",
  KexAlgorithms: "text",
  MACs: "text",
  HostKeyAlgorithms: "text",
  PubkeyAcceptedAlgorithms: "text",
  PubkeyAcceptedKeyTypes: "text",
};

/** What Maestro does anyway: allowed with these values, for options copied from elsewhere. */
const IMPLIED: Record<string, RegExp> = {
  BatchMode: /^yes$/i,
  StrictHostKeyChecking: /^yes$/i,
  ClearAllForwardings: /^yes$/i,
  RequestTTY: /^(?:no|auto)$/i,
  LogLevel: /./,
  TCPKeepAlive: /./,
  ControlMaster: /./,
  ControlPath: /./,
  ControlPersist: /./,
  PasswordAuthentication: /^no$/i,
  KbdInteractiveAuthentication: /^no$/i,
  PubkeyAuthentication: /^yes$/i,
  PreferredAuthentications: /^publickey$/i,
};

const RUNS = "it would run a program on the linked host; it may stand in that host's own ssh_config";
const HOST_KEYS = "host keys are always checked; accept one with --accept-host-key";
const LOADS = "it would load a library on the linked host";
const FORWARDS = "nothing is forwarded through these connections";
const KEYS_ONLY = "keys and ssh-agent are all that is used";

const REFUSED: Record<string, string> = {
  ProxyCommand: RUNS,
  LocalCommand: RUNS,
  PermitLocalCommand: RUNS,
  KnownHostsCommand: RUNS,
  XAuthLocation: RUNS,
  StrictHostKeyChecking: HOST_KEYS,
  UserKnownHostsFile: HOST_KEYS,
  GlobalKnownHostsFile: HOST_KEYS,
  NoHostAuthenticationForLocalhost: HOST_KEYS,
  VerifyHostKeyDNS: HOST_KEYS,
  UpdateHostKeys: HOST_KEYS,
  RevokedHostKeys: HOST_KEYS,
  PKCS11Provider: LOADS,
  SecurityKeyProvider: LOADS,
  LocalForward: FORWARDS,
  RemoteForward: FORWARDS,
  DynamicForward: FORWARDS,
  ForwardX11: FORWARDS,
  Tunnel: FORWARDS,
  PasswordAuthentication: KEYS_ONLY,
  KbdInteractiveAuthentication: KEYS_ONLY,
  PubkeyAuthentication: KEYS_ONLY,
  PreferredAuthentications: KEYS_ONLY,
  SendEnv: "variables are given as env",
  SetEnv: "variables are given as env",
  RemoteCommand: "what is run there is what the work says",
  RequestTTY: "a terminal is asked for where one is needed",
  BatchMode: "nobody is there to be asked",
  Include: "a file is not an option",
  Match: "a block is not an option",
  Host: "a block is not an option",
};

const FORMS: Record<Form, { pattern: RegExp; says: string }> = {
  text: { pattern: /^[^\p{Cc}]+$/u, says: "text on one line" },
  time: { pattern: /^(?:[0-9]{1,9}[smhdw]?)+$/i, says: "a time such as 30 or 2m" },
  count: { pattern: /^[0-9]{1,6}$/, says: "a number" },
  port: { pattern: /^(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$/, says: "a port" },
  "yes-no": { pattern: /^(?:yes|no)$/i, says: "yes or no" },
};

const find = <T>(table: Record<string, T>, name: string): T | undefined =>
  Object.entries(table).find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];

/** What is wrong with an option of a record, as the end of a sentence that begins with its name; undefined: nothing is. */
export function sshOptionProblem(name: string, value: string): string | undefined {
  const form = find(HONOURED, name);
  if (form !== undefined) return FORMS[form].pattern.test(value) ? undefined : `is not ${FORMS[form].says}`;
  if (find(IMPLIED, name)?.test(value) === true) return undefined;
  const reason = find(REFUSED, name);
  if (reason !== undefined) return `is refused: ${reason}`;
  if (find(IMPLIED, name) !== undefined) return "cannot have this value";
  const [near] = nearest(name, [...Object.keys(HONOURED), ...Object.keys(REFUSED)], 1);
  return `is not an option that counts here${near === undefined ? "" : `; did you mean ${near}?`}`;
}
