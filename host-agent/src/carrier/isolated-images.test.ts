/** Images of a prompt whose work runs in a container, by a real engine. */
import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { DockerEngine, IMAGE } from "../../../test/support/docker-engine.ts";
import { imageOf, serving, somePng } from "../tasks/testing/images.ts";
import { openHost, removeHosts } from "./testing/isolated-host.ts";

const hasDocker = spawnSync("dockerd", ["--version"]).status === 0;

afterEach(removeHosts);

describe.skipIf(!hasDocker)("images", { timeout: 90_000 }, () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 90_000);
  afterAll(() => engine[Symbol.asyncDispose]());

  test.each([
    ["made for its workspace", {}],
    ["that is named", { container: "given" }],
  ])(
    "[TK6] in a container %s it is shown the images of its prompt, which are private there and gone with its end",
    async (_which, more) => {
      const png = somePng(200_000);
      const host = openHost(IMAGE, engine.env, { images: serving(png) });
      const given = "container" in more;
      if (given) engine.docker("run", "-d", "--name", "given", IMAGE, "sleep", "1000");
      const type = { image_flag: "--image", ...(given ? { isolate_with: "none" as const, image: undefined } : {}) };
      const workspace = { mode: "path" as const, path: given ? "/tmp" : host.workspace };
      const task = host.task('stat -c %a "$1" "${1%/*}"; sha256sum <"$1"; echo "$1"', type, {
        images: [imageOf("1-a.png", png)],
        workspace,
        ...more,
      });
      expect(await task.run()).toMatchObject({ outcome: "completed" });
      const [, digest = "", shown = ""] = /^600\n700\n([0-9a-f]{64}) +-\n(\/\S+\/images\/\w{16}\/1-a\.png)\n$/.exec(task.log) ?? [];
      expect(digest).toBe(imageOf("1-a.png", png).sha256);
      expect(engine.docker("exec", given ? "given" : host.container, "sh", "-c", `ls '${shown}' || echo gone`)).toContain("gone");
      if (given) engine.docker("rm", "-f", "given");
    },
  );
});
