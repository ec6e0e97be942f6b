import { anaf } from "./anaf/provider.ts";
import { anafBilant } from "./anaf-bilant/provider.ts";
import { apollo } from "./apollo/provider.ts";
import { hunter } from "./hunter/provider.ts";
import { listafirme } from "./listafirme/provider.ts";
import { openapiRo } from "./openapi-ro/provider.ts";
import { scrapingbee } from "./scrapingbee/provider.ts";
import { snov } from "./snov/provider.ts";
import { termene } from "./termene/provider.ts";
import { twilio } from "./twilio/provider.ts";
import { websearch } from "./websearch/provider.ts";
import { website } from "./website/provider.ts";
import { zerobounce } from "./zerobounce/provider.ts";

/** Every provider that this release can ask, one line each, in the order of the pipeline. */
export const catalog = {
  anaf,
  anafBilant,
  termene,
  listafirme,
  openapiRo,
  hunter,
  zerobounce,
  website,
  websearch,
  scrapingbee,
  twilio,
  apollo,
  snov,
};
