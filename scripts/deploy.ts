/** `pnpm run deploy [--dry-run]`: the control plane onto Cloudflare, the first time and every time after. */
import { checkSteps } from "./check.ts";
import { publish, type Published } from "./deploy/publish.ts";
import { DeployFailure } from "./deploy/wrangler.ts";
import { runSteps } from "./steps.ts";

/** What has to hold before anything is changed. */
const REHEARSAL = ["build", "worker types", "schema drift", "migrations", "deploy dry run"];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(argv: readonly string[]): Promise<void> {
  const unknown = argv.find((word) => word !== "--dry-run" && word !== "--");
  if (unknown !== undefined) throw new DeployFailure(`Unknown argument '${unknown}'.\nUsage: pnpm run deploy [--dry-run]`);
  const steps = checkSteps(false).filter(({ name }) => REHEARSAL.includes(name));
  const records = await runSteps(steps, 1, say);
  if (records.some(({ outcome }) => outcome.state === "failed"))
    throw new DeployFailure("Nothing was deployed: the steps above have to pass first.");
  if (argv.includes("--dry-run")) return say("Dry run: everything is ready; nothing was uploaded.");
  tellWhatNext(await publish(say));
}

function tellWhatNext({ url, secrets }: Published): void {
  say(`\nMaestro runs at ${url}`);
  switch (secrets.state) {
    case "kept":
      return say("Its secrets are those of the earlier deployment; tokens and sessions go on.");
    case "made":
      say("\nBootstrap secret, shown only now (good once, for the first owner):\n");
      say(`  ${secrets.bootstrap}\n`);
      say("Create the first owner; paste the secret at the silent prompt:\n");
      say(
        `  read -rs SECRET; printf '{"secret":"%s"}' "$SECRET" | curl -fsS -H 'content-type: application/json' --data @- ${url}/api/v1/bootstrap\n`,
      );
      say(`The answer holds the owner's token: sign in with it at ${url}, or with: npx pnpm@12 maestro login ${url}`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof DeployFailure ? error.message : `Deployment failed: ${String(error)}`}\n`);
  process.exitCode = 1;
}
