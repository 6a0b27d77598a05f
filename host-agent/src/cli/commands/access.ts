/** `maestro login`, `maestro open`, `maestro token …`, `maestro audit`. */
import { createHash } from "node:crypto";
import { Role, ROLES, Scope } from "@maestro/shared/contract/access";
import { verifyAuditChain } from "@maestro/shared/contract/audit-chain";
import { EXIT, fail } from "@maestro/shared/errors";
import { parseToken } from "@maestro/shared/token";
import { parsePin } from "../../link/connector.ts";
import { checkServerUrl } from "../../link/server-url.ts";
import { isNetwork } from "../../up/listen-plan.ts";
import type { ApiClient, Item } from "../api/client.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { storeProfile } from "../config/profiles.ts";
import { readSecret } from "../config/secret-input.ts";
import { pinOfJoined } from "../config/target.ts";
import { renderFields } from "../render/table.ts";
import { resolveToken } from "../resolve.ts";
import { thisHost } from "../this-host.ts";
import { unwrap } from "../unwrap.ts";
import { openBrowser } from "./browser.ts";
import { everything, findAnything } from "./things.ts";

export const login = defineCommand({
  group: "run",
  name: "login",
  summary: "Store an API token for a control plane, as a profile",
  flags: {
    "token-file": flag.text("where the token is; - for standard input; default: a prompt", "file"),
    pin: flag.text("the server's key, for a self-signed certificate (sha256//…)", "sha256"),
    "allow-http": flag.list("a network that encrypts by itself: plain http is allowed in it", "cidr"),
  },
  params: { url: param.required("the control plane's address") },
  examples: [
    "maestro login https://maestro.example.com",
    "maestro login https://10.0.0.5:23000 --pin sha256//… --token-file token.txt --profile office",
  ],
  async run(context, { params, flags }) {
    const { io, out, paths, globals } = context;
    const wrong = flags["allow-http"].find((network) => !isNetwork(network));
    if (wrong !== undefined)
      throw fail("flag_invalid", `--allow-http: '${wrong.slice(0, 64)}' is not a network.`, {
        field: "allow-http",
        hint: "For example: --allow-http 100.64.0.0/10",
      });
    const joined = thisHost(paths);
    const allowHttp = [
      ...flags["allow-http"],
      ...(joined !== undefined && joined.url === originOf(params.url) ? (joined.allowHttp ?? []) : []),
    ];
    const url = unwrap(checkServerUrl(params.url, [...context.settings().allowHttp, ...allowHttp]));
    const pin = flags.pin === undefined ? pinOfJoined(url, joined) : unwrap(parsePin(flags.pin));
    const token = await readSecret(io, { file: flags["token-file"], prompt: `Token for ${url.origin}: ` });
    unwrap(parseToken(token, ["pat"]));
    const me = await context.apiTo({ url, token, pin }).call("me");
    const name = globals.profile ?? url.hostname;
    const profile = {
      url: url.origin,
      token,
      ...(pin === undefined ? {} : { pin }),
      ...(allowHttp.length === 0 ? {} : { allowHttp }),
      ...(me.expiresAt === undefined ? {} : { expiresAt: me.expiresAt }),
    };
    storeProfile(paths, name, profile, true);
    out.one(
      {
        profile: name,
        url: url.origin,
        name: me.principal.name,
        role: me.principal.role ?? null,
        scopes: me.scopes,
        expiresAt: me.expiresAt ?? null,
      },
      () =>
        `Logged in to ${url.origin} as '${me.principal.name}'${me.principal.role === undefined ? "" : ` (${me.principal.role})`}; stored as profile '${name}'.`,
      name,
    );
    return EXIT.ok;
  },
});

const originOf = (text: string): string | undefined => (URL.canParse(text) ? new URL(text).origin : undefined);

export const open = defineCommand({
  group: "run",
  name: "open",
  summary: "Open the console with a fresh one-time login link",
  flags: { print: flag.toggle("print the link, open nothing") },
  params: { id: param.optional("a session, agent, task or host to open it at: name, id or unique beginning of an id") },
  examples: ["maestro open", "maestro open build --print"],
  async run({ api, out, io }, { params, flags }) {
    const client = api();
    const path = params.id === undefined ? undefined : await consolePath(client, params.id);
    const link = await client.call("loginLink", { body: path === undefined ? {} : { path } });
    if (flags.print || out.mode !== "table" || !(await openBrowser(link.url, io.env))) out.one(link, ({ url }) => url, link.url);
    else out.note(`Opened in the browser. The link is good once, until ${link.expiresAt}.`);
    return EXIT.ok;
  },
});

/** An agent is its session while it has one; agents and hosts have a page together. */
async function consolePath(client: ApiClient, typed: string): Promise<string> {
  const all = await everything(client);
  const found = await findAnything(client, all, typed);
  switch (found.kind) {
    case "session":
      return `/sessions/${encodeURIComponent(found.id)}`;
    case "agent": {
      const { session } = found.value;
      return session !== undefined && all.sessions.some(({ id }) => id === session)
        ? `/sessions/${encodeURIComponent(session)}`
        : "/agents";
    }
    case "task":
      return `/tasks/${encodeURIComponent(found.id)}`;
    case "host":
      return "/hosts";
  }
}

type Token = Item<"tokens">;
const tokenState = ({ revokedAt, expiresAt }: Token, nowMs: number): string =>
  revokedAt !== undefined ? "revoked" : Date.parse(expiresAt) <= nowMs ? "expired" : "valid";

/** `30d`, `12h`, or a number of days. Rounded up to whole days, as the server counts. */
function days(text: string): number {
  const [, count, unit = "d"] = /^(\d{1,4})([dh])?$/.exec(text) ?? [];
  const value = count === undefined ? 0 : unit === "h" ? Math.ceil(Number(count) / 24) : Number(count);
  if (value < 1 || value > 365)
    throw fail("flag_invalid", `--expires: '${text.slice(0, 32)}' is not a time of 1 to 365 days.`, {
      field: "expires",
      hint: "For example: --expires 30d",
    });
  return value;
}

export const tokenCreate = defineCommand({
  group: "monitor",
  name: "token create",
  summary: "Create an API token; its secret is shown once",
  flags: {
    role: flag.choice("what it may do at most; default operator", ROLES),
    scope: flag.list("narrows it further, e.g. hosts:read", "scope"),
    agents: flag.text("only agents whose names match", "glob"),
    hosts: flag.text("only hosts whose names match", "glob"),
    expires: flag.text("default 90d", "30d"),
  },
  params: { name: param.required("what it is for") },
  examples: ["maestro token create ci --role operator --scope agents:read", "maestro token create phone --role viewer --expires 7d --json"],
  async run({ api, out }, { params, flags }) {
    const scopes = flags.scope.map((text) => {
      const scope = Scope.safeParse(text);
      if (!scope.success)
        throw fail("flag_invalid", `--scope: '${text.slice(0, 32)}' is not a scope.`, {
          field: "scope",
          hint: `One of ${Scope.options.join(", ")}`,
        });
      return scope.data;
    });
    const { token, secret } = await api().call("tokenCreate", {
      body: {
        name: params.name,
        role: Role.parse(flags.role ?? "operator"),
        ...(scopes.length === 0 ? {} : { scopes }),
        ...(flags.agents === undefined ? {} : { agents: flags.agents }),
        ...(flags.hosts === undefined ? {} : { hosts: flags.hosts }),
        ...(flags.expires === undefined ? {} : { expiresInDays: days(flags.expires) }),
      },
    });
    out.note(`Token '${token.name}' (${token.role}), good until ${token.expiresAt}. It is shown this once:`);
    // Nobody can ask for it again: it is what -q is for here.
    out.one({ token, secret }, () => secret, secret);
    return EXIT.ok;
  },
});

export const tokenList = defineCommand({
  group: "monitor",
  name: "token list",
  summary: "List API tokens",
  flags: {},
  params: {},
  examples: ["maestro token list", "maestro token list --json"],
  async run({ api, out, io }) {
    out.list(
      await api().all("tokens"),
      [
        { header: "name", value: ({ name }) => name },
        { header: "role", value: ({ role }) => role },
        { header: "state", value: (token) => tokenState(token, io.nowMs()) },
        { header: "scopes", value: ({ scopes }) => scopes.join(" "), max: 40 },
        { header: "used", value: ({ lastUsedAt }) => out.time(lastUsedAt) },
        { header: "expires", value: ({ expiresAt }) => out.time(expiresAt) },
        { header: "id", value: ({ id }) => id },
      ],
      "No tokens.",
    );
    return EXIT.ok;
  },
});

export const tokenRevoke = defineCommand({
  group: "monitor",
  name: "token revoke",
  summary: "Revoke a token; what it has open closes within 5 s",
  flags: {},
  params: { token: param.required("name, id or unique beginning of an id") },
  examples: ["maestro token revoke ci", "maestro token revoke tok_01j9 --yes"],
  async run({ api, out, confirm }, { params }) {
    const client = api();
    const { id, name } = await resolveToken(client, params.token);
    await confirm(`Revoke token '${name}'?`);
    await client.call("tokenRevoke", { params: { id } });
    out.one({ id, name, revoked: true }, () => `${name} is revoked.`, id);
    return EXIT.ok;
  },
});

const sha256Hex = (text: string): Promise<string> => Promise.resolve(createHash("sha256").update(text, "utf8").digest("hex"));

export const audit = defineCommand({
  group: "monitor",
  name: "audit",
  summary: "Show the audit log; --verify recomputes its hash chain",
  flags: { verify: flag.toggle("check that nothing was edited, dropped or reordered") },
  params: {},
  examples: ["maestro audit --verify", "maestro audit --json"],
  async run({ api, out }, { flags }) {
    const records = await api().all("audit", { query: { limit: 200 } });
    if (flags.verify) {
      const verdict = await verifyAuditChain(records, sha256Hex);
      if (!verdict.intact) {
        throw fail("audit_broken", `The audit log is not what was written: record ${verdict.seq} was ${verdict.problem}.`, {
          hint: "Keep a copy of it: maestro audit --json",
          extra: { seq: verdict.seq, problem: verdict.problem },
        });
      }
      out.one(
        verdict,
        ({ records: count, head }) =>
          renderFields([
            ["intact", "yes"],
            ["records", String(count)],
            ["head", head],
          ]),
        verdict.head,
      );
      return EXIT.ok;
    }
    out.list(
      records.map((record) => ({ ...record, id: String(record.seq) })),
      [
        { header: "seq", value: ({ seq }) => String(seq) },
        { header: "at", value: ({ at }) => out.time(at) },
        { header: "actor", value: ({ actor }) => actor },
        { header: "action", value: ({ action }) => action },
        { header: "target", value: ({ target }) => target, max: 40 },
        { header: "outcome", value: ({ outcome, code }) => (code === undefined ? outcome : `${outcome} (${code})`) },
        { header: "ip", value: ({ ip }) => ip },
        { header: "request", value: ({ requestId }) => requestId, detail: true },
      ],
      "The audit log is empty.",
    );
    return EXIT.ok;
  },
});
