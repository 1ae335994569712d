/** Jobs that wait for others: groups, chains and chords, as trees in which what is below is done first. */

import { list, record } from '../checks/check.ts';
import { checkJob, type JobResult } from './job.ts';
import type { JobTree, QueuedJob, WasmJobEntry, WasmQueue } from './queue.ts';

/** Adds jobs that belong together. Where one of them fails, those that wait for it do, too. */
export interface WasmGroup {
  /** All of them, in any order. @returns a job that comes to the list of their results, in theirs */
  group(jobs: readonly WasmJobEntry[]): Promise<QueuedJob<JobResult[]>>;
  /**
   * One after another: each gets what the one before it came to. A function gets the value as its first argument, a program
   * the standard output as its input.
   * @returns the last
   */
  chain(jobs: readonly WasmJobEntry[]): Promise<QueuedJob>;
  /** All of them, in any order, and then one that gets what all came to, in their order. @returns that one */
  chord(jobs: readonly WasmJobEntry[], then: WasmJobEntry): Promise<QueuedJob>;
}

/** Groups, chains and chords of jobs in a queue: BullMQ's flows, or the same in process. */
export function wasmGroup(queue: WasmQueue): WasmGroup {
  const { addTree } = queue;
  const add = <R = JobResult>(tree: JobTree) => addTree.call(queue, tree) as Promise<QueuedJob<R>>;
  return {
    group: async (jobs) => add<JobResult[]>(collector(entries(jobs).map((job) => node(job, [])))),
    chain: async (jobs) => {
      const [first, ...rest] = entries(jobs, 1);
      return add(rest.reduce((before, job) => node(job, [before]), node(first as WasmJobEntry, [])));
    },
    chord: async (jobs, then) =>
      add(
        node(
          then,
          entries(jobs).map((job) => node(job, [])),
        ),
      ),
  };
}

function entries(jobs: unknown, least = 0): readonly WasmJobEntry[] {
  const all = list('the jobs', jobs).map((job) => record('a job', job) as unknown as WasmJobEntry);
  if (all.length < least) list('a chain of no jobs', undefined);
  return all;
}

/** Ids of their own: results come by id, in no order. */
function node({ name, data, opts = {} }: WasmJobEntry, children: readonly JobTree[]): JobTree {
  const checked = checkJob(data);
  return {
    id: opts.jobId ?? globalThis.crypto.randomUUID(),
    name: name ?? data.module,
    data: children.length === 0 ? checked : { ...checked, after: children.map(({ id }) => id) },
    opts,
    children,
  };
}

function collector(children: readonly JobTree[]): JobTree {
  const after = children.map(({ id }) => id);
  return { id: globalThis.crypto.randomUUID(), name: 'group', data: { after }, opts: {}, children };
}
