/** Folders of the host's, for runtimes that have Node's file system. Loaded only where a policy grants one. */

import type { OpenFolder } from '../mounts.ts';
import { HostFileSystem } from './directory.ts';

export const openFolder: OpenFolder = (path, options) => new HostFileSystem(path, options);
