declare module '@webassemblyjs/wasm-parser' {
  /** What is used of the syntax tree. */
  export interface Field {
    readonly type: string;
    readonly module?: string;
    readonly name?: string;
    readonly descr?: {
      readonly type?: string;
      readonly exportType?: string;
      readonly id?: { readonly value?: number };
    };
  }

  export function decode(
    bytes: ArrayBuffer,
    options: { ignoreCodeSection?: boolean; ignoreDataSection?: boolean; ignoreCustomNameSection?: boolean },
  ): { readonly body: readonly [{ readonly fields: readonly Field[] }] };
}
