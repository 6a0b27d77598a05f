/** Where the embedded control plane listens and how it is protected, decided before anything is opened. */
import { BlockList, isIP } from "node:net";
import { maestroError } from "@maestro/shared/errors";
import { err, ok, type Result } from "@maestro/shared/result";

export type Protection =
  /** This machine only. */
  | { type: "loopback" }
  /** Self-signed, known by its key. */
  | { type: "tls-auto" }
  | { type: "tls-files"; certFile: string; keyFile: string }
  /** Plain http for peers of these networks, which already encrypt or are trusted. */
  | { type: "allow-http"; networks: readonly string[] };

export interface ListenPlan {
  bind: string;
  /** 0: any free one. */
  port: number;
  protection: Protection;
}

export interface ListenRequest {
  bind: string | undefined;
  port: number;
  /** `auto` or `cert,key`. */
  tls: string | undefined;
  allowHttp: readonly string[];
}

export const LOOPBACK = "127.0.0.1";

export function planListen({ bind = LOOPBACK, port, tls, allowHttp }: ListenRequest): Result<ListenPlan> {
  const address = bind === "localhost" ? LOOPBACK : bind.replace(/^\[|\]$/g, "");
  if (isIP(address) === 0)
    return err(
      maestroError("flag_invalid", `--bind: '${bind.slice(0, 64)}' is not an IP address.`, {
        field: "bind",
        hint: "For example: --bind 192.168.1.10, or 0.0.0.0 for all",
      }),
    );
  const wrong = allowHttp.find((network) => !isNetwork(network));
  if (wrong !== undefined)
    return err(
      maestroError("flag_invalid", `--allow-http: '${wrong.slice(0, 64)}' is not a network.`, {
        field: "allow-http",
        hint: "For example: --allow-http 100.64.0.0/10",
      }),
    );
  if (tls !== undefined && allowHttp.length > 0) {
    return err(
      maestroError("conflicting_flags", "--tls and --allow-http exclude each other.", {
        field: "tls",
        hint: "With TLS nobody needs plain http.",
      }),
    );
  }
  if (tls === "auto") return ok({ bind: address, port, protection: { type: "tls-auto" } });
  if (tls !== undefined) {
    const [certFile, keyFile, extra] = tls.split(",");
    if (certFile === undefined || certFile === "" || keyFile === undefined || keyFile === "" || extra !== undefined) {
      return err(
        maestroError("flag_invalid", `--tls: '${tls.slice(0, 128)}' is neither 'auto' nor two files.`, {
          field: "tls",
          hint: "For example: --tls auto, or --tls cert.pem,key.pem",
        }),
      );
    }
    return ok({ bind: address, port, protection: { type: "tls-files", certFile, keyFile } });
  }
  if (allowHttp.length > 0) return ok({ bind: address, port, protection: { type: "allow-http", networks: allowHttp } });
  if (isLoopbackAddress(address)) return ok({ bind: address, port, protection: { type: "loopback" } });
  return err(
    maestroError("tls_required", `Listening on ${address} without TLS would send tokens and terminals in the clear.`, {
      field: "bind",
      hint: "Add --tls auto (self-signed, pinned by the join line), --tls cert.pem,key.pem, or --allow-http <cidr> for a network that encrypts by itself, such as Tailscale.",
    }),
  );
}

export const isLoopbackAddress = (address: string): boolean => address === "::1" || (isIP(address) === 4 && address.startsWith("127."));

export function isNetwork(text: string): boolean {
  const [address, bits, extra] = text.split("/");
  const family = isIP(address ?? "");
  return family !== 0 && extra === undefined && /^\d{1,3}$/.test(bits ?? "") && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Who may speak plain http: this machine and the given networks. */
export function peersOf(networks: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  list.addSubnet("127.0.0.0", 8, "ipv4");
  list.addAddress("::1", "ipv6");
  for (const network of networks) {
    const [address = "", bits = "0"] = network.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return (address) => {
    if (address === undefined) return false;
    const bare = address.replace(/^::ffff:(?=\d+\.)/, "");
    return isIP(bare) !== 0 && list.check(bare, isIP(bare) === 6 ? "ipv6" : "ipv4");
  };
}
