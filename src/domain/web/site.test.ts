import { describe, expect, it } from "vitest";
import { webPage } from "#tests/support/web-page.ts";
import { contactPages, type Page, stateOfHomePage } from "./site.ts";

const PROSE = "Cultivăm grâu, porumb și floarea-soarelui pe o mie de hectare. ".repeat(8);

describe("the state of a site", () => {
  it.each<[string, number, Partial<Page>, string]>([
    ["a page with text", 200, { text: PROSE, scripts: ["/a.js"] }, "read"],
    ["a short page without scripts", 200, { text: "Ferma noastră. Tel. 0722 123 456" }, "read"],
    ["one that mentions cookies at its end", 200, { text: `${PROSE} Folosim cookie-uri.` }, "read"],
    ["an application", 200, { text: "", scripts: ["/main.js"] }, "needs_browser"],
    ["one that says so", 200, { text: "You need to enable JavaScript to run this app." }, "needs_browser"],
    ["a cookie wall", 200, { text: "Acest site folosește cookie-uri. Accept" }, "needs_browser"],
    ["a challenge", 200, { title: "Just a moment...", text: "Checking your browser" }, "blocked"],
    ["a refusal", 403, { text: "Forbidden" }, "blocked"],
    ["too many requests", 429, {}, "blocked"],
    ["an error", 500, { text: "Internal server error" }, "unreachable"],
    ["no page", 404, { text: "Not found" }, "unreachable"],
    ["a domain for sale", 200, { text: "This domain is for sale! agro.example" }, "parked"],
    ["a parked domain", 200, { text: "Domeniul este parcat. Domeniu de vânzare" }, "parked"],
    ["land for sale", 200, { text: `Vânzare domenii agricole. ${PROSE}` }, "read"],
  ])("%s", (_, status, changes, state) => {
    expect(stateOfHomePage(status, webPage(changes))).toBe(state);
  });
});

describe("pages that may have contact data", () => {
  const links = (...urls: [string, string][]) =>
    webPage({ links: urls.map(([url, text]) => ({ url, text })) });
  it("are those whose address or text says so, contact before about, on the same site", () => {
    const home = links(
      ["https://agro.example/despre-noi", "Cine suntem"],
      ["https://agro.example/produse", "Produse"],
      ["https://www.agro.example/pagina-7#harta", "Contact"],
      ["https://www.agro.example/pagina-7", "Contact"],
      ["https://other.example/contact", "Contact"],
      ["https://agro.example/contact.pdf", "Contact"],
      ["mailto:contact@agro.example", "Contact"],
      ["https://agro.example/#contact", "Contact"],
    );
    expect(contactPages(home, 2)).toEqual([
      "https://www.agro.example/pagina-7",
      "https://agro.example/despre-noi",
    ]);
    expect(contactPages(home, 1)).toHaveLength(1);
  });
});
