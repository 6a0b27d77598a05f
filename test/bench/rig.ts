/** What gates measure with: the product and the references, started when first asked for, one of each for a run. */
import { Product, type UpOptions } from "../support/maestro.ts";
import type { Viewer } from "../support/viewer.ts";
import { ReferenceRelay } from "./reference/relay.ts";
import { leastStolen, machineTime, MOST_ROUNDS, mostlyOurs, stolenShare, type LeastStolen } from "./stolen.ts";

export interface RigOptions {
  rounds: number;
  progress: (line: string) => void;
}

type Contenders = Readonly<Record<string, (round: number) => Promise<void>>>;

export class Rig implements AsyncDisposable {
  readonly rounds: number;
  readonly progress: (line: string) => void;
  #product: Promise<Product> | undefined;
  #relay: Promise<ReferenceRelay> | undefined;

  constructor({ rounds, progress }: RigOptions) {
    this.rounds = rounds;
    this.progress = progress;
  }

  product(): Promise<Product> {
    this.#product ??= this.freshProduct();
    return this.#product;
  }

  /** One of its own, for gates that measure memory or leave much behind; the caller disposes of it. */
  freshProduct(options?: UpOptions): Promise<Product> {
    this.progress("starting the product (maestro up)");
    return Product.up(options);
  }

  relay(): Promise<ReferenceRelay> {
    this.progress("starting the minimal relay");
    this.#relay ??= ReferenceRelay.start();
    return this.#relay;
  }

  /** How many rounds `interleaveUndisturbed` may come to. */
  get mostRounds(): number {
    return MOST_ROUNDS * this.rounds;
  }

  /**
   * For what is short and goes through many processes: rounds in which the machine's neighbours took its processors are
   * repeated. What comes back takes, of one figure per round, those of the rounds that were disturbed least.
   */
  async interleaveUndisturbed(contenders: Contenders): Promise<LeastStolen> {
    const stolen: number[] = [];
    while (stolen.length < this.mostRounds && stolen.filter(mostlyOurs).length < this.rounds) {
      const before = machineTime();
      await this.#round(contenders, stolen.length);
      const share = stolenShare(before, machineTime());
      stolen.push(share);
      this.progress(`round ${stolen.length}: ${mostlyOurs(share) ? "undisturbed" : "disturbed"}, ${(share * 100).toFixed(1)} % stolen`);
    }
    return leastStolen(stolen, this.rounds);
  }

  /** The contenders of each round, one after the other, in turning order so that none is always first. */
  async interleave(contenders: Contenders, rounds = this.rounds): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await this.#round(contenders, round);
      this.progress(`round ${round + 1} of ${rounds}`);
    }
  }

  async #round(contenders: Contenders, round: number): Promise<void> {
    const names = Object.keys(contenders);
    const order = names.map((_, i) => names[(i + round) % names.length] ?? "");
    for (const name of order) await contenders[name]?.(round);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#product)?.[Symbol.asyncDispose]();
    await (await this.#relay)?.[Symbol.asyncDispose]();
  }
}

/** A viewer that may type: it has the pen or takes it. */
export async function writer(product: Product, session: string, options: Parameters<Product["attach"]>[1] = {}): Promise<Viewer> {
  const viewer = await product.attach(session, options);
  await viewer.frame("pen");
  if (!viewer.hasPen) await viewer.take();
  return viewer;
}
