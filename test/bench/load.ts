/** Many requests as many users make them: kept-alive connections, so many at a time, each credential within its allowance. */
import type { Api } from "../support/api.ts";
import type { Product } from "../support/maestro.ts";

/** Requests a minute one credential may make; a few less, for what else it asks. */
const ALLOWANCE = 550;

/** Operators' tokens, each for as many requests as it may make. */
export class Credentials {
  readonly #apis: readonly Api[];
  readonly #each: number;
  #asked = 0;

  private constructor(apis: readonly Api[], each: number) {
    this.#apis = apis;
    this.#each = each;
  }

  /** Enough for so many requests within one minute. @param each that are made with what is taken once. */
  static async for(product: Product, requests: number, each = 1): Promise<Credentials> {
    const apis: Api[] = [];
    for (let n = 0; n < Math.ceil(requests / ALLOWANCE); n++) {
      const { secret } = await product.api.createToken({ name: `load-${Date.now().toString(36)}-${n}`, role: "operator" });
      const api = product.api.as(secret);
      // A credential's first use is noted: those that are in use have that behind them.
      await api.hosts();
      apis.push(api);
    }
    return new Credentials(apis, each);
  }

  get next(): Api {
    const api = this.#apis[Math.floor(this.#asked / ALLOWANCE) % this.#apis.length];
    this.#asked += this.#each;
    if (api === undefined) throw new Error("no credentials");
    return api;
  }
}

/** Runs `count` of them, `width` at a time; answers how many a second. */
export async function perSecond(count: number, width: number, one: (n: number) => Promise<void>): Promise<number> {
  let next = 0;
  const lane = async () => {
    while (next < count) await one(next++);
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
  return count / ((performance.now() - startedMs) / 1000);
}

/** The least a client does: both contenders are asked with it. */
export async function post(url: string, path: string, body: string, token?: string): Promise<string> {
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    body,
  });
  const text = await response.text();
  if (response.status >= 300) throw new Error(`POST ${path}: ${response.status} ${text.slice(0, 500)}`);
  return text;
}
