/** What the kernel tells the page of a widget. */

import type { ExportDescription } from '../../module/exported.ts';

export interface PageConfig {
  readonly title: string;
  /** The module, as base64. */
  readonly module: string;
  /** The functions that can be called with what people type. */
  readonly functions: readonly PageFunction[];
  /** Whether the module is a WASI command. */
  readonly isProgram: boolean;
  /** Units, as text. */
  readonly gasLimit: string;
  /** Bytes. */
  readonly memoryLimit: number;
}

export type PageFunction = Required<Pick<ExportDescription, 'name' | 'params' | 'results'>>;

/** Types that people can type values of. */
export const TYPED: readonly string[] = ['i32', 'i64', 'f32', 'f64'];

/** The element that has it, as JSON. */
export const CONFIG_ID = 'config';
