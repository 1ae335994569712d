export interface Wabt {
  parse(text: string): Uint8Array;
  print(bytes: Uint8Array): string;
}

export function loadWabt(options?: { readonly installs?: boolean }): Promise<Wabt | undefined>;
