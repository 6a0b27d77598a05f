/** Members of the fleet and their roles. */
import { ROLE_SCOPES } from "@maestro/shared/contract/access";
import { credentialsOfMember, findMember, insertMember, listMembers, removeMember, updateMember, type MemberRow } from "../db/members.ts";
import { withinLimits } from "../domain/access/permissions.ts";
import { defineRoutes, unwrap } from "../http/define-route.ts";
import { makeLoginLink } from "../http/login-link.ts";
import { closeSockets } from "../http/sockets.ts";

export const memberRoutes = defineRoutes({
  async members(rx) {
    return rx.list(await listMembers(rx.db, rx.fleet, await rx.page()), toMember);
  },

  async memberCreate(rx) {
    unwrap(withinLimits(rx.principal));
    await rx.audit(rx.body.name);
    const member = await insertMember(rx.db, {
      id: rx.newId("member"),
      fleet: rx.fleet,
      name: rx.body.name,
      role: rx.body.role,
      createdMs: rx.nowMs,
    });
    const login = await makeLoginLink(rx, {
      fleet: rx.fleet,
      member: member.id,
      parent: null,
      role: member.role,
      scopes: [...ROLE_SCOPES[member.role]],
      agents: null,
      hosts: null,
      stepUp: true,
      sessionUntilMs: null,
    });
    await rx.feed.append([{ type: "member.changed", subject: member.id, summary: `${member.name} joined as ${member.role}` }]);
    return { member: toMember(member), login };
  },

  /** Roles are looked at with every request, so sockets of somebody who lost rights are closed to be opened anew. */
  async memberUpdate(rx) {
    unwrap(withinLimits(rx.principal));
    const before = await findMember(rx.db, rx.fleet, rx.params.id);
    await rx.audit(before.id);
    const member = await updateMember(rx.db, rx.fleet, before.id, rx.body);
    if (member.role !== before.role)
      await closeSockets(rx.env, rx.db, await credentialsOfMember(rx.db, rx.fleet, member.id), rx.nowMs, "changed");
    await rx.feed.append([{ type: "member.changed", subject: member.id, summary: `${member.name} is ${member.role}` }]);
    return toMember(member);
  },

  async memberRemove(rx) {
    unwrap(withinLimits(rx.principal));
    const member = await findMember(rx.db, rx.fleet, rx.params.id);
    await rx.audit(member.id);
    const credentials = await credentialsOfMember(rx.db, rx.fleet, member.id);
    await removeMember(rx.db, rx.fleet, member.id, rx.nowMs);
    await closeSockets(rx.env, rx.db, credentials, rx.nowMs);
    await rx.feed.append([{ type: "member.changed", subject: member.id, summary: `${member.name} was removed` }]);
  },
});

const toMember = (row: MemberRow): { id: string; name: string; role: MemberRow["role"]; createdAt: string } => ({
  id: row.id,
  name: row.name,
  role: row.role,
  createdAt: new Date(row.createdMs).toISOString(),
});
