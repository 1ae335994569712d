/** What a file system in memory consists of. */

import type { NodeKind } from './filesystem.ts';

export interface NodeState {
  readonly kind: NodeKind;
  readonly inode: bigint;
  links: number;
  /** Open descriptors. */
  opened: number;
  accessed: bigint;
  modified: bigint;
  changed: bigint;
}

export type FileNode = NodeState & { readonly kind: 'file'; bytes: Uint8Array; size: number };
export type LinkNode = NodeState & { readonly kind: 'link'; readonly target: string; readonly size: number };
export type DirectoryNode = NodeState & {
  readonly kind: 'directory';
  readonly entries: Map<string, Node>;
  /** How often its entries have changed. */
  version: number;
  /** Undefined for the root, and for a directory that was removed. */
  parent: DirectoryNode | undefined;
};
export type Node = FileNode | LinkNode | DirectoryNode;
