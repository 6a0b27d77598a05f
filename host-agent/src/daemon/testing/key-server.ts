/** A control plane that knows one host by its key, and lets it rotate; for tests of rotations that break off. */
import { createPublicKey, verify } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { maestroError, toProblem } from "@maestro/shared/errors";
import { hostSigningText, parseHostAuthorization, rotateSigningText } from "@maestro/shared/protocol/link-auth";
import type { Identity } from "../identity.ts";
import { FakeRelay } from "./fake-relay.ts";
import { joinedHome } from "./host-home.ts";

const KEY_PATH = "/api/v1/hosts/self/key";

/** A server with a joined host; `undo` takes what ends them. */
export async function rotatingHost(undo: (() => unknown)[]): Promise<{ server: KeyServer; home: ReturnType<typeof joinedHome> }> {
  const server = new KeyServer();
  await server.relay.listen();
  undo.push(() => server.relay.close());
  const home = joinedHome(server.relay.origin);
  undo.push(() => home.remove());
  server.enrol(home.identity);
  return { server, home };
}

export class KeyServer {
  readonly relay: FakeRelay;
  key = "";
  previous = "";
  /** For a day after a rotation. */
  acceptsPrevious = true;
  /** Answers that get lost after the work is done. */
  lose = 0;
  /** Calls refused for the wrong clock. */
  skew = 0;
  /** Refuses everybody, as a server with troubles of its own. */
  down = false;
  calls = 0;
  #hostId = "";
  #heard: (() => void)[] = [];

  constructor() {
    this.relay = new FakeRelay({ http: (request, body) => this.#answer(request, body) });
  }

  enrol({ record, signing }: Identity): void {
    this.#hostId = record.hostId;
    this.key = signing.public;
  }

  /** Resolves with the n-th call there ever was. */
  async called(n: number): Promise<void> {
    while (this.calls < n) await new Promise<void>((resolve) => this.#heard.push(resolve));
  }

  #answer(request: IncomingMessage, body: string): { status: number; json: unknown } {
    if (request.url !== KEY_PATH) return { status: 404, json: {} };
    this.calls += 1;
    for (const wake of this.#heard.splice(0)) wake();
    const refuse = (status: number, code: "signature_invalid" | "proof_invalid" | "clock_skew" | "internal", extra = {}) => ({
      status,
      json: toProblem(maestroError(code, "x", { extra }), "r"),
    });
    if (this.down) return refuse(500, "internal");
    const parsed = parseHostAuthorization(request.headers.authorization ?? "");
    if (!parsed.ok) return refuse(401, "signature_invalid");
    const text = hostSigningText(parsed.value.claim, this.relay.origin, "POST", KEY_PATH);
    const keys = [this.key, ...(this.acceptsPrevious ? [this.previous] : [])];
    if (!keys.some((key) => verifies(key, text, parsed.value.signature))) return refuse(401, "signature_invalid");
    if (this.skew > 0) {
      this.skew -= 1;
      return refuse(401, "clock_skew", { serverTime: Date.now() + 3_600_000 });
    }
    const asked: { signingKey: string; proof: string } = JSON.parse(body);
    const vouching = this.key === asked.signingKey ? this.previous : this.key;
    if (!verifies(vouching, rotateSigningText(this.relay.origin, this.#hostId, asked.signingKey), asked.proof))
      return refuse(401, "proof_invalid");
    if (this.key !== asked.signingKey) [this.previous, this.key] = [this.key, asked.signingKey];
    if (this.lose > 0) {
      this.lose -= 1;
      request.socket.destroy();
    }
    return { status: 204, json: undefined };
  }
}

const verifies = (key: string, text: string, signature: string): boolean =>
  key !== "" &&
  verify(
    null,
    Buffer.from(text),
    createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key }, format: "jwk" }),
    Buffer.from(signature, "base64url"),
  );
