/** The version of this program: that of its package, which lies beside the bundle and above the sources. */
import { readFileSync } from "node:fs";
import * as z from "zod";

const Manifest = z.object({ version: z.string() });
const place = import.meta.url.endsWith(".ts") ? "../../package.json" : "../package.json";

export const VERSION: string = Manifest.parse(JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8"))).version;
