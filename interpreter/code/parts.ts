/** What lowers instructions that few modules have: loaded for those. */

import type { Mnemonic } from '../../wasm/opcodes.ts';
import { Part } from '../../wasm/part.ts';
import type { Handler } from './lowering.ts';

interface LaterLowering {
  readonly LATER: Readonly<Partial<Record<Mnemonic, Handler>>>;
}

export const laterLowering = new Part<LaterLowering>(
  'references, objects and exceptions',
  () => import('./lower-later.ts'),
);
