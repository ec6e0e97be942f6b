import { expect, it } from "vitest";
import { webPage } from "#tests/support/web-page.ts";
import type { Page } from "./site.ts";
import { sellsOnline, technologiesOf } from "./technologies.ts";

const names = (changes: Partial<Page>) => technologiesOf([webPage(changes)]).map(({ name }) => name);

it.each<[Partial<Page>, string[]]>([
  [{}, []],
  [{ generator: "WordPress 6.8.1" }, ["WordPress"]],
  [
    { stylesheets: ["https://agro.example/wp-content/plugins/woocommerce/assets/css/x.css"] },
    ["WordPress", "WooCommerce"],
  ],
  [{ scripts: ["https://cdn.shopify.com/s/files/1/theme.js"] }, ["Shopify"]],
  [
    { headers: { server: "cloudflare", "cf-ray": "8a1-OTP", "x-powered-by": "PHP/8.2" } },
    ["Cloudflare", "PHP"],
  ],
  [
    { scripts: ["(function(w,d,s,l,i){...})(window,document,'script','dataLayer','GTM-AB12CD');"] },
    ["Google Tag Manager"],
  ],
  [{ scripts: ["https://www.googletagmanager.com/gtag/js?id=G-ABC123"] }, ["Google Analytics"]],
  [{ scripts: ["!function(){...}(); fbq('init', '1234567890');"] }, ["Meta Pixel"]],
  [{ cookies: ["PHPSESSID", "laravel_session"] }, ["Laravel", "PHP"]],
  [{ scripts: ["/js/jquery-3.7.1.min.js", "/js/bootstrap.bundle.min.js"] }, ["jQuery", "Bootstrap"]],
  // A page that merely speaks of it is not made with it.
  [{ text: "Facem site-uri WordPress și Shopify", title: "WordPress" }, []],
])("%j shows %j", (changes, expected) => {
  expect(names(changes)).toEqual(expected);
});

it("names each technology once over all pages, and knows a shop", () => {
  const found = technologiesOf([webPage({ generator: "PrestaShop" }), webPage({ generator: "PrestaShop" })]);
  expect(found).toEqual([{ name: "PrestaShop", category: "shop" }]);
  expect([sellsOnline(found), sellsOnline([])]).toEqual([true, false]);
});
