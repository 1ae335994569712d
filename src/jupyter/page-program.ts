/** The program of widgets' pages (`page/main.ts`): made of the package's own files, by the entry of a runtime that can read them. */

import { functionBody, PARAMETERS } from '../runtime/function-body.ts';

let source: (() => Promise<string | undefined>) | undefined;

/** For the entry that has it: gzipped, as base64. */
export function providePageProgram(given: () => Promise<string | undefined>): void {
  source = given;
}

/** Empty where there is none. */
export async function pageProgram(): Promise<string> {
  return (await source?.()) ?? '';
}

/** Of the page's files by name, in the page; each is the body of a function. */
const LINK = `const loaded={};
const load=(path)=>{
const name=path.slice(path.lastIndexOf("/")+1);
if(loaded[name]===undefined)bodies[name](loaded[name]={},load,async(path)=>load(path),"");
return loaded[name]};`;

/**
 * Files as one program.
 * @param files texts by name; none imports the one that runs, which is the last
 */
export function linkPage(files: readonly (readonly [name: string, text: string])[]): string {
  const bodies = files.map(([name, text]) => {
    const code = functionBody(text).replace(/\n\/\/# sourceMappingURL=.*\s*$/, '');
    return `${JSON.stringify(name)}(${PARAMETERS}){${code}\n}`;
  });
  return `const bodies={${bodies.join(',\n')}};\n${LINK}\nload(${JSON.stringify(files.at(-1)?.[0])});\n`;
}
