/** Reads the S-expressions of a script as it is published: with the library's lexer, and modules left as they stand. */

import { Lexer, TOKEN } from '../../wasm/text/lexer.ts';
import { stringBytes } from '../../wasm/text/strings.ts';
import type { Sexpr } from './sexpr.ts';

/** Words behind `module` where there is no text of one. */
const OTHER_MODULES = ['binary', 'quote', 'instance'];

/** Words that begin a field of a module. A script may be one module, without its parenthesis. */
const FIELDS = ['type', 'rec', 'import', 'func', 'table', 'memory', 'global', 'tag', 'export', 'start', 'elem', 'data'];

/** The top-level expressions of a script, in order. */
export function readTextSexprs(source: string): readonly Sexpr[] {
  const lexer = new Lexer(source);
  const top: Sexpr[] = [];
  const open: { items: Sexpr[]; line: number }[] = [];
  let items = top;
  let counted = 0;
  let line = 1;
  const lineOf = (at: number) => {
    for (; counted < at; counted++) if (source.charCodeAt(counted) === 0x0a) line++;
    return line;
  };

  const module = (start: number): Sexpr => {
    const moduleLine = lineOf(start);
    const atom = (text: string): Sexpr => ({ kind: 'atom', text, line: moduleLine });
    const list = [atom('module')];
    lexer.advance();
    lexer.advance();
    let from = start;
    let head = '';
    if (lexer.isWord('definition')) {
      list.push(atom('definition'));
      lexer.advance();
      from = lexer.start;
      head = '(module ';
    }
    if (lexer.kind === TOKEN.identifier) {
      list.push(atom(lexer.text));
      lexer.advance();
    }
    if (lexer.kind === TOKEN.word && OTHER_MODULES.includes(lexer.text)) {
      // Goes on as any other list.
      open.push({ items, line: moduleLine });
      items = list;
      return atom('');
    }
    lexer.skipRest(start);
    list.push({ kind: 'text', text: head + source.slice(from, lexer.start), line: moduleLine });
    return { kind: 'list', items: list, line: moduleLine };
  };

  lexer.advance();
  if (lexer.kind === TOKEN.open && FIELDS.includes(lexer.nextText)) {
    return [
      {
        kind: 'list',
        items: [
          { kind: 'atom', text: 'module', line },
          { kind: 'text', text: source, line },
        ],
        line,
      },
    ];
  }
  while (lexer.kind !== TOKEN.end) {
    const { kind, start, end, text } = lexer;
    if (kind === TOKEN.open && lexer.opens('module')) {
      const depth = open.length;
      const read = module(start);
      if (open.length === depth) items.push(read);
      continue;
    }
    if (kind === TOKEN.open) {
      open.push({ items, line: lineOf(start) });
      items = [];
    } else if (kind === TOKEN.close) {
      const outer = open.pop();
      if (outer === undefined) throw new Error(`line ${lineOf(start)}: closing parenthesis without an opening one`);
      outer.items.push({ kind: 'list', items, line: outer.line });
      items = outer.items;
    } else if (kind === TOKEN.string) {
      items.push({ kind: 'string', bytes: stringBytes(source, start, end), line: lineOf(start) });
    } else items.push({ kind: 'atom', text, line: lineOf(start) });
    lexer.advance();
  }
  return top;
}
