/** The policy of a run, from the options that say what its program may do. */

import { Capability, jsonLines, SecurityPolicy } from '../../../policy/index.ts';
import { UsageError } from '../../../wasm/errors.ts';

export interface PolicyOptions {
  /** Path of a policy in JSON. */
  readonly policy?: string;
  readonly strict?: boolean;
  readonly deterministic?: boolean;
  /** Path of the record. */
  readonly audit?: string;
  readonly dir?: readonly Capability[];
  readonly allowNet?: readonly Capability[];
  readonly timeout?: number;
}

export interface PreparedPolicy {
  readonly policy: SecurityPolicy;
  /** Closes the record. */
  close(): void;
}

/** Events a record holds; a program can make them without end. */
const MAX_EVENTS = 1_000_000;
/** Characters of a record. */
const MAX_LENGTH = 2 ** 30;

/**
 * @param maxOutput bytes of output that can be dealt with; the policy's limit may be lower
 * @throws UsageError for options that do not go together, and files that cannot be used
 */
export async function preparePolicy(options: PolicyOptions, maxOutput: number): Promise<PreparedPolicy> {
  const { dir = [], allowNet = [] } = options;
  const base = await basePolicy(options);
  const builder = SecurityPolicy.builder(base.with(...dir, ...allowNet));
  builder.maxOutput(Math.min(maxOutput, options.policy === undefined ? maxOutput : base.outputLimit));
  if (options.deterministic) builder.allow(...determine(builder.build(), options));
  if (options.audit === undefined) return { policy: builder.build(), close: () => undefined };

  const { createFile } = await import('../io/files.node.ts');
  const file = createFile(options.audit);
  let events = 0;
  let length = 0;
  const sink = jsonLines((line) => {
    if (length > MAX_LENGTH) return;
    file.write(line);
    length += line.length;
    if (++events === MAX_EVENTS || length > MAX_LENGTH) file.write(`${JSON.stringify({ truncated: true, events })}\n`);
  });
  return {
    policy: builder
      .enableAuditLogging({ maxEvents: MAX_EVENTS, maxBytes: Number.MAX_SAFE_INTEGER, sink, keep: false })
      .build(),
    close: file.close,
  };
}

async function basePolicy({ policy: path, strict, deterministic }: PolicyOptions): Promise<SecurityPolicy> {
  if (path === undefined) return strict || deterministic ? SecurityPolicy.strict() : SecurityPolicy.moderate();
  if (strict) throw new UsageError('--strict and --policy do not go together: the policy says which clock there is');
  const { readText } = await import('../io/files.node.ts');
  return SecurityPolicy.fromJSON(readText(path));
}

/** What makes the policy give the same at every run, where that is possible. */
function determine(policy: SecurityPolicy, { timeout }: PolicyOptions): Capability[] {
  const never = (what: string): never => {
    throw new UsageError(`--deterministic does not go together with ${what}, which need not be the same at every run`);
  };
  if (timeout !== undefined || policy.limits.executionTime !== undefined) never('a limit on time: use --gas');
  if (policy.capabilities.some(({ kind }) => kind === 'network')) never('a network');
  if (policy.capabilities.some((item) => item.kind === 'environment' && item.names.length > 0)) {
    never("variables of the host's");
  }
  const added: Capability[] = [];
  if (policy.clock.source === 'real') added.push(Capability.clock({}));
  if (policy.random.source === 'system') added.push(Capability.random({ seed: 0 }));
  return added;
}
