/** What a worker thread of a service does: it has one module, with one sandbox, and answers one task after the other. */

import { SecurityPolicy } from '../../policy/index.ts';
import { isBytes } from '../../wasm/bytes.ts';
import { UsageError } from '../../wasm/errors.ts';
import { PluginOutput } from '../extism/output.ts';
import type { CallAudit } from '../sandbox/audited.ts';
import { ServiceModule } from './module.ts';
import { isCloneable } from './options.ts';
import { type Answer, type Lost, type Task, type ThreadData, toFailure } from './threads.ts';

/** @returns what answers tasks */
export function answering({
  name,
  bytes,
  policy,
  sandbox,
  plugin,
  isWarm,
}: ThreadData): (task: Task) => Promise<Answer> {
  const settings = {
    source: new Uint8Array(bytes).slice(),
    sandbox: { ...sandbox, securityPolicy: SecurityPolicy.fromJSON(policy) },
    pool: { min: isWarm ? 1 : 0, max: 1 },
    plugin,
    // There is nobody else in the thread.
    turn: Number.POSITIVE_INFINITY,
    workers: undefined,
  };
  const lost: Lost[] = [];
  const module = new ServiceModule(name, settings, {
    cache: undefined,
    onFailure: ({ during, error }) => lost.push({ during, failure: toFailure(error) }),
  });
  return async ({ method, args, isAudited }) => {
    const before = module.metrics().gasUsed;
    let audit: CallAudit | undefined;
    const onAudit = (given: CallAudit) => {
      audit = given;
    };
    const options = isAudited ? { ...(args.at(-1) as object), onAudit } : args.at(-1);
    const counted = () => ({ gasUsed: BigInt(module.metrics().gasUsed - before), lost: lost.splice(0), audit });
    try {
      const work = module[method] as (...args: unknown[]) => Promise<unknown>;
      const value = crossing(await work.apply(module, [...args.slice(0, -1), options]));
      return { value, ...counted() };
    } catch (error) {
      const failure = toFailure(error);
      if (failure === undefined) throw error;
      return { failure, ...counted() };
    }
  };
}

/** @throws UsageError where it cannot be passed to another thread */
function crossing(value: unknown): unknown {
  if (value instanceof PluginOutput) return value.bytes();
  // Lists are the results of functions, of which references are no data.
  const values = Array.isArray(value) ? value : [value];
  if (!values.every((each) => isPlain(each) || isCloneable(each)))
    throw new UsageError('the function gives a reference that cannot leave its thread: use() can call it');
  return value;
}

const isPlain = (value: unknown) =>
  ['number', 'bigint', 'string', 'undefined'].includes(typeof value) || isBytes(value);
