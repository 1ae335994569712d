/**
 * Of the chunks that a bundler made, the entries and what they import, not what they will.
 * @param output of the bundler
 */
export function atOnce(output) {
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]));
  const found = new Set(output.filter(({ isEntry }) => isEntry));
  for (const { imports } of found) for (const name of imports) if (chunks.has(name)) found.add(chunks.get(name));
  return [...found];
}
