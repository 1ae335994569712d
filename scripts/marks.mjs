// What the bundler marks as pure for other bundlers: most of it stands in functions, where nobody asks, and the rest are
// objects that are made empty, of which they know it.
import { decodedMappings, encodedMappings, TraceMap } from '@jridgewell/trace-mapping';

/** With the blank behind it, but for one that separates words. */
const MARKS = /(?<![\w$])\/\* @__PURE__ \*\/ |(?<=[\w$])\/\* @__PURE__ \*\//g;

/**
 * A chunk's code, and its map, as they are without the marks. The sources are no part of the package; what the map has of
 * them is names and lines.
 * @param chunk of the bundler
 */
export function withoutMarks({ code, map }) {
  const stripped = code.replaceAll(MARKS, '');
  if (!map) return { code: stripped };
  const lines = code.split('\n');
  const mappings = decodedMappings(new TraceMap(map)).map((segments, line) => {
    const marks = [...lines[line].matchAll(MARKS)];
    let [passed, left] = [0, 0];
    return segments.map(([column, ...rest]) => {
      while (marks[passed]?.index < column) left += marks[passed++][0].length;
      return [column - left, ...rest];
    });
  });
  const { version, sources, names } = map;
  const mapped = new TraceMap({ version, sources, names, mappings });
  return { code: stripped, map: { version, sources, names, mappings: encodedMappings(mapped) } };
}
