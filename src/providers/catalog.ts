import { anafBilant } from "./anaf-bilant/provider.ts";
import { hunter } from "./hunter/provider.ts";

/** Every provider that this release can ask, one line each, in the order of the pipeline. */
export const catalog = { anafBilant, hunter };
