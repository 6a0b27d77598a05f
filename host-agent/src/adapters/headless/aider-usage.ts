/** aider's own count: `Tokens: 2.5k sent, 1k cache hit, 100 received. Cost: $0.01 message, $0.02 session.` */
import { usageOf, type Findings } from "./findings.ts";

const FACTOR: Readonly<Record<string, number>> = { "": 1, k: 1_000, m: 1_000_000 };

export function aiderUsage(tail: string): Findings {
  const counts = { sent: 0, received: 0, hit: 0, write: 0, turns: 0 };
  for (const [line] of tail.matchAll(/^Tokens: .*$/gm)) {
    counts.turns += 1;
    counts.sent += amount(line, /([\d.,]+)([kM]?) sent/);
    counts.received += amount(line, /([\d.,]+)([kM]?) received/);
    counts.hit += amount(line, /([\d.,]+)([kM]?) cache hit/);
    counts.write += amount(line, /([\d.,]+)([kM]?) cache write/);
  }
  if (counts.turns === 0) return {};
  const costs = [...tail.matchAll(/\$(\d+(?:\.\d+)?) session/g)].map(([, cost]) => Number(cost));
  return usageOf({
    turns: counts.turns,
    inputTokens: counts.sent,
    outputTokens: counts.received,
    ...(counts.hit > 0 ? { cacheReadTokens: counts.hit } : {}),
    ...(counts.write > 0 ? { cacheWriteTokens: counts.write } : {}),
    costUsd: costs.at(-1),
  });
}

function amount(line: string, pattern: RegExp): number {
  const [, digits, unit] = pattern.exec(line) ?? [];
  return digits === undefined ? 0 : Math.round(Number(digits.replaceAll(",", "")) * (FACTOR[(unit ?? "").toLowerCase()] ?? 1));
}
