/** Words that published proposals add to the text format, by how they begin (../proposals.ts). */

import {
  COMPONENTS,
  DESCRIPTORS,
  HALF,
  IMPORTS,
  MEMORY,
  PAGE_SIZES,
  SHARED,
  STACKS,
  STRINGS,
  WIDE,
} from '../proposals.ts';

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(?:cont\.(?:new|bind)|suspend|resume|resume_throw|resume_throw_ref|switch)$/, STACKS],
  [/^i64\.(?:add128|sub128|mul_wide_[su])$/, WIDE],
  [/^memory\.discard$/, MEMORY],
  [/^(?:cont|nocont|contref|nullcontref)$/, STACKS],
  [/^(?:shared|pause|(?:struct|array|global|table)\.atomic\.)/, SHARED],
  [/^pagesize$/, PAGE_SIZES],
  [
    /^(?:exact|descriptor|describes|ref\.get_desc|ref\.cast_desc|br_on_cast_desc|struct\.new(?:_default)?_desc)/,
    DESCRIPTORS,
  ],
  [/^(?:stringref|stringview_|string\.)/, STRINGS],
  [/^(?:f16x8\.|f32\.(?:load|store)_f16$)/, HALF],
  [/^item$/, IMPORTS],
  [/^component$/, COMPONENTS],
];

/** The proposal of a word that stands where an instruction should. */
export function proposalOfWord(word: string): string | undefined {
  return WORDS.find(([pattern]) => pattern.test(word))?.[1];
}
