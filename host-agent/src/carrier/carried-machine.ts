/** What is known of a remote host's machine: how work is done there, its facts, and the agents' CLIs that it has. */
import { ok, type Result } from "@maestro/shared/result";
import type { Adapter } from "../adapters/adapter.ts";
import { TypeCatalogue } from "../adapters/types/catalogue.ts";
import type { CarriedHostDeps } from "./carried-host-deps.ts";
import { Hand, type RemoteFacts } from "./hand.ts";
import { RemotePrograms } from "./remote-programs.ts";
import { createShownAgents } from "./shown-agents.ts";

export class CarriedMachine {
  readonly hand: Hand;
  readonly catalogue: TypeCatalogue;
  readonly #programs = new RemotePrograms();
  #facts: RemoteFacts | undefined;

  constructor({ shell, prelude, typeDirs, clock, timeScale, log, openWithAgent: open }: CarriedHostDeps) {
    this.hand = new Hand(shell, prelude, (script) => createShownAgents({ open, script, clock, timeScale, log }));
    this.catalogue = new TypeCatalogue(typeDirs, this.#programs, (name) => this.#programs.locate(name));
  }

  /** Of the last look that went well. */
  get facts(): RemoteFacts | undefined {
    return this.#facts;
  }

  async look(signal: AbortSignal): Promise<Result<RemoteFacts>> {
    const facts = await this.hand.facts(signal);
    if (!facts.ok) return facts;
    this.#facts = facts.value;
    this.catalogue.refresh();
    const own = this.catalogue.types.flatMap(({ type }) => type.argv?.[0] ?? []);
    const programs = await this.hand.programs(this.#programs.asked(own), signal);
    if (!programs.ok) return programs;
    this.#programs.learn(programs.value);
    return ok(facts.value);
  }

  program(adapter: Adapter): ReturnType<RemotePrograms["program"]> {
    return this.#programs.program(adapter);
  }
}
