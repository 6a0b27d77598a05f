/** Static output for the Worker's assets; in development the API is proxied to a running control plane. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { xtermWithoutInlineStyle } from "./build/xterm-without-inline-style.ts";

const CONTROL_PLANE = process.env["MAESTRO_DEV_URL"] ?? "http://127.0.0.1:23000";

export default defineConfig({
  plugins: [react(), xtermWithoutInlineStyle()],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    // Byte-stable and small: no map, no inlined data that a stricter CSP would have to allow.
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: CONTROL_PLANE, ws: true }, "/install.sh": CONTROL_PLANE, "/maestro.tgz": CONTROL_PLANE },
  },
});
