/** Standard Schema, of which Zod, Valibot, ArkType and others make what validates: https://standardschema.dev */

/** As much of it as is used here. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** The value, or what is wrong with it. */
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
    /** For the compiler only. */
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/** The value, perhaps changed, or what is wrong with it. */
export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };
