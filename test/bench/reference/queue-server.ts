/** The minimal queue on the very miniflare the product embeds, on disk, in a process of its own. Says `{port}` over IPC. */
import { fileURLToPath } from "node:url";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";

const [stateDirectory = ""] = process.argv.slice(2);
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    logRequests: false,
    resourcePersistencePath: stateDirectory,
    telemetry: { enabled: false },
    workers: [
      {
        name: "reference",
        modules: true,
        scriptPath: fileURLToPath(new URL("./minimal-do-queue/worker.js", import.meta.url)),
        compatibilityDate: "2026-08-01",
        durableObjects: { QUEUE: { className: "Queue", useSQLite: true } },
        // As the product is reached: straight, not through the emulated router.
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      },
    ],
  }),
);
await miniflare.ready;
const url = await miniflare.unsafeGetDirectURL("reference");
process.send?.({ port: Number(url.port) });
process.on("disconnect", () => void miniflare.dispose().finally(() => process.exit(0)));
