// The labels of the generated loops as one letter each: minifiers leave labels alone.

const LABEL = /^(\s*)(\w+)(?=: (?:\{|for \())/gm;
const JUMP = /\b(break|continue) (\w+);/g;

/** A plugin of the bundler. */
export const shortLabels = {
  name: 'labels',
  transform(code, id) {
    if (!/[/-]loop\.generated\.ts$/.test(id)) return undefined;
    const labels = [...new Set([...code.matchAll(LABEL)].map(([, , label]) => label))];
    const letter = (label) => String.fromCharCode(97 + labels.indexOf(label));
    const short = code
      .replace(LABEL, (_, indent, label) => indent + letter(label))
      .replace(JUMP, (_, word, label) => `${word} ${letter(label)};`);
    return { code: short, map: null };
  },
};
