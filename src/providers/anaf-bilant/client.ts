/**
 * ANAF, the Romanian tax authority: financial statements ("bilanț") of companies.
 *
 * Document: static.anaf.ro/static/10/Anaf/Informatii_R/doc_WS_Bilant_V1.txt, as quoted by public clients; facts
 * gathered 2026-11-22 (shared/providers/romanian-registries.md, section 2).
 * Access: no key. Price: none (0 micro-euros). Quota: one tax id and one year a request; 1 request a second, together
 * with the taxpayer service v9. Amounts are whole lei. Statements of a year are due at the end of the next May and
 * appear over the summer. A pure read: repeating it is harmless.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp } from "#src/providers/http.ts";
import { type FinancialStatement, readStatement } from "./schemas.ts";

export const ANAF_BILANT = "anaf-bilant";

export interface AnafBilantClientOptions {
  /** Up to where `/bilant` begins. */
  baseUrl: string;
  /** From sending to the last byte; default 30 s. */
  timeoutMs?: number;
}

export interface AnafBilantClient {
  /**
   * The statement of a company for a year; null when none was filed (yet).
   * @param onSent called when the request has been written to the wire
   * @throws ProviderError
   */
  statement(
    cui: number,
    financialYear: number,
    options?: { signal?: AbortSignal; onSent?: () => void },
  ): Promise<FinancialStatement | null>;
}

/** To anything that looks like a program, the firewall says that nothing was filed: status 200 and an empty list. */
const BROWSER =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

export function createAnafBilantClient({
  baseUrl,
  timeoutMs = 30_000,
}: AnafBilantClientOptions): AnafBilantClient {
  const http = createHttp({
    provider: ANAF_BILANT,
    baseUrl,
    timeoutMs,
    // A statement is about 3 KB.
    maxResponseBytes: 256 * 1024,
    headers: { "user-agent": BROWSER, "accept-language": "ro" },
  });
  return {
    async statement(cui, financialYear, options) {
      const query = { an: String(financialYear), cui: String(cui) };
      // "Not filed" comes as an empty list, as 404, or as no body at all.
      const { status, body } = await http.getJson("bilant", query, {
        ...options,
        answers: [404],
        emptyIsNull: true,
      });
      if (status === 404) return null;
      const statement = readStatement(body);
      const misread =
        statement !== null &&
        (statement === "unreadable" || statement.cui !== cui || statement.financialYear !== financialYear);
      if (misread) throw new ProviderError(ANAF_BILANT, "bad_response", { httpStatus: status });
      return statement;
    },
  };
}
