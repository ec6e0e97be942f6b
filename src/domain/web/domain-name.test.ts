import { describe, expect, it } from "vitest";
import { cleanDomain, isFreeMailbox, isSharedHost, mailDomain, websiteDomain } from "./domain-name.ts";

describe("the domain in a website column", () => {
  it.each([
    ["www.Agro-X.ro", "agro-x.ro"],
    ["HTTP://WWW.AGRO-X.RO/index.html?a=b#c", "agro-x.ro"],
    ["https://agro-x.ro:443/", "agro-x.ro"],
    ["http:// agro-x.ro", "agro-x.ro"],
    ["http//agro-x.ro", "agro-x.ro"],
    ["www,agro-x,ro", "agro-x.ro"],
    ["agro-x.ro; agro-y.ro", "agro-x.ro"],
    ["-, agro-y.ro", "agro-y.ro"],
    ["office@agro-x.ro", "agro-x.ro"],
    ["ferma@gmail.com, www.agro-x.ro", "agro-x.ro"],
    ["facebook.com/agrox www.agro-x.ro", "agro-x.ro"],
    ["shop.agro-x.ro", "shop.agro-x.ro"],
    ["câmpia.ro", "xn--cmpia-3qa.ro"],
    ["agro-x.ro.", "agro-x.ro"],
  ])("%j is %s", (text, domain) => {
    expect(websiteDomain(text)).toBe(domain);
  });

  it.each([
    null,
    "",
    "-",
    "nu are",
    "ferma@yahoo.com",
    "https://www.facebook.com/agrox",
    "ro-ro.facebook.com/agrox",
    "listafirme.ro",
    "http://127.0.0.1/",
    "2130706433",
    "http://[::1]/",
    "localhost",
    "server.local",
    "agro_x.ro",
    "-agro.ro",
    `${"a".repeat(64)}.ro`,
  ])("%j has none", (text) => {
    expect(websiteDomain(text)).toBeNull();
  });
});

it("a mailbox that everybody can have says nothing", () => {
  expect(mailDomain("ion.popescu@agro-x.ro")).toBe("agro-x.ro");
  expect(mailDomain("Office@WWW.Agro-X.ro")).toBe("agro-x.ro");
  for (const none of [
    "x@gmail.com",
    "x@YAHOO.ro",
    "agro-x.ro",
    "@agro-x.ro",
    "x@localhost",
    "x@facebook.com",
  ]) {
    expect(mailDomain(none)).toBeNull();
  }
  expect(isFreeMailbox("Gmail.com")).toBe(true);
});

it("a host beneath a network or a directory is shared, too", () => {
  expect([isSharedHost("m.facebook.com"), isSharedHost("agrofacebook.com")]).toEqual([true, false]);
  expect(cleanDomain("exa mple.ro")).toBeNull();
});
