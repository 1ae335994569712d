/** A call that is under way, as the host functions see it that serve it. */

/** Made a signal of only where somebody asks for it. */
export class CallScope {
  #controller: AbortController | undefined;
  #end: { readonly reason: unknown } | undefined;

  /** Aborted when the call ends. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#end !== undefined) this.#controller.abort(this.#end.reason);
    }
    return this.#controller.signal;
  }

  /** @param reason what ended it, or undefined where it has returned */
  end(reason: unknown): void {
    this.#end ??= { reason };
    this.#controller?.abort(reason);
  }
}
