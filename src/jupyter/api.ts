/** What notebooks use. */

export { type CellOptions, type CellResult, type CellTag, type CellValues, wasmCell } from './cell.ts';
export { DISPLAY, type Displayable, display, displayHtml, type MimeBundle } from './display.ts';
export { type GasProfile, type GasProfileOptions, gasProfile, type ProfileNode } from './profile.ts';
export { SandboxWidget, type Widget, type WidgetOptions } from './widget.ts';
export type { Theme } from './widget-page.ts';
