import { Inngest } from "inngest";
import { APP_ID } from "../kinds.ts";

const { BASE_URL = "", INNGEST_SIGNING_KEY = "", INNGEST_EVENT_KEY = "" } = process.env;
const silent = () => {};

export const client = new Inngest({
  id: APP_ID,
  baseUrl: BASE_URL,
  isDev: false,
  signingKey: INNGEST_SIGNING_KEY,
  eventKey: INNGEST_EVENT_KEY,
  logger: { info: silent, warn: silent, error: silent, debug: silent },
});
