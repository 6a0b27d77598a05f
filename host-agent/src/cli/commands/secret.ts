/** `maestro secret …` */
import type { Secret } from "@maestro/shared/contract/state";
import { EXIT } from "@maestro/shared/errors";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { readSecretValue } from "../config/secret-input.ts";
import type { Output } from "../render/output.ts";
import type { Column } from "../render/table.ts";

const which = param.required("the name of the variable that a task gets it in, e.g. GH_TOKEN");

export const secretSet = defineCommand({
  group: "state",
  name: "secret set",
  summary: "Keep a secret of the fleet; its value comes from a prompt, standard input or a file, and never out again",
  flags: { file: flag.text("a file that only you can read, - for standard input", "file") },
  params: { name: which },
  examples: ["maestro secret set GH_TOKEN", "maestro secret set DEPLOY_KEY --file key.pem"],
  async run({ api, out, io }, { params, flags }) {
    const client = api();
    const value = await readSecretValue(io, { file: flags.file, prompt: `Value of ${params.name}: ` });
    const secret = await client.call("secretPut", { params: { name: params.name }, body: { value } });
    out.one(secret, () => `${secret.name} is set. Give it to a task: maestro task dispatch … --secret ${secret.name}`, secret.name);
    return EXIT.ok;
  },
});

const columns = (out: Output): Column<Secret>[] => [
  { header: "name", value: ({ name }) => name },
  { header: "updated", value: ({ updatedAt }) => out.time(updatedAt) },
  { header: "by", value: ({ updatedBy }) => updatedBy },
  { header: "created", value: ({ createdAt }) => out.time(createdAt), detail: true },
];

export const secretList = defineCommand({
  group: "state",
  name: "secret list",
  summary: "List the names of the fleet's secrets",
  flags: {},
  params: {},
  examples: ["maestro secret list", "maestro secret list -q"],
  async run({ api, out }) {
    out.listBy(await api().all("secrets"), columns(out), "No secrets. Set one: maestro secret set <name>", ({ name }) => name);
    return EXIT.ok;
  },
});

export const secretDelete = defineCommand({
  group: "state",
  name: "secret delete",
  summary: "Delete a secret of the fleet",
  flags: {},
  params: { name: which },
  examples: ["maestro secret delete GH_TOKEN", "maestro secret delete GH_TOKEN --yes"],
  async run({ api, out, confirm }, { params: { name } }) {
    const client = api();
    await confirm(`Delete secret '${name}'?`);
    await client.call("secretDelete", { params: { name } });
    out.one({ name, deleted: true }, () => `${name} is deleted.`, name);
    return EXIT.ok;
  },
});
