/** How a worker loses a durable job that has not ended. */

import { CallAborted } from '../../wasm/errors.ts';

/** Another worker has taken the job up. This one has stopped, and has changed nothing since. */
export class JobTakenOver extends CallAborted {
  override get name(): string {
    return 'JobTakenOver';
  }
}

/** The job was handed back as it was asked for: whoever runs it next goes on where it was left. */
export class JobReleased extends CallAborted {
  override get name(): string {
    return 'JobReleased';
  }
}
