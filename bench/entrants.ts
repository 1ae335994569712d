/** Contenders that are there, and why others are not. */

import type { Contender } from './contenders.ts';
import type { Engine } from './engine.ts';
import type { Entrant } from './measure.ts';
import type { Product } from './product.ts';
import type { ContenderReport } from './program-report.ts';

export interface Started {
  readonly entrants: readonly Entrant[];
  readonly reports: readonly ContenderReport[];
}

/** @param peers whether those of others take part */
export async function start(contenders: readonly Contender[], product: Product, peers: boolean): Promise<Started> {
  const entrants: Entrant[] = [];
  const reports: ContenderReport[] = [];
  for (const contender of contenders) {
    const { key, label, role, what } = contender;
    const found = await create(contender, product, peers);
    if ('absent' in found) reports.push({ key, label, role, what, absent: found.absent });
    else {
      reports.push({ key, label, role, what });
      entrants.push({ contender, engine: found });
    }
  }
  return { entrants, reports };
}

async function create(contender: Contender, product: Product, peers: boolean): Promise<Engine | { absent: string }> {
  if (contender.role === 'peer' && !peers) return { absent: 'peers were not asked for' };
  try {
    return await contender.create(product);
  } catch (error) {
    return { absent: error instanceof Error ? error.message : String(error) };
  }
}
