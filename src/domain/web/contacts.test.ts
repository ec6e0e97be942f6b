import { describe, expect, it } from "vitest";
import { webPage } from "#tests/support/web-page.ts";
import { companyEmail, contactsOf } from "./contacts.ts";
import type { Page } from "./site.ts";

const page = (text: string, links: Page["links"] = []) =>
  webPage({ url: "https://agro.example/contact", text, links });
const emailsIn = (text: string) => contactsOf([page(text)]).emails.map(({ address }) => address);
const phonesIn = (text: string) => contactsOf([page(text)]).phones.map(({ number }) => number);

describe("e-mail addresses", () => {
  it.each([
    ["Scrie la Office@Agro.example.", ["office@agro.example"]],
    ["office [at] agro.example", ["office@agro.example"]],
    ["office(at)agro(dot)example", ["office@agro.example"]],
    ["office [a] agro [punct] example", ["office@agro.example"]],
    ["office @ agro.example", ["office@agro.example"]],
    ["a.b-c+d@agro.example,e@agro.example", ["a.b-c+d@agro.example", "e@agro.example"]],
    ["poza@2x.png logo@sentry.io nume@example.com", []],
    ["întâlnire la ora 10 @ sediu", []],
  ])("%j", (text, addresses) => {
    expect(emailsIn(text)).toEqual(addresses);
  });

  it("are taken from links first, with what the link says as evidence", () => {
    const found = contactsOf([
      page("office@agro.example", [{ url: "mailto:Office%40agro.example?subject=Salut", text: "Scrie-ne" }]),
    ]);
    expect(found.emails).toEqual([
      { address: "office@agro.example", url: "https://agro.example/contact", snippet: "Scrie-ne" },
    ]);
  });

  it("are no more than ten", () => {
    const many = Array.from({ length: 50 }, (_, n) => `mail${n}@agro.example`).join(" ");
    expect(emailsIn(many)).toHaveLength(10);
  });
});

describe("phone numbers", () => {
  it.each([
    ["Tel: 0722 123 456 sau 0243.230.000", ["0722 123 456", "0243.230.000"]],
    ["+40 722 123 456, 0040722123456", ["+40 722 123 456"]],
    ["CUI 14837428, J21/111/2009, IBAN RO49AAAA1B31007593840000", []],
    ["Produs cod 722123456 la 12.50 lei", []],
  ])("%j", (text, numbers) => {
    expect(phonesIn(text)).toEqual(numbers);
  });

  it("come from links, too, and each has a piece of the text as evidence", () => {
    const { phones } = contactsOf([
      page("Program 8-16. Sunați la 0243 230 000 pentru comenzi.", [
        { url: "tel:+40722123456", text: "Sună" },
      ]),
    ]);
    expect(phones).toEqual([
      { number: "+40722123456", url: "https://agro.example/contact", snippet: "Sună" },
      {
        number: "0243 230 000",
        url: "https://agro.example/contact",
        snippet: "Program 8-16. Sunați la 0243 230 000 pentru comenzi.",
      },
    ]);
  });
});

it("profiles on social networks are kept, buttons to share are not", () => {
  const links = [
    "https://www.facebook.com/agrox/?ref=1",
    "https://facebook.com/sharer/sharer.php?u=x",
    "https://ro.linkedin.com/company/agrox",
    "https://agro.example/facebook.com/x",
    "https://www.facebook.com/",
  ].map((url) => ({ url, text: "" }));
  expect(contactsOf([page("", links)]).social).toEqual([
    "https://www.facebook.com/agrox",
    "https://ro.linkedin.com/company/agrox",
  ]);
});

describe("the address to write to", () => {
  const best = (...addresses: string[]) =>
    companyEmail(
      addresses.map((address) => ({ address, url: "https://agro.example/", snippet: "" })),
      "agro.example",
    );
  it("is the general one of the own domain, then a person's, then a free mailbox", () => {
    expect(best("ferma@gmail.com", "ion@agro.example", "office@agro.example")).toBe("office@agro.example");
    expect(best("ferma@gmail.com", "ion@mail.agro.example")).toBe("ion@mail.agro.example");
    expect(best("web@design.ro", "ferma@gmail.com")).toBe("ferma@gmail.com");
  });
  it("is never that of another company", () => {
    expect(best("web@design.ro")).toBeNull();
    expect(best()).toBeNull();
  });
});
