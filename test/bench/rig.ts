/** What gates measure with: the product and the references, started when first asked for, one of each for a run. */
import { Product, type UpOptions } from "../support/maestro.ts";
import type { Viewer } from "../support/viewer.ts";
import { ReferenceRelay } from "./reference/relay.ts";

export interface RigOptions {
  rounds: number;
  progress: (line: string) => void;
}

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

  /** The contenders of each round, one after the other, in turning order so that none is always first. */
  async interleave(contenders: Readonly<Record<string, (round: number) => Promise<void>>>, rounds = this.rounds): Promise<void> {
    const names = Object.keys(contenders);
    for (let round = 0; round < rounds; round++) {
      const order = names.map((_, i) => names[(i + round) % names.length] ?? "");
      for (const name of order) await contenders[name]?.(round);
      this.progress(`round ${round + 1} of ${rounds}`);
    }
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
