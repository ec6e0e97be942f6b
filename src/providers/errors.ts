// Moved to #src/platform/provider-error.ts: this file goes as soon as nobody imports it any more.
// biome-ignore lint/performance/noBarrelFile: for the hour in which several of us work on its importers
export * from "#src/platform/provider-error.ts";
