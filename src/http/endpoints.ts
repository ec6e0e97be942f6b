/** Every endpoint of the API, in the order of its documentation. A new one is one line here, beside its file. */
import type { Deps } from "#src/deps.ts";
import type { Endpoint } from "./endpoint.ts";
import { mergeEndpoints } from "./routes/merges.ts";

export const apiEndpoints = (deps: Deps): Endpoint[] => [...mergeEndpoints(deps)];
