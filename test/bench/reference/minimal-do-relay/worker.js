// The least a relay can do: accept, tag, forward. No access, no credit, no screen, no resume.
// A frame is `u32 channel · bytes`. The host's socket is tagged `host`, a viewer's `v<channel>`.
import { DurableObject } from "cloudflare:workers";

export class Relay extends DurableObject {
  async fetch(request) {
    const channel = new URL(request.url).searchParams.get("channel");
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [channel === null ? "host" : `v${channel}`]);
    server.serializeAttachment({ channel });
    this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(socket, message) {
    const { channel } = socket.deserializeAttachment();
    if (channel === null) {
      const to = new DataView(message).getUint32(0);
      for (const viewer of this.ctx.getWebSockets(`v${to}`)) viewer.send(message);
      return;
    }
    for (const host of this.ctx.getWebSockets("host")) host.send(message);
  }

  webSocketClose(socket, code) {
    try {
      socket.close(code === 1005 || code === 1006 ? 1000 : code);
    } catch {
      // Already closed.
    }
  }
}

export default {
  fetch(request, env) {
    return env.RELAY.get(env.RELAY.idFromName("relay")).fetch(request);
  },
};
