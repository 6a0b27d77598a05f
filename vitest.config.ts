import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
void cloudflareTest;
export default defineConfig({});
