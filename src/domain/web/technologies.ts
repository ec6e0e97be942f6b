/**
 * What a site is made with, from a few marks on its pages. A list of our own: Wappalyzer's went closed in 2023, and
 * the maintained package around its last open engine (simple-wappalyzer) depends on a range of it that resolves to a
 * GPL-3.0 release (shared/providers/phone-web.md, section 6). Pure.
 */
import type { Page } from "./site.ts";

export interface Technology {
  name: string;
  category: TechnologyCategory;
}

export type TechnologyCategory =
  | "cms"
  | "shop"
  | "site_builder"
  | "framework"
  | "analytics"
  | "advertising"
  | "chat"
  | "consent"
  | "hosting"
  | "server"
  | "language"
  | "payments";

/** Any one mark is enough. */
interface Marks {
  generator?: RegExp;
  /** In the address or the beginning of a script, or in the address of a style sheet. */
  assets?: RegExp;
  cookie?: RegExp;
  /** By name, lower case. */
  headers?: Record<string, RegExp>;
}

const RULES: readonly (Technology & Marks)[] = [
  { name: "WordPress", category: "cms", generator: /^wordpress/i, assets: /\/wp-(content|includes)\// },
  { name: "Joomla", category: "cms", generator: /joomla/i, assets: /\/media\/jui\/|\/media\/system\/js\// },
  {
    name: "Drupal",
    category: "cms",
    generator: /^drupal/i,
    assets: /\/sites\/(default|all)\/|drupal\.js/,
    headers: { "x-generator": /drupal/i },
  },
  { name: "TYPO3", category: "cms", generator: /typo3/i, assets: /\/typo3(conf|temp)\// },
  { name: "Elementor", category: "site_builder", generator: /elementor/i, assets: /\/plugins\/elementor/ },
  {
    name: "WooCommerce",
    category: "shop",
    generator: /woocommerce/i,
    assets: /\/plugins\/woocommerce\//,
    cookie: /^woocommerce_/,
  },
  {
    name: "Shopify",
    category: "shop",
    assets: /cdn\.shopify\.com/,
    cookie: /^_shopify_/,
    headers: { "x-shopify-stage": /./ },
  },
  { name: "PrestaShop", category: "shop", generator: /prestashop/i, cookie: /^prestashop-/i },
  {
    name: "Magento",
    category: "shop",
    assets: /\/static\/version\d+\/frontend\/|mage\/cookies/,
    cookie: /^mage-/,
  },
  {
    name: "OpenCart",
    category: "shop",
    assets: /catalog\/view\/(theme|javascript)\//,
    cookie: /^ocsessid$/i,
  },
  { name: "Gomag", category: "shop", generator: /gomag/i, assets: /gomagcdn\.ro|\.gomag\.ro/ },
  { name: "MerchantPro", category: "shop", generator: /merchantpro/i, assets: /merchantpro\.(com|ro)|mpcdn/ },
  {
    name: "Wix",
    category: "site_builder",
    generator: /wix\.com/i,
    assets: /static\.(parastorage|wixstatic)\.com/,
    headers: { "x-wix-request-id": /./ },
  },
  {
    name: "Squarespace",
    category: "site_builder",
    generator: /squarespace/i,
    assets: /static1\.squarespace\.com/,
  },
  {
    name: "Webflow",
    category: "site_builder",
    generator: /webflow/i,
    assets: /(assets|cdn).*website-files\.com/,
  },
  { name: "Weebly", category: "site_builder", generator: /weebly/i, assets: /editmysite\.com/ },
  {
    name: "Next.js",
    category: "framework",
    assets: /\/_next\/static\//,
    headers: { "x-powered-by": /next\.js/i },
  },
  { name: "Nuxt", category: "framework", assets: /\/_nuxt\// },
  { name: "Laravel", category: "framework", cookie: /^(laravel_session|xsrf-token)$/i },
  {
    name: "ASP.NET",
    category: "framework",
    cookie: /^asp\.net_sessionid$/i,
    headers: { "x-aspnet-version": /./, "x-powered-by": /asp\.net/i },
  },
  { name: "jQuery", category: "framework", assets: /jquery([.-]\d[\w.]*)?(\.slim)?(\.min)?\.js/i },
  { name: "Bootstrap", category: "framework", assets: /bootstrap(\.bundle)?(\.min)?\.(js|css)/i },
  {
    name: "Google Tag Manager",
    category: "analytics",
    assets: /googletagmanager\.com\/gtm\.js|GTM-[A-Z0-9]{4,}/,
  },
  {
    name: "Google Analytics",
    category: "analytics",
    assets: /gtag\/js\?id=(G|UA)-|google-analytics\.com/,
    cookie: /^_ga$/,
  },
  { name: "Matomo", category: "analytics", assets: /(matomo|piwik)\.(js|php)/ },
  { name: "Hotjar", category: "analytics", assets: /static\.hotjar\.com/ },
  {
    name: "Meta Pixel",
    category: "advertising",
    assets: /connect\.facebook\.net\/.*fbevents\.js|fbq\(['"]init/,
  },
  { name: "Google Ads", category: "advertising", assets: /gtag\/js\?id=AW-|googleadservices\.com/ },
  { name: "Tawk.to", category: "chat", assets: /embed\.tawk\.to/ },
  { name: "Cookiebot", category: "consent", assets: /consent\.cookiebot\.com/ },
  { name: "Netopia", category: "payments", assets: /mobilpay\.ro|netopia-payments\.com/ },
  { name: "Cloudflare", category: "hosting", headers: { "cf-ray": /./, server: /^cloudflare/i } },
  { name: "LiteSpeed", category: "server", headers: { server: /litespeed/i } },
  { name: "Nginx", category: "server", headers: { server: /nginx/i } },
  { name: "Apache", category: "server", headers: { server: /apache/i } },
  { name: "IIS", category: "server", headers: { server: /microsoft-iis/i } },
  { name: "PHP", category: "language", cookie: /^phpsessid$/i, headers: { "x-powered-by": /^php/i } },
];

/** In the order of the rules, each once, whatever number of pages shows it. */
export const technologiesOf = (pages: readonly Page[]): Technology[] =>
  RULES.filter((rule) => pages.some((page) => matches(rule, page))).map(({ name, category }) => ({
    name,
    category,
  }));

/** Whether one can buy there. */
export const sellsOnline = (technologies: readonly Technology[]): boolean =>
  technologies.some(({ category }) => category === "shop" || category === "payments");

function matches({ generator, assets, cookie, headers = {} }: Marks, page: Page): boolean {
  if (generator && page.generator && generator.test(page.generator)) return true;
  if (assets && [...page.scripts, ...page.stylesheets].some((asset) => assets.test(asset))) return true;
  if (cookie && page.cookies.some((name) => cookie.test(name))) return true;
  return Object.entries(headers).some(([name, mark]) => mark.test(page.headers[name] ?? ""));
}
