/**
 * Capabilities: what a policy may grant, as immutable values that capabilities.ts makes. A value says what is granted and nothing about who
 * asks; {@link import('./decide.ts').decide} reads it, and `createHost` makes it real.
 */

import type { Bytes } from '../wasm/bytes.ts';
import type { HostGas, WasmValue } from '../wasm/host.ts';
import type { ValType } from '../wasm/types.ts';
import type { Caller } from './caller.ts';
import type { NetworkLimits } from './net/limits.ts';
import type { ByteSink, ByteSource, KeptSource, StreamName, WritableBytes } from './stdio.ts';

/** Where standard streams lead. One not named stays as it is: input empty, output captured. */
export interface StdioOptions {
  /** What the guest reads. */
  readonly stdin?: ByteSource | undefined;
  /** Takes each write of the guest's; nothing of it is captured then. */
  readonly stdout?: ByteSink | WritableBytes | undefined;
  /** The same for standard error. */
  readonly stderr?: ByteSink | WritableBytes | undefined;
  /**
   * Those that lead to a terminal: C libraries write to one line by line, and programs show prompts and colours. None
   * unless given; the others are of unknown type to the guest, as pipes and files are.
   */
  readonly terminals?: readonly StreamName[] | undefined;
}

/** Standard streams that lead outside. A stream not named stays as it is without this: empty, or captured. */
export interface StdioCapability {
  readonly kind: 'stdio';
  readonly stdin?: KeptSource | undefined;
  readonly stdout?: ByteSink | undefined;
  readonly stderr?: ByteSink | undefined;
  readonly terminals?: readonly StreamName[] | undefined;
}

/** A clock that tells nothing of the host, and the same at every run. */
export interface VirtualClockOptions {
  /** Where the real-time clock starts, in nanoseconds since 1970. 2000-01-01T00:00:00Z unless given. */
  readonly start?: bigint | number | undefined;
  /** Nanoseconds by which every reading advances the clock; at least 1. A millisecond unless given. */
  readonly step?: bigint | number | undefined;
}

/** Which clock the guest reads. Of a virtual one, `start` and `step` are nanoseconds. */
export type ClockCapability =
  | { readonly kind: 'clock'; readonly source: 'real' }
  | { readonly kind: 'clock'; readonly source: 'virtual'; readonly start: bigint; readonly step: bigint };

/** Where the guest's random bytes come from. A seed has 64 bits. */
export type RandomCapability =
  | { readonly kind: 'random'; readonly source: 'system' }
  | { readonly kind: 'random'; readonly source: 'seeded'; readonly seed: bigint };

/** Environment variables the guest sees. */
export interface EnvironmentCapability {
  readonly kind: 'environment';
  /** Variables that come from the host's environment. */
  readonly names: readonly string[] | 'all';
  /** Variables the grant itself gives a value. */
  readonly values: readonly (readonly [name: string, value: string])[];
}

/** What of HTTP a guest may use, and how much of it. */
export interface NetworkAccessOptions {
  /** 443 unless given, and 80 too where HTTPS is not required. */
  readonly allowedPorts?: readonly number[] | 'any' | undefined;
  /** True unless given. */
  readonly requireHttps?: boolean | undefined;
  /** In capitals. GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS unless given; never CONNECT or TRACE. */
  readonly allowedMethods?: readonly string[] | undefined;
  /** Bytes of a request's body; 1 MiB unless given. */
  readonly maxRequestBytes?: number | undefined;
  /** Bytes of a response's body; 16 MiB unless given. */
  readonly maxResponseBytes?: number | undefined;
  /** Milliseconds from sending a request to its response's last byte, redirects included; 30,000 unless given. */
  readonly timeout?: number | undefined;
  /** Redirects followed for a request, at most 20; 5 unless given. */
  readonly maxRedirects?: number | undefined;
  /** Requests the guest may begin before a reset; 1,000 unless given. */
  readonly maxRequests?: number | undefined;
}

/** Hosts the guest may make HTTP requests to, and within what limits. */
export interface NetworkCapability extends NetworkLimits {
  readonly kind: 'network';
  /** Exact hosts, `*.` patterns and `*`, in the spelling of hostname.ts. */
  readonly hosts: readonly string[];
  readonly allowedPorts: readonly number[] | 'any';
  readonly requireHttps: boolean;
  readonly allowedMethods: readonly string[];
}

/** A folder of the host's, and the absolute path at which the guest sees it. */
export interface Mount {
  /** A path of the host's; a relative one counts from the current folder. */
  readonly host: string;
  readonly guest: string;
}

/** Files that exist in memory only, and the absolute path at which the guest sees them. */
export interface MemoryMount {
  /** Contents by path below the guest's; a path that ends in `/` is an empty directory. */
  readonly memory: readonly (readonly [path: string, bytes: Uint8Array])[];
  readonly guest: string;
}

/** Files in memory, as an embedder gives them: contents by path, text as UTF-8. Bytes are copied. */
export interface MemoryFiles {
  /** A path that ends in `/` is an empty directory. */
  readonly memory: Readonly<Record<string, string | Bytes>>;
  /** `/` unless given. */
  readonly guest?: string | undefined;
}

/** What a guest may do with its files, and how many it may have. */
export interface FilesystemAccessOptions {
  /** True unless given, but false where all files are in memory. */
  readonly readOnly?: boolean | undefined;
  /** Bytes in memory, or that a folder may grow by; 64 MiB for each unless given. */
  readonly maxBytes?: number | undefined;
  /** Files, directories and links in memory, or that a folder may gain; 10,000 for each unless given. */
  readonly maxFiles?: number | undefined;
  /** Descriptors open at once, streams and granted directories included; 256 unless given. The last grant counts. */
  readonly maxDescriptors?: number | undefined;
}

/** Files the guest may reach. */
export interface FilesystemCapability {
  readonly kind: 'filesystem';
  readonly mounts: readonly (Mount | MemoryMount)[];
  /** Whether every change is refused. */
  readonly readOnly: boolean;
  /** For each mount: bytes in memory, or that a folder may grow by. */
  readonly maxBytes: number;
  /** For each mount: files, directories and links in memory, or that a folder may gain. */
  readonly maxFiles: number;
  /** For the guest: descriptors open at once, streams and granted directories included. */
  readonly maxDescriptors: number;
}

/** The value types a host function may take and give. Vectors do not cross to JavaScript. */
type TypeName = 'i32' | 'i64' | 'f32' | 'f64' | 'funcref' | 'externref';

/** A function for the guest with the caller at hand: its memory and its gas. Types left out are the import's own. */
export interface GuestFunctionDeclaration {
  /** `i32`, `i64`, `f32`, `f64`, `funcref`, `externref`; the import's own unless given. */
  readonly params?: readonly TypeName[] | undefined;
  /** The same. */
  readonly results?: readonly TypeName[] | undefined;
  /** Called with the caller, and the guest's arguments as an array. A promise suspends the guest. */
  readonly call: OwnCall;
}

/** The body of a function that gets its caller. What it throws, or promises, is as for every host function. */
export type OwnCall = (caller: Caller, args: readonly WasmValue[]) => WasmValue | PromiseLike<WasmValue>;

/** A function called with the guest's arguments. */
export interface PlainFunction {
  (...args: never[]): unknown;
  /** Every function has one; said here so that a declaration's `call` gets its parameters' types. */
  readonly call?: OwnCall;
}

/** A host function as granted. */
export interface GuestFunction {
  readonly name: string;
  /** Undefined takes what the import declares. */
  readonly params: readonly ValType[] | undefined;
  readonly results: readonly ValType[] | undefined;
  readonly call: OwnCall;
  /** Whether it looks at its caller. */
  readonly takesCaller: boolean;
}

/** The embedder's own functions, under one module name. */
export interface HostFunctionsCapability {
  readonly kind: 'hostFunctions';
  readonly module: string;
  readonly functions: readonly GuestFunction[];
  readonly gas: HostGas;
}

/** What the embedder grants under a name of its own, for its host functions to decide by. */
export interface CustomCapability {
  readonly kind: 'custom';
  readonly name: string;
  /** What is granted under the name; all of it where this is empty. */
  readonly values: readonly string[];
}

/** Something a policy grants. Frozen. */
export type Capability =
  | StdioCapability
  | ClockCapability
  | RandomCapability
  | EnvironmentCapability
  | NetworkCapability
  | FilesystemCapability
  | HostFunctionsCapability
  | CustomCapability;

/** What calls of an embedder's functions cost. */
export interface HostFunctionPrice {
  /** Units before each call. */
  readonly gas?: number | undefined;
  /** Units for each byte the function charges. */
  readonly perByte?: number | undefined;
}
