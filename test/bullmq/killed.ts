/** Jobs whose workers are killed again and again, and what becomes of them. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { type JobResult, type QueuedJob, wasmQueue } from '../../src/bullmq.ts';
import { workers } from '../durable/guests.ts';
import { oneFile } from '../one-file.ts';

export interface Campaign {
  readonly url: string;
  readonly jobs: number;
  /** Kills that each job is to survive. */
  readonly killsEach: number;
  /** Workers at once. */
  readonly processes: number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Milliseconds that a kill comes later than what it was waiting for, at most; none unless given. */
  readonly jitter?: number;
  readonly tell?: (line: string) => void;
}

export interface Report {
  readonly kills: number;
  /** Jobs by how often their worker was killed. */
  readonly killsOf: ReadonlyMap<string, number>;
  /** What is not as it would have been; a line each. */
  readonly wrong: readonly string[];
  /** Calls of the recorded function, by its key, and those that were made again under the same key. */
  readonly calls: number;
  readonly again: number;
}

/** Recorded calls of the shortest and of the longest job. */
const ROUNDS = [24, 36] as const;
/** Lines of a worker's behind which it is killed, at most. */
const LINES = 7;

export async function kill(campaign: Campaign): Promise<Report> {
  const { url, random, processes, killsEach, tell = () => undefined } = campaign;
  const name = `killed-${process.pid}-${Math.floor(random() * 2 ** 32)}`;
  const client = new Redis(url, { maxRetriesPerRequest: null });
  const queue = await wasmQueue(name, { connection: client });
  const script = await oneFile('test/bullmq/killed-worker.ts', true);
  const killsOf = new Map<string, number>();
  const children = new Set<ChildProcess>();
  /** The last call that a job's guest has made, by its number: the results of all before it are recorded. */
  const lastCall = new Map<string, number>();
  const wrong: string[] = [];
  let kills = 0;
  let isOver = false;

  const called = (key: string) => {
    const [of = '', number] = key.split('#');
    const last = lastCall.get(of) ?? -1;
    if (Number(number) < last) wrong.push(`the call ${key} was made again, although its result was recorded`);
    lastCall.set(of, Math.max(last, Number(number)));
  };

  const startWorker = () => {
    const child = spawn(process.execPath, [script, url, name], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.add(child);
    let job: string | undefined;
    let linesLeft = Number.POSITIVE_INFINITY;
    let isDoomed = false;
    const die = () => {
      if (isDoomed || job === undefined) return;
      isDoomed = true;
      const victim = job;
      const strike = () => {
        if (job !== victim || child.exitCode !== null || child.signalCode !== null) {
          isDoomed = false;
          return;
        }
        if (!child.kill('SIGKILL')) return;
        kills++;
        killsOf.set(victim, (killsOf.get(victim) ?? 0) + 1);
      };
      if (campaign.jitter === undefined) strike();
      else setTimeout(strike, random() * campaign.jitter);
    };
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) => {
      const [what, id = ''] = line.split(' ');
      if (what === 'call') called(id);
      if (what === 'active') {
        job = id;
        linesLeft = (killsOf.get(id) ?? 0) < killsEach ? 1 + Math.floor(random() * LINES) : Number.POSITIVE_INFINITY;
      } else if (what === 'completed') job = undefined;
      else if (--linesLeft <= 0) die();
    });
    child.on('exit', () => {
      children.delete(child);
      if (!isOver) startWorker();
    });
  };

  try {
    const rounds = Array.from({ length: campaign.jobs }, () =>
      Math.floor(ROUNDS[0] + random() * (ROUNDS[1] - ROUNDS[0])),
    );
    const jobs = await queue.addBulk(
      rounds.map((count) => ({ data: { module: 'worker', function: 'run', args: [count] }, opts: { attempts: 3 } })),
    );
    for (let i = 0; i < processes; i++) startWorker();
    let done = 0;
    const settle = async (job: QueuedJob) => {
      const result = await job.finished().catch((error) => error);
      if (++done % 10 === 0) tell(`${done} of ${jobs.length} jobs, ${kills} kills`);
      return result as JobResult | Error;
    };
    const results = await Promise.all(jobs.map(settle));
    for (const [i, result] of results.entries()) {
      const expected = await undisturbed(rounds[i] as number);
      const seen = result instanceof Error ? String(result) : JSON.stringify(result);
      if (seen !== JSON.stringify(expected)) wrong.push(`job ${jobs[i]?.id}: ${seen}, not ${JSON.stringify(expected)}`);
    }
    const paid = await client.hgetall(`${name}:paid`);
    const byJob = new Map<string, number>();
    for (const key of Object.keys(paid)) {
      const id = key.split('/')[1] ?? '';
      byJob.set(id, (byJob.get(id) ?? 0) + 1);
    }
    for (const [i, { id }] of jobs.entries()) {
      if (byJob.get(id) !== rounds[i]) wrong.push(`job ${id}: ${byJob.get(id)} calls of ${rounds[i]}`);
    }
    const times = Object.values(paid).map(Number);
    const calls = times.reduce((a, b) => a + b, 0);
    const again = calls - times.length;
    // A worker dies at one call at most.
    if (again > kills) wrong.push(`${again} calls were made again, and ${kills} workers were killed`);
    return { kills, killsOf, wrong, calls, again };
  } finally {
    isOver = true;
    const exits = [...children].map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(exits);
    await queue.close();
    const keys = await client.keys(`*${name}*`);
    if (keys.length > 0) await client.del(keys);
    client.disconnect();
  }
}

const known = new Map<number, JobResult>();

async function undisturbed(rounds: number): Promise<JobResult> {
  let result = known.get(rounds);
  if (result === undefined) {
    let receipt = 0n;
    const sandbox = await workers(() => ++receipt).build('worker', {});
    const execution = sandbox.start('run', [rounds]);
    const value = await execution.run();
    const { stdout, stderr } = sandbox.output();
    result = { value: String(value), gasUsed: String(execution.gasUsed), stdout, stderr };
    known.set(rounds, result);
    sandbox.dispose();
  }
  return result;
}
