/** The API's description, and a page to read and try it: Swagger UI from our own node_modules. Nothing comes from elsewhere. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";
import { html } from "hono/html";
import type { AppEnv } from "../envelope.ts";

const BUNDLE = "swagger-ui-bundle.js";
const STYLES = "swagger-ui.css";
const START = "start.js";

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** @param document OpenAPI @param prefix where it is served, such as /api/v1 */
export function docsRoutes(document: object, prefix: string) {
  const asset = (file: string) => readFile(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${file}`)));
  const script = (text: string) => new Response(text, { headers: { "content-type": "text/javascript" } });
  return new Hono<AppEnv>()
    .get("/openapi.json", (c) => c.json(document))
    .get("/docs", (c) => {
      c.header("content-security-policy", CONTENT_SECURITY_POLICY);
      return c.html(html`<!doctype html>
        <html lang="en">
          <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width" />
            <title>Cerniq API</title>
            <link rel="icon" href="data:," />
            <link rel="stylesheet" href="${prefix}/docs/${STYLES}" />
          </head>
          <body>
            <main id="docs"></main>
            <script src="${prefix}/docs/${BUNDLE}"></script>
            <script src="${prefix}/docs/${START}"></script>
          </body>
        </html>`);
    })
    .get(`/docs/${BUNDLE}`, async () => script(await asset(BUNDLE).then(String)))
    .get(`/docs/${STYLES}`, async (c) => c.body(await asset(STYLES), 200, { "content-type": "text/css" }))
    .get(`/docs/${START}`, () => {
      const options = {
        url: `${prefix}/openapi.json`,
        dom_id: "#docs",
        deepLinking: true,
        validatorUrl: null,
      };
      // Keys that are typed in stay in the page: they are gone when it is closed.
      return script(`SwaggerUIBundle(${JSON.stringify({ ...options, persistAuthorization: false })});`);
    });
}
