// The opcode table as the package has it: by columns, which are a fraction of the rows, and without what only
// the generators of loops read of it.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const TABLE = fileURLToPath(new URL('../wasm/opcodes.ts', import.meta.url));
const ROWS = /const ROWS = \[\n[\s\S]*?\n\] as const satisfies readonly Row\[\];\n/g;

async function load() {
  const build = await rolldown({ input: TABLE });
  const { output } = await build.generate({ format: 'es' });
  await build.close();
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}

/** What a meaning begins with that gives the bits of a float. */
const BITS = 'bits ';

/**
 * Traits that few rows share, by columns: those stand together that go together. A trait that none of them names is in the
 * last.
 */
const TRAITS = [
  ['flow', 'constant'],
  ['feature'],
  ['bytes'],
  ['atomic'],
  ['hot', 'warm', 'branches', 'traps'],
  ['alias', 'neverNaN', 'lanes'],
];

/** A row's place among all instructions follows from the others, as do parts that it has none of. */
function rowOf({
  index: _,
  mnemonic,
  code,
  immediates,
  params,
  results,
  special,
  gas,
  meaning,
  traps,
  flow,
  ...others
}) {
  const isComputed = meaning !== undefined;
  // Of a meaning, whether there is one, and whether it is about bits; of an access, the accessor, as its width is in it. Of
  // traps, whether there are some: the instrumenter asks for both.
  const isOnBits = isComputed && meaning.startsWith(BITS);
  const read = immediates === 'memarg' ? meaning : isOnBits ? BITS : '';
  const traits = Object.entries({
    ...(flow !== 'on' && { flow }),
    ...(traps.length > 0 && { traps: [[]] }),
    ...others,
  });
  const columnOf = (trait) => TRAITS.findIndex((names) => names.includes(trait));
  const columns = [...TRAITS.keys(), -1].map((at) =>
    Object.fromEntries(traits.filter(([trait]) => columnOf(trait) === at)),
  );
  return {
    mnemonic,
    code,
    columns: [immediates, special ? '*' : `${params}:${results}`, gas, isComputed ? [read] : [], ...columns],
  };
}

/** A column as its different values, and a letter a row for which it is, with how often where that is more than twice. */
function column(values) {
  const texts = values.map((value) => JSON.stringify(value));
  const different = [...new Set(texts)];
  const letters = texts.map((text) => String.fromCharCode(FIRST + different.indexOf(text))).join('');
  const runs = letters.replace(/(.)\1{2,}/gu, (run, letter) => letter + run.length);
  return `[[${different}], ${JSON.stringify(runs)}]`;
}

/** Names by what they begin with, up to the first dot: that, and then their rests; nothing for the unsigned counterpart of one. */
function grouped(names) {
  const groups = [];
  let before;
  for (const [i, name] of names.entries()) {
    const start = name.slice(0, name.indexOf('.') + 1);
    if (start !== before) groups.push([start]);
    before = start;
    groups.at(-1).push(name === names[i - 1]?.replace(/s$/, 'u') ? '' : name.slice(start.length));
  }
  return groups.join(';');
}

/** The first letter: behind what a string would have to escape, in front of what takes a second byte for most. */
const FIRST = 93;

/**
 * The text that stands in the place of the rows.
 * @param opcodes all of them, in order
 */
export function pack(opcodes) {
  const rows = opcodes.map(rowOf);
  const codes = rows.map(({ code }, i) => (code === rows[i - 1]?.code + 1 ? 1 : code));
  const steps = JSON.stringify(Object.fromEntries(codes.map((code, i) => [i, code]).filter(([, code]) => code !== 1)));
  const [{ columns }] = rows;
  return `const ROWS = (() => {
  const codes = ${steps};
  const columns = [${columns.map((_, i) => column(rows.map(({ columns }) => columns[i])))}].map(
    ([values, runs]) => [values, runs.replace(/(.)(\\d+)/g, (_, letter, times) => letter.repeat(times))],
  );
  let [code, last] = [0];
  const rests = ([start, ...names]) => names.map((name) => (last = name === '' ? last.slice(0, -1) + 'u' : start + name));
  const names = ${JSON.stringify(grouped(rows.map(({ mnemonic }) => mnemonic)))}.split(';').flatMap((text) => rests(text.split(',')));
  return names.map((name, i) => {
    code = codes[i] ?? code + 1;
    const values = columns.map(([values, letters]) => values[letters.charCodeAt(i) - ${FIRST}]);
    return [name, code, ...values.slice(0, 3), ...values[3], Object.assign({}, ...values.slice(4))];
  });
})();
`;
}

/** A plugin of the bundler that puts the table so into what it makes. */
export async function packedRows() {
  const { OPCODES } = await load();
  return {
    name: 'rows',
    transform(code, id) {
      if (id !== TABLE) return undefined;
      if (code.match(ROWS)?.length !== 1) throw new Error(`${id} has no table where it is looked for`);
      return { code: code.replace(ROWS, () => pack(OPCODES)), map: null };
    },
  };
}
