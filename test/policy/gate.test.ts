import { describe, expect, test, vi } from 'vitest';
import { AuditLog } from '../../policy/audit.ts';
import type { HostCallContext } from '../../policy/call.ts';
import { type Asking, type Body, Gate } from '../../policy/gate.ts';
import { type PolicyRequest, SecurityPolicy } from '../../policy/index.ts';
import { WireReader, WireWriter } from '../../wasm/wire.ts';
import { FakeCaller } from './guest.ts';

const ALLOWED: PolicyRequest = { kind: 'process' };
const REFUSED: PolicyRequest = { kind: 'network' };
const DECISION = { request: ALLOWED, allowed: true, rule: 'network#0', reason: 'on the way' } as const;
const REFUSAL = { request: REFUSED, what: 'Limit exceeded', rule: 'limit', reason: 'it was too much' };

const audited = SecurityPolicy.builder().enableAuditLogging().build();

function make(policy = SecurityPolicy.strict()) {
  const gate = new Gate(policy);
  const caller = new FakeCaller();
  const gasUsed = vi.spyOn(caller, 'gasUsed');
  const call = (body: Body, request: Asking = ALLOWED) =>
    gate.guard('env.f', request, body, () => 'refused' as never)(caller, []);
  return { gate, caller, gasUsed, call };
}

describe('a decision', () => {
  /** A policy, and how often its grants have been read. */
  function counting() {
    const capabilities = vi.fn(() => SecurityPolicy.strict().capabilities);
    const policy: SecurityPolicy = Object.create(SecurityPolicy.strict(), { capabilities: { get: capabilities } });
    return { gate: new Gate(policy), capabilities };
  }

  test('on what is known before is made once', () => {
    const { gate, capabilities } = counting();
    const call = gate.guard(
      'env.f',
      ALLOWED,
      () => 7,
      () => 8,
    );
    const before = capabilities.mock.calls.length;
    for (let i = 0; i < 3; i++) expect(call(new FakeCaller(), [])).toBe(7);
    expect(capabilities).toHaveBeenCalledTimes(before);
  });

  test('on what is found out in the call is made in the call', () => {
    const { gate, capabilities } = counting();
    const requests = [ALLOWED, REFUSED];
    const call = gate.guard(
      'env.f',
      () => requests.shift() as PolicyRequest,
      () => 7,
      () => 8,
    );
    expect(capabilities).toHaveBeenCalledTimes(0);
    expect([call(new FakeCaller(), []), call(new FakeCaller(), [])]).toEqual([7, 8]);
    expect(capabilities).toHaveBeenCalledTimes(2);
  });
});

describe('what is recorded of a call', () => {
  test.each<[what: string, Body, events: object[]]>([
    ['a number that it gave', () => 0, [{ request: ALLOWED, rule: 'default', result: 0 }]],
    ['no other value', () => 5n, [{ request: ALLOWED, rule: 'default' }]],
    [
      'the bytes that it moved',
      (call) => {
        call.chargeBytes(3);
        call.chargeOverhead(5);
        return undefined;
      },
      [{ request: ALLOWED, rule: 'default', bytes: 3 }],
    ],
    [
      'what it found out that it was asked for',
      (call) => {
        call.asked = () => REFUSED;
        return undefined;
      },
      [{ request: REFUSED, rule: 'default' }],
    ],
    [
      'each decision on the way, and the result once',
      (call) => {
        call.decide(DECISION);
        call.decide({ ...DECISION, reason: 'again' });
        return 4;
      },
      [
        { request: ALLOWED, rule: 'network#0' },
        { request: ALLOWED, rule: 'network#0', reason: 'again', result: 4 },
      ],
    ],
    [
      'a refusal behind what was decided before',
      (call) => {
        call.decide(DECISION);
        call.refusal = REFUSAL;
        return 4;
      },
      [
        { request: ALLOWED, rule: 'network#0' },
        { request: REFUSED, rule: 'limit', allowed: false, result: 4 },
      ],
    ],
  ])('%s', (_, body, events) => {
    const { gate, call } = make(audited);
    call(body);
    const common = { sequence: 0, function: 'env.f', allowed: true };
    const recorded = gate.audit.events.map(({ gasUsed: _gas, reason, ...event }) =>
      reason === 'again' ? { ...event, reason } : event,
    );
    expect(recorded).toEqual(events.map((event) => ({ ...common, ...event })));
  });

  test('where nobody wants to know: refusals, and nothing is asked of others', () => {
    const { gate, call, gasUsed } = make();
    const asked = vi.fn(() => ALLOWED);
    const body = (refusal: HostCallContext['refusal']) => (context: HostCallContext) => {
      context.asked = asked;
      if (refusal !== undefined) context.decide(DECISION);
      context.refusal = refusal;
      return 1;
    };
    call(body(undefined));
    expect(asked).not.toHaveBeenCalled();
    expect(gasUsed).not.toHaveBeenCalled();
    expect(gate.violations.total).toBe(0);
    call(body(REFUSAL));
    expect(gate.violations.events).toMatchObject([{ sequence: 1, rule: 'limit', result: 1 }]);
    expect(gate.violations.total).toBe(1);
    expect(gate.audit.total).toBe(0);
  });

  test('of refusals beyond the number that are kept: only that they were', () => {
    const { gate, call, gasUsed } = make();
    for (let i = 0; i < 1_005; i++) expect(call(() => 0, REFUSED)).toBe('refused');
    expect(gate.violations.events).toHaveLength(1_000);
    expect(gate.violations.total).toBe(1_005);
    expect(gasUsed).toHaveBeenCalledTimes(1_000);
    const log = new AuditLog(10);
    gate.capture(log);
    call(() => 0, REFUSED);
    expect(log.events).toMatchObject([{ sequence: 1_005, allowed: false }]);
    expect(gate.violations.total).toBe(1_006);
  });

  test('by the policy’s own sink, and nowhere else where it says so', () => {
    const sink = vi.fn();
    const { gate, call } = make(SecurityPolicy.builder().enableAuditLogging({ sink, keep: false }).build());
    call(() => 1);
    expect(sink).toHaveBeenCalledTimes(1);
    expect([gate.audit.total, gate.audit.events.length]).toEqual([1, 0]);
  });

  test('by another log too, until it is told to end', () => {
    const { gate, call } = make();
    const log = new AuditLog(10);
    const end = gate.capture(log);
    call(() => 1);
    call(() => 2, REFUSED);
    end();
    call(() => 3);
    expect(log.events).toMatchObject([
      { sequence: 0, allowed: true, result: 1 },
      { sequence: 1, allowed: false, reason: 'the policy grants no network' },
    ]);
    expect(gate.audit.total).toBe(0);
  });
});

describe('a call that is still under way', () => {
  test.each<[what: string, (gate: Gate) => void]>([
    ['closed', (gate) => gate.close()],
    ['reset', (gate) => gate.reset()],
    [
      'closed and reset',
      (gate) => {
        gate.close();
        gate.reset();
      },
    ],
  ])('when the gate is %s is recorded no more', async (_, end) => {
    for (const isRefused of [false, true]) {
      const { gate, call } = make(audited);
      let settle: () => void = () => undefined;
      const ended = call((context) => {
        if (isRefused) context.refusal = REFUSAL;
        return new Promise<number>((resolve) => {
          settle = () => resolve(1);
        });
      });
      end(gate);
      settle();
      await ended;
      expect([gate.audit.total, gate.violations.total]).toEqual([0, 0]);
    }
  });

  test('is recorded when it ends, or fails', async () => {
    const { gate, call } = make(audited);
    const failure = new Error('the host’s own');
    await expect(call(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(() =>
      call(() => {
        throw failure;
      }),
    ).toThrow(failure);
    expect(await call(() => Promise.resolve(3))).toBe(3);
    const [first, second, third] = gate.audit.events;
    expect([first, second].some((event) => event !== undefined && 'result' in event)).toBe(false);
    expect(third).toMatchObject({ sequence: 2, result: 3 });
  });
});

test('numbers of calls go on where they were saved, and from 0 after a reset', () => {
  const first = make(audited);
  first.call(() => 0);
  first.call(() => 0, REFUSED);
  const writer = new WireWriter();
  first.gate.save(writer);
  const { gate, call } = make(audited);
  gate.load(new WireReader(writer.written));
  call(() => 0, REFUSED);
  expect(gate.audit.events).toMatchObject([{ sequence: 2 }]);
  gate.reset();
  expect([gate.audit.total, gate.violations.total]).toEqual([0, 0]);
  call(() => 0);
  expect(gate.audit.events).toMatchObject([{ sequence: 0 }]);
});

describe('what follows a call', () => {
  function followed(isOver: boolean) {
    const over = new Error('it is over');
    const after = vi.fn(() => {
      if (isOver) throw over;
    });
    const gate = new Gate(audited, after);
    const call = (body: Body, request: Asking = ALLOWED) =>
      gate.guard('env.f', request, body, () => 'refused' as never)(new FakeCaller(), []);
    return { gate, over, after, call };
  }
  const failure = new Error('the host’s own');
  const fail = () => {
    throw failure;
  };

  test('changes nothing where it says nothing', async () => {
    const { after, call } = followed(false);
    expect([call(() => 7), call(() => 7, REFUSED)]).toEqual([7, 'refused']);
    expect(() => call(fail)).toThrow(failure);
    expect(await call(() => Promise.resolve(8))).toBe(8);
    expect(after).toHaveBeenCalledTimes(4);
  });

  test('is what the call ends with, whatever it came to', async () => {
    const { gate, over, call } = followed(true);
    expect(() => call(() => 7)).toThrow(over);
    expect(() => call(fail)).toThrow(over);
    // Nobody waits for what was promised: a failure of it is nobody's.
    expect(() => call(() => Promise.reject(failure))).toThrow(over);
    await new Promise((resolve) => setImmediate(resolve));
    expect(gate.audit.events).toHaveLength(3);
  });
});
