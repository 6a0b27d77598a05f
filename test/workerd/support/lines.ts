/** A stream of NDJSON, read line by line. */
export class Lines {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(answer: Response) {
    if (answer.body === null) throw new Error("no body");
    this.#reader = answer.body.getReader();
  }

  /** The next line that says something; undefined once the stream has ended. */
  async next(): Promise<unknown> {
    for (;;) {
      const at = this.#text.indexOf("\n");
      if (at === -1) {
        const { value, done } = await this.#reader.read();
        if (done) return undefined;
        this.#text += this.#decoder.decode(value, { stream: true });
        continue;
      }
      const line = this.#text.slice(0, at);
      this.#text = this.#text.slice(at + 1);
      if (line !== "") return JSON.parse(line);
    }
  }

  close(): Promise<void> {
    return this.#reader.cancel();
  }
}
