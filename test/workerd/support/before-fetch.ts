/** Relays that are reached only after something else has happened. */
import type { env } from "cloudflare:workers";
import type { HostRelay } from "../../../control-plane/src/objects/host-relay.ts";

export function beforeFetch(relays: typeof env.HOST_RELAY, happens: () => Promise<void>): typeof env.HOST_RELAY {
  const late = (relay: DurableObjectStub<HostRelay>): typeof relay =>
    new Proxy(relay, {
      get: (stub, property) =>
        property === "fetch"
          ? async (request: Request) => {
              await happens();
              return stub.fetch(request);
            }
          : Reflect.get(stub, property),
    });
  return new Proxy(relays, {
    get: (namespace, property) =>
      property === "getByName" ? (name: string) => late(namespace.getByName(name)) : Reflect.get(namespace, property),
  });
}
