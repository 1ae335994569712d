/**
 * The policy layer: what a guest may reach, decided before it runs and recorded while it does. Data first
 * ({@link Capability}, {@link SecurityPolicy}, {@link decide}), then what makes a policy real ({@link createHost}).
 * @module wasm-sandbox/policy
 */

import { provideHostFunctions } from './sync/parts.ts';

provideHostFunctions();

export * from '../policy/index.ts';
