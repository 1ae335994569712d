/** The guest that tenants have, and sandboxes for it. */

import { readFileSync } from 'node:fs';
import binaryen from 'binaryen';
import { type Caller, Capability, type SandboxOptions, SecurityPolicy } from '../../../src/index.ts';
import { compile } from '../../generate/text.ts';
import type { Ground } from './history.ts';

const { MutableGlobals, BulkMemory, ReferenceTypes, Multivalue } = binaryen.Features;
const GUEST = compile(
  readFileSync(new URL('./guest.wat', import.meta.url), 'utf8'),
  // What both engines run.
  MutableGlobals | BulkMemory | ReferenceTypes | Multivalue,
);

/** Units of gas for what host functions charge. */
export const PER_BYTE = 0.5;

/** What the guest asks of its host, and its streams. */
export interface Embedder {
  begin(caller: Caller): void;
  /** @param tenant the number that the guest was given */
  host(caller: Caller, tenant: number, what: number, much: number): unknown;
  object(tenant: number, much: number): unknown;
  see(tenant: number, object: unknown): void;
  /** Asked for so many bytes; the number says whose it is and what to do. */
  input(wanted: number): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  report(bytes: Uint8Array): void | Promise<void>;
}

/**
 * Bytes of their own in every respect: no sandbox made from them shares anything with another's but code. They are Node's
 * Buffers, whose `slice` copies nothing.
 */
export function optionsFor(ground: Ground, embedder: Embedder): SandboxOptions {
  const functions = Capability.hostFunctions(
    'env',
    {
      begin: { call: (caller) => embedder.begin(caller) },
      host: {
        params: ['i32', 'i32', 'i32'],
        results: ['i32'],
        call: (caller, [tenant, what, much]) => embedder.host(caller, tenant as number, what as number, much as number),
      },
      object: (tenant: number, much: number) => embedder.object(tenant, much),
      see: (tenant: number, object: unknown) => embedder.see(tenant, object),
    },
    { gas: 20, perByte: PER_BYTE },
  );
  const memory = { 'b.txt': Buffer.from('0123456789'), 'dir/c': 'a file in a directory' };
  const policy = SecurityPolicy.builder(SecurityPolicy.strict())
    .allow(functions)
    .allow(Capability.filesystemAccess({ memory }, { maxBytes: 600, maxFiles: 5, maxDescriptors: 9 }))
    .allow(Capability.networkAccess(['*.example.com'], { maxRequests: 3 }))
    .onViolation(ground.traps ? 'trap' : 'errno')
    .maxOutput(700);
  if (ground.audits) policy.enableAuditLogging({ maxEvents: 200 });
  return {
    source: GUEST.slice(),
    securityPolicy: policy.build(),
    engine: ground.engine,
    gasLimit: ground.gasLimit,
    memoryLimit: 9 * 65_536,
    stackLimit: 16_384,
    record: ground.records,
    instanceId: 'guest',
    args: ['guest', 'argument'],
    env: { NAME: 'value' },
    stdin: ground.stdin === 'bytes' ? Buffer.from('read by every tenant, once') : embedder.input,
    ...(ground.stderr === 'function' && { onStderr: embedder.report }),
  };
}
