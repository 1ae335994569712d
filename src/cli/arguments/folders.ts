/** The value of `--dir`: which folder of the host's the program sees, and where. */

import { Capability } from '../../../policy/index.ts';
import { normalPath } from '../../../policy/normal-path.ts';
import { UsageError } from '../../../wasm/errors.ts';
import { quote } from '../../../wasm/quote.ts';

/** `::` parts host and guest, as a single colon stands in Windows' paths. */
const SEPARATOR = '::';
const READ_ONLY = ':ro';

/**
 * `host`, `host::guest` or either with `:ro` at its end; without a guest's path it is the host's. Writable unless
 * `:ro` says otherwise, as a user who names a folder on a command line means it.
 * @throws UsageError
 */
export function parseFolder(text: string): Capability {
  const readOnly = text.endsWith(READ_ONLY);
  const [host = '', given, ...rest] = (readOnly ? text.slice(0, -READ_ONLY.length) : text).split(SEPARATOR);
  if (host === '' || given === '' || rest.length > 0) {
    throw new UsageError(`${quote(text)} is not HOST::GUEST or HOST::GUEST:ro`);
  }
  const guest = given ?? host;
  if (given === undefined && normalPath(host) === undefined) {
    throw new UsageError(`${quote(host)} leads above what a program can see: say where it sees it, as ${host}::/data`);
  }
  return Capability.filesystemAccess([{ host, guest }], { readOnly });
}
