/** Descriptors of the host's that are closed once: by their owner, or when their owner is forgotten. */

import { closeSync } from 'node:fs';

const forgotten = new FinalizationRegistry<number>((fd) => {
  closeSync(fd);
});

export class Held {
  readonly fd: number;
  private isOpen = true;

  constructor(fd: number) {
    this.fd = fd;
    forgotten.register(this, fd, this);
  }

  /** Doing it again does nothing: by then, the number may be another file's. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    forgotten.unregister(this);
    closeSync(this.fd);
  }
}
