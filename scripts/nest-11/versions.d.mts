export const FOLDER: string;
export const VERSIONS: Readonly<Record<string, string>>;
