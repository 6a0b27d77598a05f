/** `maestro config …` [SKILL24]: the settings of this machine's `config.json`, and which login is used; nothing else is touched. */
import { EXIT, fail } from "@maestro/shared/errors";
import { nearest } from "@maestro/shared/names";
import {
  DEFAULT_SETTINGS,
  parseSetting,
  readSettings,
  readSettingsFile,
  VARIABLES,
  type Settings,
  type SettingsFile,
} from "../../config/env.ts";
import { ensurePrivateDir, type Paths } from "../../config/paths.ts";
import { removeDurably, writeDurably } from "../../daemon/durable-file.ts";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { readProfiles, storeProfile } from "../config/profiles.ts";
import { given, unknownProfile } from "../config/target.ts";
import type { Context } from "../context.ts";
import { unwrap } from "../unwrap.ts";

type Name = keyof Settings;
const NAMES = Object.keys(DEFAULT_SETTINGS).filter((name): name is Name => name in DEFAULT_SETTINGS);
/** Which of the stored logins is used without --profile. */
const PROFILE = "profile";
const KNOWN = [PROFILE, ...NAMES];

interface Setting {
  id: string;
  name: string;
  value: string | number | readonly string[] | null;
  /** What says so: the environment goes before the file, and that before the default. */
  from: "environment" | "file" | "default";
  variable?: string;
}

export const configGet = defineCommand({
  group: "run",
  name: "config get",
  summary: "Show this machine's settings, and where each comes from",
  flags: {},
  params: { name: param.optional("only this one: its bare value") },
  examples: ["maestro config get", "maestro config get workspaceRoot"],
  run(context, { params }) {
    const { out } = context;
    const settings = settingsNow(context);
    if (params.name === undefined) {
      out.list(
        settings,
        [
          { header: "setting", value: ({ name }) => name },
          { header: "value", value: valueText, max: 64 },
          { header: "from", value: ({ from, variable }) => (from === "environment" ? (variable ?? from) : from) },
        ],
        "No settings.",
      );
      return Promise.resolve(EXIT.ok);
    }
    const name = known(params.name);
    const setting = settings.find((one) => one.name === name);
    if (setting === undefined) throw unknownSetting(params.name);
    out.one(setting, () => valueText(setting), setting.id);
    return Promise.resolve(EXIT.ok);
  },
});

export const configSet = defineCommand({
  group: "run",
  name: "config set",
  summary: "Write a setting into this machine's config.json, or choose the login that is used",
  flags: {},
  params: { name: param.required("see: maestro config get"), value: param.required("of several values: with commas between") },
  examples: ["maestro config set maxConcurrent 8", "maestro config set profile work"],
  run(context, { params }) {
    const { out, paths } = context;
    const name = known(params.name);
    if (name === PROFILE) chooseProfile(paths, params.value);
    else {
      const set = unwrap(parseSetting(`'${params.value.slice(0, 64)}'`, name, params.value));
      write(paths, { ...unwrap(readSettingsFile(paths.configFile)), ...set });
    }
    const setting = settingsNow(context).find((one) => one.name === name);
    out.one(setting ?? { id: name, name }, () => `${name} is ${params.value} now.`, name);
    if (setting?.from === "environment") out.note(`${setting.variable ?? "The environment"} is set, and goes before the file.`);
    else if (name !== PROFILE) out.note("A host-agent that runs takes it up when it is started again.");
    return Promise.resolve(EXIT.ok);
  },
});

export const configReset = defineCommand({
  group: "run",
  name: "config reset",
  summary: "Set this machine's settings back to their defaults; logins, workspaces and state stay",
  flags: { "to-default": flag.toggle("that is what is meant") },
  params: { name: param.optional("only this one") },
  examples: ["maestro config reset --to-default", "maestro config reset --to-default maxConcurrent --yes"],
  async run({ out, paths, confirm }, { params, flags }) {
    if (!flags["to-default"]) throw fail("usage", "Reset to what?", { field: "to-default", hint: "maestro config reset --to-default" });
    const name = params.name === undefined ? undefined : known(params.name);
    if (name === PROFILE)
      throw fail("field_invalid", "The login that is used has no default.", { field: PROFILE, hint: "maestro config set profile <name>" });
    await confirm(`Set ${name === undefined ? "all settings" : `'${name}'`} of ${paths.configFile} back to default?`);
    // One that cannot be read is put right by this as well.
    if (name === undefined) removeDurably(paths.configFile);
    else {
      const { [name]: _, ...rest } = unwrap(readSettingsFile(paths.configFile));
      write(paths, rest);
    }
    out.one(
      { reset: name === undefined ? NAMES : [name] },
      () => `${name ?? "All settings"} ${name === undefined ? "are" : "is"} at default again.`,
    );
    return EXIT.ok;
  },
});

function settingsNow({ paths, io }: Context): Setting[] {
  const { env } = io;
  const now = unwrap(readSettings(paths.configFile, env));
  const file = unwrap(readSettingsFile(paths.configFile));
  const chosen = given(env["MAESTRO_PROFILE"]);
  const current = chosen ?? readProfiles(paths).current ?? null;
  const from = chosen !== undefined ? "environment" : current === null ? "default" : "file";
  return [
    { id: PROFILE, name: PROFILE, value: current, from, variable: "MAESTRO_PROFILE" },
    ...NAMES.map((name): Setting => {
      const variable = Object.entries(VARIABLES).find(([, key]) => key === name)?.[0];
      const told = variable !== undefined && given(env[variable]) !== undefined;
      return {
        id: name,
        name,
        value: now[name],
        from: told ? "environment" : file[name] === undefined ? "default" : "file",
        ...(variable === undefined ? {} : { variable }),
      };
    }),
  ];
}

const valueText = ({ value }: Setting): string => (value === null ? "" : typeof value === "object" ? value.join(",") : String(value));

function known(typed: string): Name | typeof PROFILE {
  if (typed === PROFILE) return PROFILE;
  const name = NAMES.find((one) => one === typed);
  if (name === undefined) throw unknownSetting(typed);
  return name;
}

function unknownSetting(typed: string): Error {
  const near = nearest(typed, KNOWN);
  return fail("unknown_field", `'${typed.slice(0, 64)}' is no setting.`, {
    field: "name",
    hint: near.length > 0 ? `Did you mean ${near.join(", ")}?` : `One of ${KNOWN.join(", ")}.`,
  });
}

function chooseProfile(paths: Paths, name: string): void {
  const profiles = readProfiles(paths);
  const profile = profiles.profiles[name];
  if (profile === undefined)
    throw fail("field_invalid", unknownProfile(name, profiles).detail, { ...unknownProfile(name, profiles), field: "value" });
  storeProfile(paths, name, profile, true);
}

function write({ configDir, configFile }: Paths, settings: SettingsFile): void {
  ensurePrivateDir(configDir, process.getuid?.() ?? 0);
  if (Object.keys(settings).length === 0) removeDurably(configFile);
  else writeDurably(configFile, `${JSON.stringify(settings, null, 2)}\n`);
}
