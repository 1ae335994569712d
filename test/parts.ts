/** What entries load or provide: most tests are of parts, and begin below them. test/sandbox/parts.test.ts is of what entries load. */

import { images, snapshots } from '../interpreter/index.ts';
import * as capturing from '../interpreter/snapshot/image.ts';
import * as restoring from '../interpreter/snapshot/install.ts';
import { offerTranspiler } from '../src/component-parts.node.ts';
import { provideNode } from '../src/node.node.ts';
import { provideThreads } from '../src/service/threads.ts';
import { provideHostFunctions, provideInterpreter, provideNative } from '../src/sync/parts.ts';

provideInterpreter();
images.provide(capturing);
snapshots.provide(restoring);
provideHostFunctions();
provideNative();
provideNode();
offerTranspiler();
provideThreads(async () => (await import('../src/service/piscina.node.ts')).openPiscina);
