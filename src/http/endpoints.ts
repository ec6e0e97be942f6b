/** Every endpoint of the API, in the order of its documentation. A new one is one line here, beside its file. */
import type { Deps } from "#src/deps.ts";
import type { AppParts } from "./app.ts";
import { type Endpoint, scopeOf } from "./endpoint.ts";
import { apiKeyEndpoints } from "./routes/api-keys.ts";
import { approvalEndpoints } from "./routes/approvals.ts";
import { auditEndpoints } from "./routes/audit.ts";
import { authEndpoints } from "./routes/auth.ts";
import { budgetEndpoints } from "./routes/budgets.ts";
import { credentialEndpoints } from "./routes/credentials.ts";
import { creditEndpoints } from "./routes/credits.ts";
import { deadLetterEndpoints } from "./routes/dead-letters.ts";
import { importEndpoints } from "./routes/imports.ts";
import { jobEndpoints } from "./routes/jobs.ts";
import { mergeEndpoints } from "./routes/merges.ts";
import { operationsEndpoints } from "./routes/operations.ts";
import { privacyEndpoints } from "./routes/privacy.ts";
import { privacyRequestEndpoints } from "./routes/privacy-requests.ts";
import { prospectEndpoints } from "./routes/prospects.ts";
import { providerCallEndpoints } from "./routes/provider-calls.ts";
import { providerEndpoints } from "./routes/providers.ts";
import { referenceEndpoints } from "./routes/reference.ts";
import { userEndpoints } from "./routes/users.ts";
import { webhookEndpointEndpoints } from "./routes/webhook-endpoints.ts";
import { webhookInEndpoints } from "./routes/webhooks-in.ts";
import { workspaceEndpoints } from "./routes/workspaces.ts";

export const apiEndpoints = (
  deps: Deps,
  parts: Pick<AppParts, "functions" | "plan" | "sources" | "isSynced">,
): Endpoint[] => {
  const endpoints: Endpoint[] = [
    ...authEndpoints(deps),
    ...userEndpoints(deps),
    ...apiKeyEndpoints(deps, () => new Set(endpoints.map(({ spec }) => scopeOf(spec)))),
    ...workspaceEndpoints(deps),
    ...importEndpoints(deps),
    ...jobEndpoints(deps, parts.plan, parts.sources),
    ...prospectEndpoints(deps, parts.plan, parts.sources),
    ...mergeEndpoints(deps),
    ...approvalEndpoints(deps),
    ...deadLetterEndpoints(deps, parts.plan),
    ...operationsEndpoints(deps, parts),
    ...providerEndpoints(deps),
    ...credentialEndpoints(deps),
    ...providerCallEndpoints(deps),
    ...budgetEndpoints(deps),
    ...creditEndpoints(deps),
    ...referenceEndpoints(deps),
    ...auditEndpoints(deps),
    ...privacyEndpoints(deps),
    ...privacyRequestEndpoints(deps),
    ...webhookEndpointEndpoints(deps),
    ...webhookInEndpoints(deps),
  ];
  return endpoints;
};
