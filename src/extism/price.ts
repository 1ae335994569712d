/** What calls of the interface cost: as much as any host function, and for what is moved as much as in WASI. */

import { HOST_CALL, HTTP_CALL, WASI_CALL } from '../../wasm/gas.ts';

export const PRICE = { gas: HOST_CALL.base, perByte: WASI_CALL.perByte } as const;

/** Of a request: as much as opening, sending, reading and closing one. */
export const REQUEST_PRICE = { gas: 4 * HTTP_CALL.base, perByte: HTTP_CALL.perByte } as const;
