/** What to do about a host that is not connected. */

/** @param carried another host reaches it, and no host-agent of its own runs there. */
export const awayHint = (name: string, carried: boolean): string =>
  carried
    ? `It is reached over another host: is that one online, and this one not switched off? maestro host show ${name}; maestro host check ${name}`
    : "Is the machine on, and `maestro host run` running there?";
