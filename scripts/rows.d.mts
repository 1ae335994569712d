import type { Opcode } from '../wasm/opcodes.ts';

export function pack(opcodes: readonly Opcode[]): string;
