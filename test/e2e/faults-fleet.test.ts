/** Faults that come to many hosts at once. */
import { expect, test } from "vitest";
import { Product } from "../support/maestro.ts";
import { enrolInto, startHost, type SimulatedHost } from "../support/simulated-hosts.ts";
import { isFullRun } from "../support/system.ts";
import { poll } from "../support/wait.ts";

const HOSTS = 200;
const ROUNDS = isFullRun ? 10 : 1;
/** Without jitter: all dial in the same instant, and again a little later when nobody is there yet. */
const NO_JITTER = 0.05;

test(
  `[F16] ${HOSTS} hosts reconnect at once after the control plane was killed: all are back, none twice, none lost`,
  { timeout: 240_000 },
  async () => {
    await using product = await Product.up();
    await product.down();
    const enrolled = enrolInto(product.home, HOSTS);
    await product.upAgain();
    const hosts: SimulatedHost[] = [];
    await using _ = { [Symbol.asyncDispose]: async () => void (await Promise.all(hosts.map((host) => host.stop()))) };
    for (const one of enrolled) hosts.push(startHost(one, product.url, () => NO_JITTER));
    const allUp = (times: number) => () => (hosts.every(({ link, ups }) => link.state.type === "up" && ups >= times) ? true : undefined);
    const states = () =>
      [...new Set(hosts.map(({ link: { state } }) => ("why" in state ? `${state.type}: ${state.why}` : state.type)))].join("\n");
    await poll("every host linked", allUp(1), { timeoutMs: 60_000, everyMs: 50, detail: states });
    for (let round = 1; round <= ROUNDS; round++) {
      await product.killAndReturn("workerd");
      await poll(`every host back after round ${round}`, allUp(round + 1), { timeoutMs: 60_000, everyMs: 50, detail: states });
    }
    let all: Awaited<ReturnType<typeof product.api.hosts>> = [];
    const listed = await poll(
      "the registry shows all online",
      async () => {
        all = await product.api.hosts();
        return all.every(({ status }) => status === "online") ? all : undefined;
      },
      {
        timeoutMs: 30_000,
        everyMs: 200,
        detail: () => JSON.stringify(all.filter(({ status }) => status !== "online")).slice(0, 1_000),
      },
    );
    expect(listed.map(({ name }) => name).filter((name) => name.startsWith("sim-"))).toEqual(enrolled.map(({ name }) => name));
    expect(new Set(listed.map(({ id }) => id)).size).toBe(HOSTS + 1);
    expect(listed.filter(({ locked }) => locked !== undefined)).toEqual([]);
    // One link each: had an older one lived on beside it, it would have been told so and dialled again.
    expect(hosts.filter(({ superseded }) => superseded > 0).map(({ name, superseded }) => `${name}: ${superseded}`)).toEqual([]);
    const audit = await product.cli(["audit", "--verify"]);
    expect({ code: audit.code, stderr: audit.stderr }).toMatchObject({ code: 0 });
  },
);
