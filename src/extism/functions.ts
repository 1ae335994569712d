/** The functions of `extism:host/env`: what every plug-in development kit imports. docs/extism.md has them as a table. */

import { FunctionCaller } from '../../policy/caller.ts';
import { type Caller, Capability, type HostFunctionPrice } from '../../policy/index.ts';
import { HostError } from '../../wasm/errors.ts';
import type { WasmValue } from '../../wasm/host.ts';
import { escapeUnprintable } from '../../wasm/quote.ts';
import { decodeLossy, encodeUtf8 } from '../../wasm/utf8.ts';
import { type Context, give } from './context.ts';
import { requestHttp } from './http.ts';
import { addressOf, type Kernel } from './kernel.ts';
import { PRICE, REQUEST_PRICE } from './price.ts';
import { LOG_LEVELS, type LoggedLevel } from './settings.ts';

export const ENV_MODULE = 'extism:host/env';

type Type = 'i32' | 'i64';

interface Row {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
  /** `i64` that are addresses, lengths and offsets come as numbers. */
  readonly body: (context: Context, a: number, b: number, args: readonly WasmValue[]) => WasmValue | Promise<WasmValue>;
}

const given = (result: Type, body: Row['body']): Row => ({ params: [], results: [result], body });
const taking = (params: readonly Type[], body: Row['body']): Row => ({ params, results: [], body });
const from = (result: Type, body: Row['body']): Row => ({ params: ['i64'], results: [result], body });

/** Zeros are made before the plug-in has paid for them, and given back where it cannot. */
function alloc({ call, caller }: Context, length: number): bigint {
  const address = call.blocks.alloc(length);
  if (address !== 0) {
    try {
      caller.chargeBytes(length);
    } catch (error) {
      call.blocks.free(address);
      throw error;
    }
  }
  return BigInt(address);
}

function nameAt({ call, caller }: Context, address: number, what: string): string {
  caller.chargeBytes(call.whole(address).length);
  return call.text(address, what);
}

/** The name is the host's from then on: kits do not free it. */
function takeName(context: Context, address: number, what: string): string {
  const name = nameAt(context, address, what);
  context.call.blocks.free(address);
  return name;
}

const VARIABLE = 'the name of a variable';

/** Name and value stay the plug-in's: some use them again. */
function setVariable(context: Context, nameAddress: number, address: number): void {
  const { kernel, call, caller } = context;
  const name = nameAt(context, nameAddress, VARIABLE);
  if (address === 0) {
    kernel.variables.delete(name);
    return;
  }
  const value = call.whole(address);
  caller.chargeBytes(value.length);
  const refusal = kernel.variables.set(name, value);
  if (refusal === undefined) return;
  const message = call.store(encodeUtf8(refusal));
  if (message === 0) throw new HostError(refusal);
  call.fail(message);
}

function logged(level: LoggedLevel): Row {
  return taking(['i64'], ({ kernel: { settings }, call, caller }, address) => {
    const bytes = call.whole(address);
    if (LOG_LEVELS[level] >= LOG_LEVELS[settings.logLevel]) {
      caller.chargeBytes(bytes.length);
      const message = escapeUnprintable(decodeLossy(bytes));
      if (caller instanceof FunctionCaller) caller.recordAs({ kind: 'custom', name: `log_${level}`, value: message });
      settings.logger[level](message);
    }
    call.blocks.free(address);
  });
}

const length = from('i64', ({ call }, address) => BigInt(call.blocks.lengthOf(address)));

/** Every function there is. */
export const ENV_FUNCTIONS: Readonly<Record<string, Row>> = {
  alloc: from('i64', alloc),
  free: taking(['i64'], ({ call }, address) => call.blocks.free(address)),
  length,
  length_unsafe: length,
  load_u8: from('i32', ({ call }, address) => {
    const { view, offset } = call.view(address, 1);
    return view.getUint8(offset);
  }),
  load_u64: from('i64', ({ call }, address) => {
    const { view, offset } = call.view(address, 8);
    return view.getBigUint64(offset, true);
  }),
  store_u8: taking(['i64', 'i32'], ({ call }, address, byte) => {
    const { view, offset } = call.view(address, 1);
    view.setUint8(offset, byte);
  }),
  store_u64: taking(['i64', 'i64'], ({ call }, address, _, [, word]) => {
    const { view, offset } = call.view(address, 8);
    view.setBigUint64(offset, word as bigint, true);
  }),
  input_offset: given('i64', ({ call }) => BigInt(call.inputAddress)),
  input_length: given('i64', ({ call }) => BigInt(call.input.length)),
  input_load_u8: from('i32', ({ call }, offset) => {
    const { view, offset: at } = call.view(call.inputAddress + offset, 1);
    return view.getUint8(at);
  }),
  input_load_u64: from('i64', ({ call }, offset) => {
    const { view, offset: at } = call.view(call.inputAddress + offset, 8);
    return view.getBigUint64(at, true);
  }),
  output_set: taking(['i64', 'i64'], ({ call }, address, size) => call.put(address, size)),
  error_set: taking(['i64'], ({ call }, address) => call.fail(address)),
  error_get: given('i64', ({ call }) => BigInt(call.errorAddress)),
  config_get: from('i64', (context, address) => {
    const value = context.kernel.settings.config.get(takeName(context, address, 'the name of a setting'));
    return value === undefined ? 0n : give(context, value);
  }),
  var_get: from('i64', (context, address) => {
    const value = context.kernel.variables.get(takeName(context, address, VARIABLE));
    return value === undefined ? 0n : give(context, value);
  }),
  var_set: taking(['i64', 'i64'], setVariable),
  http_request: { params: ['i64', 'i64'], results: ['i64'], body: requestHttp },
  http_status_code: given('i32', ({ call }) => call.httpStatus),
  http_headers: given('i64', (context) => {
    if (!context.kernel.settings.allowHttpResponseHeaders) return 0n;
    return give(context, encodeUtf8(JSON.stringify(context.call.httpHeaders)));
  }),
  get_log_level: given('i32', ({ kernel: { settings } }) => LOG_LEVELS[settings.logLevel]),
  log_trace: logged('trace'),
  log_debug: logged('debug'),
  log_info: logged('info'),
  log_warn: logged('warn'),
  log_error: logged('error'),
};

/** The functions as grants. @param kernelOf what is kept for the plug-in that calls */
export function envFunctions(kernelOf: (caller: Caller) => Kernel): Capability[] {
  const { http_request, ...others } = ENV_FUNCTIONS as Readonly<Record<string, Row>> & { readonly http_request: Row };
  const grant = (rows: Readonly<Record<string, Row>>, price: HostFunctionPrice) => {
    const functions = Object.entries(rows).map(([name, { params, results, body }]) => {
      const call = (caller: Caller, args: readonly WasmValue[]) => {
        const kernel = kernelOf(caller);
        return body({ kernel, call: kernel.call, caller }, toNumber(args[0]), toNumber(args[1]), args);
      };
      return [name, { params, results, call }] as const;
    });
    return Capability.hostFunctions(ENV_MODULE, Object.fromEntries(functions), price);
  };
  return [grant(others, PRICE), grant({ http_request }, REQUEST_PRICE)];
}

function toNumber(value: WasmValue): number {
  return typeof value === 'bigint' ? addressOf(value) : (value as number);
}
