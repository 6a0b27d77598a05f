/** The minimal relay on the very miniflare the product embeds, in a process of its own. Says `{port, workerd}` over IPC. */
import { fileURLToPath } from "node:url";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { descendants } from "../../support/processes.ts";

const miniflare = new Miniflare(convertV4MiniflareOptions({
  name: "reference",
  modules: true,
  scriptPath: fileURLToPath(new URL("./minimal-do-relay/worker.js", import.meta.url)),
  compatibilityDate: "2026-08-01",
  durableObjects: { RELAY: { className: "Relay", useSQLite: true } },
  host: "127.0.0.1",
  port: 0,
}));
const url = await miniflare.ready;
const workerd = descendants(process.pid).find(({ argv }) => argv[0]?.endsWith("workerd"));
process.send?.({ port: Number(url.port), workerd: workerd?.pid });
process.on("disconnect", () => void miniflare.dispose().finally(() => process.exit(0)));
