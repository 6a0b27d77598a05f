/** `pnpm run deploy [--dry-run]`: the control plane onto Cloudflare, the first time and every time after. */
import { runSteps } from "./steps.ts";
import { checkSteps } from "./check.ts";
import { deployConfig } from "./deploy/config.ts";
import { provideSecrets, type SecretsOutcome } from "./deploy/secrets.ts";
import { DeployFailure, jsonIn, textFields, wrangler } from "./deploy/wrangler.ts";
import { runCommand } from "./command.ts";
import { WRANGLER_ENV } from "./checks/worker.ts";

const DATABASE = "maestro";
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(argv: readonly string[]): Promise<void> {
  const unknown = argv.find((word) => word !== "--dry-run" && word !== "--");
  if (unknown !== undefined) throw new DeployFailure(`Unknown argument '${unknown}'.\nUsage: pnpm run deploy [--dry-run]`);
  const rehearsal = ["build", "worker types", "schema drift", "migrations", "deploy dry run"];
  const records = await runSteps(checkSteps(false).filter(({ name }) => rehearsal.includes(name)), 1, say);
  if (records.some(({ outcome }) => outcome.state === "failed")) throw new DeployFailure("Nothing was deployed: the steps above have to pass first.");
  if (argv.includes("--dry-run")) return say("Dry run: everything is ready; nothing was uploaded.");

  await requireAccount();
  await using config = await deployConfig(await provideDatabase());
  // Rows first: the version that runs now must understand the new schema, and does, because it only grows.
  await step("Migrations", () => wrangler("Applying the migrations", ["d1", "migrations", "apply", DATABASE, "--remote", "--config", config.path]));
  const secrets = await step("Secrets", () => provideSecrets(config.path));
  const output = await step("Worker", () => wrangler("Deploying the Worker", ["deploy", "--config", config.path]));
  tellWhatNext(/https:\/\/\S+/.exec(output)?.[0] ?? "https://<your worker>", secrets);
}

async function requireAccount(): Promise<void> {
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
async function provideDatabase(): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const output = await wrangler("Listing the databases", ["d1", "list", "--json"]);
    return textFields(jsonIn(output), "name", "uuid").find(({ name }) => name === DATABASE)?.["uuid"];
  };
  const known = await find();
  if (known !== undefined) return known;
  await step("Database", () => wrangler("Creating the database", ["d1", "create", DATABASE]));
  const made = await find();
  if (made === undefined) throw new DeployFailure(`The database '${DATABASE}' was created but is not listed yet. Run this command again in a minute.`);
  return made;
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const result = await work();
  say(`  ok    ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  return result;
}

function tellWhatNext(url: string, secrets: SecretsOutcome): void {
  say(`\nMaestro runs at ${url}`);
  switch (secrets.state) {
    case "kept":
      return say("Its secrets are those of the earlier deployment; tokens and sessions go on.");
    case "made":
      say("\nBootstrap secret, shown only now (good once, for the first owner):\n");
      say(`  ${secrets.bootstrap}\n`);
      say("Create the first owner; paste the secret at the silent prompt:\n");
      say(`  read -rs SECRET; printf '{"secret":"%s"}' "$SECRET" | curl -fsS -H 'content-type: application/json' --data @- ${url}/api/v1/bootstrap\n`);
      say(`The answer holds the owner's token: sign in with it at ${url}, or with: npx pnpm@12 maestro login ${url}`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof DeployFailure ? error.message : `Deployment failed: ${String(error)}`}\n`);
  process.exitCode = 1;
}
