// What packages are tried, and how: `load` is what a user does first, and gives what is then run for an answer.
import { CODECS } from './codecs.mjs';
import { COMPILERS } from './compilers.mjs';
import { DATABASES } from './databases.mjs';
import { LANGUAGES } from './languages.mjs';
import { MEDIA } from './media.mjs';

/** What the line with a child's findings begins with. */
export const MARK = 'FOUND ';

export const ROWS = [...DATABASES, ...LANGUAGES, ...COMPILERS, ...CODECS, ...MEDIA];
