/** A deployment's own steps, in the order that never leaves a running Worker without what it needs. */
import { runCommand } from "../command.ts";
import { WRANGLER_ENV } from "../checks/worker.ts";
import { deployConfig } from "./config.ts";
import { provideSecrets, type SecretsOutcome } from "./secrets.ts";
import { DeployFailure, jsonIn, textFields, wrangler } from "./wrangler.ts";

const DATABASE = "maestro";

export interface Published {
  url: string;
  secrets: SecretsOutcome;
}

export async function publish(say: (line: string) => void): Promise<Published> {
  await requireAccount();
  await using config = await deployConfig(await provideDatabase(say));
  // Rows first: the version that runs now must understand the new schema, and does, because it only grows.
  await told(say, "Migrations", () =>
    wrangler("Applying the migrations", ["d1", "migrations", "apply", DATABASE, "--remote", "--config", config.path]),
  );
  // Secrets next: a Worker that does not exist yet is made empty to hold them, so the real one never runs without.
  const secrets = await told(say, "Secrets", () => provideSecrets(config.path));
  const output = await told(say, "Worker", () => wrangler("Deploying the Worker", ["deploy", "--config", config.path]));
  return { url: /https:\/\/[^\s/]*maestro\S*/.exec(output)?.[0] ?? "https://<your worker>", secrets };
}

async function requireAccount(): Promise<void> {
  // A token in the environment is for machines, and may lack the right to say whose it is.
  if ((process.env["CLOUDFLARE_API_TOKEN"] ?? "") !== "") return;
  const { code, output } = await runCommand(["wrangler", "whoami", "--json"], { env: WRANGLER_ENV, timeoutMs: 60_000 });
  if (code === 0) return;
  throw new DeployFailure(
    [
      "There is no Cloudflare account to deploy to.",
      "  On this machine: npx pnpm@12 exec wrangler login",
      "  In CI: set CLOUDFLARE_API_TOKEN (permissions Workers Scripts: Edit, D1: Edit) and CLOUDFLARE_ACCOUNT_ID",
      "Then run this command again. Nothing was changed.",
      ...(jsonIn(output) === undefined ? [output.trim()] : []),
    ].join("\n"),
  );
}

/** The id of this account's database, made if it is not there. */
async function provideDatabase(say: (line: string) => void): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const output = await wrangler("Listing the databases", ["d1", "list", "--json"]);
    return textFields(jsonIn(output), "name", "uuid").find(({ name }) => name === DATABASE)?.["uuid"];
  };
  const known = await find();
  if (known !== undefined) return known;
  await told(say, "Database", () => wrangler("Creating the database", ["d1", "create", DATABASE]));
  const made = await find();
  if (made === undefined)
    throw new DeployFailure(`The database '${DATABASE}' was created but is not listed yet. Run this command again in a minute.`);
  return made;
}

async function told<T>(say: (line: string) => void, name: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await work();
  say(`  ok    ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  return result;
}
