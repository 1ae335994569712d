/**
 * Guests that wait for promises where they run natively, beside interpreted ones, and beside the host's own way where it has one
 * (JavaScript promise integration): what it takes to wait, what those hold that do, and how many requests a pool answers.
 */

import type { SandboxPool, WasmSandbox } from '../src/index.node.ts';
import { collect } from './collect.ts';
import { held } from './instances.ts';
import { buildProduct, loadProduct } from './product.ts';
import { median } from './statistics.ts';

const complaints = buildProduct();
if (complaints !== '') console.error(complaints);
const { sandbox: library, text } = await loadProduct();

const ENGINES = ['native', 'interpreter'] as const;
type EngineName = (typeof ENGINES)[number];

/** What a host function answers with. */
type Host = (value: number) => unknown;

const HOSTS = {
  'at once': (value) => value,
  'with a promise': (value) => Promise.resolve(value),
} as const satisfies Record<string, Host>;

/** `ask` calls the host once, `often` again and again; `serve` works, asks, and works. */
const GUEST = text.parse(`(module
  (import "env" "host" (func $host (param i32) (result i32)))
  (func (export "ask") (param i32) (result i32) (call $host (local.get 0)))
  (func (export "often") (param $n i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (call $host (i32.const 1))))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func $work (param $n i32) (param $hash i32) (result i32)
    (loop $next
      (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31)) (local.get $n)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $hash))
  (func (export "serve") (param $n i32) (result i32)
    (call $work (local.get $n) (call $host (call $work (local.get $n) (i32.const 1))))))`);

const optionsFor = (engine: EngineName, host: Host) => ({
  source: GUEST,
  engine,
  leavable: engine === 'native',
  capabilities: [library.Capability.hostFunctions('env', { host: host as () => unknown })],
});

function check(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what} gave ${String(found)}, not ${String(expected)}`);
}

const ROUNDS = 15;
const CALLS = 2_000;

/** Microseconds of a thing that is done many times, in each round. */
class Rounds {
  private readonly rounds: number[] = [];

  async add(times: number, action: () => Promise<void>): Promise<void> {
    const begun = performance.now();
    await action();
    this.rounds.push(((performance.now() - begun) * 1_000) / times);
  }

  /** The first rounds are the compiler's. */
  get median(): number {
    return median(this.rounds.slice(Math.ceil(ROUNDS / 3)));
  }
}

interface Asked {
  /** One call of the guest that asks once. */
  readonly once: () => Promise<number>;
  /** And one that asks so many times. */
  readonly often: (times: number) => Promise<number>;
}

/** The host's own way, without a meter. */
function bare(host: Host): Asked | undefined {
  const { Suspending, promising } = WebAssembly as unknown as {
    readonly Suspending?: new (host: Host) => WebAssembly.ImportValue;
    readonly promising?: (raw: unknown) => (value: number) => Promise<number>;
  };
  if (Suspending === undefined || promising === undefined) return undefined;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(GUEST), { env: { host: new Suspending(host) } });
  const [ask, often] = [promising(exports['ask']), promising(exports['often'])];
  return { once: () => ask(1), often };
}

async function sandboxed(engine: EngineName, host: Host): Promise<Asked> {
  const guest = await library.WasmSandbox.create(optionsFor(engine, host));
  return { once: () => guest.call('ask', [1]), often: (times) => guest.call('often', [times]) };
}

/** What a host call takes that is answered with a promise: `in a call` of its own beyond one that is answered at once; `in a loop` all. */
export async function measureAwait(): Promise<string[]> {
  const kinds = new Map<
    string,
    { readonly once: Map<string, Rounds>; readonly often: Rounds; readonly asked: Asked[] }
  >();
  for (const kind of [...ENGINES, 'JSPI'] as const) {
    const asked = await Promise.all(
      Object.values(HOSTS).map((host) => (kind === 'JSPI' ? bare(host) : sandboxed(kind, host))),
    );
    if (asked.includes(undefined)) continue;
    const once = new Map(Object.keys(HOSTS).map((name) => [name, new Rounds()]));
    kinds.set(kind, { once, often: new Rounds(), asked: asked as Asked[] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { once, often, asked } of kinds.values()) {
      for (const [i, rounds] of [...once.values()].entries()) {
        await rounds.add(CALLS, async () => {
          for (let call = 0; call < CALLS; call++) await asked[i]?.once();
        });
      }
      await often.add(CALLS, async () => check('a loop', await asked[1]?.often(CALLS), CALLS));
    }
  }
  return Array.from(kinds, ([kind, { once, often }]) => {
    const [direct, promised] = [...once.values()].map((rounds) => rounds.median) as [number, number];
    return `a host call that makes the guest wait, ${kind.padEnd(11)}  ${promised.toFixed(2)} µs a call that awaits once, ${direct.toFixed(2)} µs where it need not; ${often.median.toFixed(2)} µs each of many in a call`;
  });
}

const GUESTS = 10_000;

/** Guests that wait at once: what each holds, and that all end as they should. */
export async function measureWaiting(): Promise<string[]> {
  const lines: string[] = [];
  // The first ones are the compiler's.
  for (const engine of [...ENGINES, ...ENGINES]) lines.push(await waitingOn(engine));
  if (collect === undefined) lines.push('without a way to collect garbage, the bytes are those of all that was made');
  return lines.slice(ENGINES.length);
}

async function waitingOn(engine: EngineName): Promise<string> {
  const answers: ((value: number) => void)[] = [];
  const options = optionsFor(engine, () => new Promise<number>((resolve) => answers.push(resolve)));
  const memory = () => [held(), process.memoryUsage().rss] as const;
  const guests: WasmSandbox[] = [];
  const before = memory();
  for (let i = 0; i < GUESTS; i++) guests.push(await library.WasmSandbox.create(options));
  const idle = memory();
  const calls = guests.map((guest, i) => guest.call<number>('serve', [1 + i]));
  const waiting = memory();
  check('waiting', guests.filter(({ execution }) => execution?.state === 'waiting').length, GUESTS);
  const begun = performance.now();
  for (const [i, answer] of answers.entries()) answer(i);
  const results = await Promise.all(calls);
  const took = ((performance.now() - begun) * 1_000) / GUESTS;
  const one = await library.WasmSandbox.create(optionsFor('interpreter', () => answer));
  const fresh = one.getResourceStats().gasUsed;
  let answer = 0;
  for (; answer < GUESTS; answer += 97) {
    const gas = one.getResourceStats().gasUsed;
    check(`guest ${answer}`, results[answer], await one.call('serve', [1 + answer]));
    const used = one.getResourceStats().gasUsed - gas;
    check(`the gas of guest ${answer}`, guests[answer]?.getResourceStats().gasUsed, fresh + used);
  }
  const each = (from: readonly number[], to: readonly number[]) =>
    from.map((bytes, i) => (((to[i] as number) - bytes) / GUESTS).toFixed(0)).join(' and ');
  return `${GUESTS} guests that wait, ${engine.padEnd(11)}  bytes of each, by the host's count and of the process: sandbox ${each(before, idle)}, waiting ${each(idle, waiting)}; ${took.toFixed(1)} µs for each to end`;
}

const REQUESTS = 20_000;
const POOL = 8;
/** How often the guest goes round before it asks, and then again. */
const WORK = [100, 2_000, 50_000];

/** Requests a second to a pool whose guests await once in each, one second and more in turns. */
export async function measurePool(): Promise<string[]> {
  const later: Host = (value) => new Promise((resolve) => setImmediate(resolve, value));
  const lines: string[] = [];
  for (const work of WORK) {
    const pools = new Map<string, { readonly pool: SandboxPool; readonly rates: number[] }>();
    for (const engine of ENGINES) {
      pools.set(engine, {
        pool: await library.SandboxPool.create({ sandbox: optionsFor(engine, later), max: POOL }),
        rates: [],
      });
    }
    let expected: number | undefined;
    const requests = Math.ceil(REQUESTS / (1 + work / 500));
    for (let round = 0; round < ROUNDS / 3; round++) {
      for (const { pool, rates } of pools.values()) {
        let left = requests;
        const client = async () => {
          while (left-- > 0) {
            const found = await pool.use((guest) => guest.call<number>('serve', [work]));
            expected ??= found;
            check('a request', found, expected);
          }
        };
        const begun = performance.now();
        await Promise.all(Array.from({ length: POOL }, client));
        rates.push((requests * 1_000) / (performance.now() - begun));
      }
    }
    const [native, interpreted] = [...pools.values()].map(({ rates }) => median(rates.slice(1))) as [number, number];
    for (const { pool } of pools.values()) await pool.drain();
    lines.push(
      `a pool of ${POOL} that awaits once in a request, twice ${work} rounds of work: ${native.toFixed(0)} requests a second natively, ${interpreted.toFixed(0)} interpreted, × ${(native / interpreted).toFixed(2)}`,
    );
  }
  return lines;
}
