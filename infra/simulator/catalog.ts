/** Every provider that can be simulated, one line each. */
import { anafSimulator } from "./anaf/app.ts";
import { anafBilantSimulator } from "./anaf-bilant/app.ts";
import { apolloSimulator } from "./apollo/app.ts";
import { hunterSimulator } from "./hunter/app.ts";
import type { SimulatorFactory } from "./kit.ts";
import { listafirmeSimulator } from "./listafirme/app.ts";
import { openapiRoSimulator } from "./openapi-ro/app.ts";
import { scrapingbeeSimulator } from "./scrapingbee/app.ts";
import { snovSimulator } from "./snov/app.ts";
import { termeneSimulator } from "./termene/app.ts";
import { twilioSimulator } from "./twilio/app.ts";
import { websearchSimulator } from "./websearch/app.ts";
import { websitesSimulator } from "./websites/app.ts";
import { zerobounceSimulator } from "./zerobounce/app.ts";

export const simulators: readonly SimulatorFactory[] = [
  anafSimulator,
  anafBilantSimulator,
  hunterSimulator,
  termeneSimulator,
  listafirmeSimulator,
  openapiRoSimulator,
  zerobounceSimulator,
  websitesSimulator,
  websearchSimulator,
  scrapingbeeSimulator,
  twilioSimulator,
  apolloSimulator,
  snovSimulator,
];

/** Variables that make our app use the simulators of a server at this URL instead of the real providers. */
export function simulatedEnv(url: string, factories = simulators): Record<string, string> {
  return Object.assign({}, ...factories.map(({ slug, create }) => create().env(`${url}/${slug}`)));
}
