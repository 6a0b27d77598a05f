/** The configuration a deployment uses: wrangler.toml with this account's database filled in, for as long as it takes. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../command.ts";
import { DeployFailure } from "./wrangler.ts";

export interface DeployConfig extends AsyncDisposable {
  path: string;
}

export async function deployConfig(databaseId: string): Promise<DeployConfig> {
  // In the root, because every path in it is relative to where it lies.
  const path = join(ROOT, `.wrangler.deploy.${process.pid}.toml`);
  await writeFile(path, withDatabase(await readFile(join(ROOT, "wrangler.toml"), "utf8"), databaseId), { mode: 0o600 });
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** wrangler.toml belongs to everybody and names no account: the id is added here, not committed. */
export function withDatabase(toml: string, databaseId: string): string {
  const line = /^database_name = "maestro"$/m;
  if (!line.test(toml))
    throw new DeployFailure('wrangler.toml has no line database_name = "maestro" to put this account\'s database beside.');
  return toml.replace(line, (found) => `${found}\ndatabase_id = ${JSON.stringify(databaseId)}`);
}
