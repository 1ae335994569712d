/**
 * Decides where a function must write its count out: at a loop header, after a call and at entry, but only if
 * something may trap before it is written out again, since only a trap leaves it as it was.
 */

/** What matters for that, in the order of the code. The comments say what the argument is. */
export const STEP = {
  /** May trap. */
  trap: 0,
  /** Writes the count out by itself. */
  publish: 1,
  /** `argument`: the edit that may write it out. */
  call: 2,
  /** `argument`: the edit that may write it out. */
  loop: 3,
  block: 4,
  if: 5,
  else: 6,
  /** `argument`: 1 for a loop. */
  end: 7,
  /** `argument`: label. */
  br: 8,
  /** `argument`: label. */
  br_if: 9,
  /** Nothing follows: a return, which leaves the rest to the caller, or a trap. */
  stop: 10,
} as const;

/** A construct, seen from its end. */
interface Construct {
  readonly isLoop: boolean;
  /** Whether something may trap behind its end. */
  readonly behind: boolean;
  /** The same at the start of its second arm; undefined where there is none. */
  second: boolean | undefined;
}

export class Steps {
  private readonly kinds: number[] = [];
  private readonly arguments: number[] = [];

  add(kind: number, argument = 0): void {
    this.kinds.push(kind);
    this.arguments.push(argument);
  }

  /**
   * Goes backwards through the code. A loop needs no second look, as its header writes the count out.
   * @param isNeeded by edit: set to 1 where the count has to be written out
   * @returns whether it has to be at entry
   */
  solve(isNeeded: Uint8Array): boolean {
    const constructs: Construct[] = [];
    let may = false;
    const atLabel = (label: number): boolean => {
      const { isLoop, behind } = constructs[constructs.length - 1 - label] as Construct;
      return !isLoop && behind;
    };
    for (let i = this.kinds.length - 1; i >= 0; i--) {
      const argument = this.arguments[i] as number;
      switch (this.kinds[i]) {
        case STEP.trap:
          may = true;
          break;
        case STEP.publish:
        case STEP.stop:
          may = false;
          break;
        case STEP.call:
          isNeeded[argument] = may ? 1 : 0;
          may = false;
          break;
        case STEP.end:
          constructs.push({ isLoop: argument === 1, behind: may, second: undefined });
          break;
        case STEP.else: {
          const construct = constructs.at(-1) as Construct;
          construct.second = may;
          may = construct.behind;
          break;
        }
        case STEP.if: {
          const { second, behind } = constructs.pop() as Construct;
          may ||= second ?? behind;
          break;
        }
        case STEP.loop:
          isNeeded[argument] = may ? 1 : 0;
          may = false;
          constructs.pop();
          break;
        case STEP.block:
          constructs.pop();
          break;
        case STEP.br:
          may = atLabel(argument);
          break;
        case STEP.br_if:
          may ||= atLabel(argument);
          break;
      }
    }
    return may;
  }
}
