/** The program of a service's worker threads, which is no entry: the service starts it. */

import { workerData } from 'node:worker_threads';
import './service.node.ts';
import { answering } from './service/thread.ts';

export default answering(workerData);
