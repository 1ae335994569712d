/** Modules of the tests of services, as text. */

import { SandboxService, type ServiceOptions } from '../../src/service.node.ts';

export const MATH = `(module
  (memory (export "memory") 1)
  (global (export "version") i32 (i32.const 1))
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "big") (param i64) (result i64) local.get 0)
  (func (export "half") (param f64) (result f64) local.get 0 f64.const 2 f64.div)
  (func (export "divmod") (param i32 i32) (result i32 i64)
    local.get 0 local.get 1 i32.div_s local.get 0 local.get 1 i32.rem_s i64.extend_i32_s)
  (func (export "opaque") (param externref) (result externref) local.get 0)
  (func (export "nothing"))
  (func (export "grow") (drop (memory.grow (i32.const 30000))) (i32.store (i32.const 99999999) (i32.const 1)))
  (func $recurse (export "recurse") (result i32) call $recurse i32.const 1 i32.add)
  (func (export "spin") (loop br 0)))`;

/** Imports `env.wait`, which the embedder may give whatever it likes. */
export const WAITS = `(module
  (import "env" "wait" (func $wait (param i32) (result i32)))
  (func (export "run") (param i32) (result i32) local.get 0 call $wait))`;

/** A service that the test closes. */
export function serve(options: Partial<ServiceOptions> = {}): Promise<SandboxService> {
  return SandboxService.create({ modules: { math: MATH }, ...options });
}

/** A promise, and how to settle it. */
export function gate<T = void>() {
  let open: (value: T) => void = () => undefined;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Waits, without a time, until something is so. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
