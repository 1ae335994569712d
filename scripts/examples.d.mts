export interface Example {
  /** Of the fence, from 1. */
  readonly line: number;
  readonly language: 'ts' | 'sh';
  readonly code: string;
}

export function examplesIn(text: string): Example[];
