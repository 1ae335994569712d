// Examples in Markdown that are run as they stand: those whose fence says "ts run" or "sh run".

/** In the order of the text. */
export function examplesIn(text) {
  const fence = /^```(ts|sh) run[ \t]*\n([\s\S]*?)^```[ \t]*$/gm;
  return [...text.matchAll(fence)].map(({ 1: language, 2: code, index }) => ({
    line: text.slice(0, index).split('\n').length,
    language,
    code,
  }));
}
