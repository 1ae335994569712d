/** The process that measures, kept warm, and replaced when a candidate has ended it or has to be ended with it. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Task } from './measure.ts';

const SCRIPTS = { measure: 'measuring.ts', count: 'counting.ts', text: '../text/counting.ts' } as const;
/** MiB of heap in which every candidate has room that keeps to the bounds. */
const HEAP = 1536;
const START_MS = 120_000;
const TYPESCRIPT = new URL('../typescript.mjs', import.meta.url).href;

/** A task that came to no end: it took too long, or the process died of it. */
export class Lost extends Error {
  readonly stage: string;
  readonly milliseconds: number;
  readonly isLate: boolean;

  constructor(message: string, stage: string, milliseconds: number, isLate: boolean) {
    super(message);
    this.stage = stage;
    this.milliseconds = milliseconds;
    this.isLate = isLate;
  }
}

/** The task makes no sense. */
export class Refused extends Error {}

interface Message {
  readonly stage?: string;
  readonly value?: unknown;
  readonly error?: string;
}

export class Worker {
  private child: ChildProcess | undefined;
  private readonly script: string;

  constructor(does: keyof typeof SCRIPTS) {
    this.script = fileURLToPath(new URL(SCRIPTS[does], import.meta.url));
  }

  /**
   * @param timeout milliseconds for each stage
   * @throws Lost, Refused
   */
  async run(task: Task, timeout: number): Promise<unknown> {
    this.child ??= await this.begin();
    const { child } = this;
    const answer = this.listen(child, timeout, 'prepare');
    child.send(task);
    const { value, error } = await answer;
    if (error !== undefined) throw new Refused(error);
    return value;
  }

  end(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }

  private async begin(): Promise<ChildProcess> {
    const execArgv = ['--import', TYPESCRIPT, '--expose-gc', `--max-old-space-size=${HEAP}`];
    const child = fork(this.script, [], { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    await this.listen(child, START_MS, 'start', 'ready');
    return child;
  }

  /** What comes of a task, or a stage. */
  private listen(child: ChildProcess, timeout: number, first: string, awaited?: string): Promise<Message> {
    return new Promise((resolve, reject) => {
      let stage = first;
      let since = performance.now();
      const lose = (why: string, isLate: boolean) => {
        settle();
        child.kill('SIGKILL');
        this.child = undefined;
        reject(new Lost(why, stage, performance.now() - since, isLate));
      };
      const late = () => lose(`took more than ${Math.round(timeout)} ms`, true);
      let timer = setTimeout(late, timeout);
      const exit = (code: number | null, signal: string | null) => lose(`ended the process (${signal ?? code})`, false);
      const message = (received: Message) => {
        if (received.stage !== undefined && received.stage !== awaited) {
          stage = received.stage;
          since = performance.now();
          clearTimeout(timer);
          timer = setTimeout(late, timeout);
          return;
        }
        settle();
        resolve(received);
      };
      const settle = () => {
        clearTimeout(timer);
        child.off('exit', exit);
        child.off('message', message);
      };
      child.on('exit', exit);
      child.on('message', message);
    });
  }
}
