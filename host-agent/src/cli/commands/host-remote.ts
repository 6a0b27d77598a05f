/** `maestro host add`, `host edit`: hosts that a linked one reaches by ssh or tailscale. */
import { EXIT, fail } from "@maestro/shared/errors";
import { flag, param } from "../args/spec.ts";
import { defineCommand } from "../command.ts";
import { resolveHost } from "../resolve.ts";
import { unwrap } from "../unwrap.ts";
import { OPTIONS_VARIABLE, withDispatchOptions } from "./dispatch-options.ts";
import { checkLines } from "./host-check-view.ts";
import { checkSaved, refuseFailed } from "./host-check.ts";
import { hostText, reachedText } from "./host-view.ts";
import { acceptFlag, acceptOf, either, remoteBody, remoteFlags, remotePatch } from "./remote-flags.ts";

export const hostAdd = defineCommand({
  group: "host",
  name: "host add",
  summary: "Add a host that a linked one reaches by ssh or tailscale, and check it",
  flags: {
    ...remoteFlags,
    label: flag.pairs("labels of the host"),
    ...acceptFlag,
    "no-check": flag.toggle("do not check it"),
  },
  params: {
    name: param.required("the name the host will have"),
    address: param.required("a name, an address, user@host, ssh://user@host:port, or with --ssh-config a Host"),
  },
  conflicts: [["no-check", "accept-host-key"]],
  examples: [
    "maestro host add gpu dev@10.0.0.5 --accept-host-key new",
    "maestro host add box box.tail1234.ts.net --via laptop --cwd '~/src'",
  ],
  async run(context, { params, flags }) {
    const { api, out, io } = context;
    const accept = unwrap(acceptOf(flags["accept-host-key"]));
    const remote = unwrap(withDispatchOptions(remoteBody(params.address, flags), io.env[OPTIONS_VARIABLE]));
    const host = await api().call("hostAdd", {
      body: {
        name: params.name,
        ...remote,
        ...(Object.keys(flags.label).length === 0 ? {} : { labels: flags.label }),
      },
    });
    const added = `${host.name} is added: ${reachedText(host)}.`;
    if (flags["no-check"]) {
      out.one(host, () => added, host.id);
      return EXIT.ok;
    }
    out.note(added);
    const check = await checkSaved(context, host, accept).catch((error: unknown) => {
      // It stays added: what is printed is its id, as after one that went well.
      out.one(host, () => [], host.id);
      throw error;
    });
    out.one({ ...host, check }, () => checkLines(check, host.name), host.id);
    refuseFailed(check, host.name);
    return EXIT.ok;
  },
});

export const hostEdit = defineCommand({
  group: "host",
  name: "host edit",
  summary: "Change a host's name or labels, or how a remote one is reached",
  flags: {
    name: flag.text("another name", "name"),
    label: flag.pairs("its labels, all of them"),
    address: flag.text("another address; user and port stay unless it names them", "address"),
    ...remoteFlags,
    enable: flag.toggle("reach it again"),
    disable: flag.toggle("do not reach it; refused while tasks run there"),
    default: either("mark it as the one to choose; --default=false takes the mark away"),
  },
  params: { host: param.required("name, id or unique beginning of an id") },
  conflicts: [["enable", "disable"]],
  examples: ["maestro host edit gpu --port 2222 --user ''", "maestro host edit gpu --via laptop --enable"],
  async run({ api, out }, { params, flags }) {
    const client = api();
    const { id } = await resolveHost(client, params.host);
    const { name, label, address, enable, disable } = flags;
    const body = {
      ...(name === undefined ? {} : { name }),
      ...(Object.keys(label).length === 0 ? {} : { labels: label }),
      ...(address === undefined ? {} : { address }),
      ...remotePatch(flags),
      ...(enable || disable ? { enabled: enable } : {}),
      ...(flags.default === undefined ? {} : { default: flags.default }),
    };
    if (Object.keys(body).length === 0) throw fail("usage", "Nothing to change was given.", { hint: "See: maestro help host edit" });
    const host = await client.call("hostUpdate", { params: { id }, body });
    out.one(host, () => hostText(out, host), host.id);
    return EXIT.ok;
  },
});
