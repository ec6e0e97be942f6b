/**
 * The invented web: what stands on the domain of a simulated company, with the habits of real sites. Deterministic.
 * A domain that belongs to no simulated company does not resolve.
 */
import { simulateTaxpayer } from "../anaf/taxpayer.ts";
import { between, chance, isAmong, pick } from "../chance.ts";
import { cuiOfDomain, simulatedCompany } from "../company.ts";

export type SiteKind =
  | "plain"
  | "script_only"
  | "cookie_wall"
  | "blocks_robots"
  | "disallows_robots"
  | "parked"
  | "huge"
  | "redirect_loop"
  | "dead";

export interface SimulatedSite {
  cui: number;
  /** Without "www.". */
  domain: string;
  kind: SiteKind;
  /** Its certificate ran out years ago. */
  httpOnly: boolean;
  /** The bare domain redirects to "www.". */
  prefersWww: boolean;
  /** Says UTF-8 and sends ISO-8859-2. */
  wrongCharset: boolean;
  /** robots.txt is not a file but the site's own "not found" page. */
  hasRobots: boolean;
}

/** Percentages; the rest are plain. */
const KINDS: readonly (readonly [SiteKind, number])[] = [
  ["dead", 6],
  ["script_only", 6],
  ["blocks_robots", 5],
  ["parked", 4],
  ["cookie_wall", 3],
  ["disallows_robots", 3],
  ["huge", 1],
  ["redirect_loop", 1],
];

/** The site at a host; null: there is no such host. */
export function simulatedSite(host: string): SimulatedSite | null {
  const cui = cuiOfDomain(host);
  const domain = cui === null ? null : simulatedCompany(cui).domain;
  // Of the hosts beneath a domain there is only "www.".
  if (cui === null || domain === null || (host !== domain && host !== `www.${domain}`)) return null;
  const kind = kindOf(cui);
  return {
    cui,
    domain,
    kind,
    httpOnly: isAmong(cui, "http only", 10),
    prefersWww: isAmong(cui, "www", 30),
    wrongCharset: isAmong(cui, "charset", 6),
    hasRobots: kind === "disallows_robots" || isAmong(cui, "robots", 70),
  };
}

function kindOf(cui: number): SiteKind {
  let at = chance(cui, "site kind") * 100;
  for (const [kind, pct] of KINDS) {
    if (at < pct) return kind;
    at -= pct;
  }
  return "plain";
}

export const robotsOf = ({ kind, domain }: SimulatedSite): string =>
  kind === "disallows_robots"
    ? "User-agent: *\nDisallow: /\n"
    : `User-agent: *\nDisallow: /wp-admin/\nCrawl-delay: 2\nSitemap: https://${domain}/sitemap.xml\n`;

/** What a person's browser shows of a page; null: no such page. */
export function renderedPage(site: SimulatedSite, path: string): string | null {
  if (site.kind === "parked") {
    return page(
      site,
      "Domeniu parcat",
      `<h1>${site.domain}</h1><p>This domain is for sale. Domeniu de vânzare.</p>`,
    );
  }
  switch (path) {
    case "/":
      return page(site, nameOf(site.cui), home(site));
    case "/contact":
      return page(site, `Contact - ${nameOf(site.cui)}`, contact(site));
    case "/despre-noi":
      return page(site, "Despre noi", `<h1>Despre noi</h1><p>${story(site.cui)}</p>`);
    default:
      return null;
  }
}

/** What the server sends to whoever does not run scripts and has accepted no cookies. */
export function sentPage(site: SimulatedSite, path: string): string | null {
  switch (site.kind) {
    case "script_only":
      return `<!DOCTYPE html><html><head><title>App</title><script src="/static/js/main.4f3c2b1a.js" defer></script></head>
<body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body></html>`;
    case "cookie_wall":
      return `<!DOCTYPE html><html><head><title>${site.domain}</title></head><body><div class="wall">
Acest site folosește cookie-uri. <button>Accept</button> <button>Refuz</button></div></body></html>`;
    case "huge":
      return path === "/"
        ? `<!DOCTYPE html><html><body>${"<p>produs</p>".repeat(400_000)}</body></html>`
        : null;
    default:
      return renderedPage(site, path);
  }
}

const nameOf = (cui: number): string => String(simulateTaxpayer(cui, "2026-01-01").date_generale.denumire);

function page(site: SimulatedSite, title: string, body: string): string {
  const { cui } = site;
  const wordpress = isAmong(cui, "wordpress", 45);
  const shop = wordpress && isAmong(cui, "shop", 20);
  const head = [
    wordpress && `<meta name="generator" content="WordPress 6.8.${between(cui, "version", 0, 3)}">`,
    wordpress && `<link rel="stylesheet" href="/wp-content/themes/farm/style.css">`,
    shop && `<script src="/wp-content/plugins/woocommerce/assets/js/frontend/cart.min.js"></script>`,
    !wordpress && isAmong(cui, "jquery", 60) && `<script src="/js/jquery-3.7.1.min.js"></script>`,
    isAmong(cui, "analytics", 50) &&
      `<script async src="https://www.googletagmanager.com/gtag/js?id=G-${cui}"></script>`,
    isAmong(cui, "pixel", 20) && `<script>!function(f){f.fbq=1}(window);fbq('init','${cui}');</script>`,
  ].filter((line) => line !== false);
  return `<!DOCTYPE html><html lang="ro"><head><meta charset="utf-8"><title>${title}</title>
<meta name="description" content="${nameOf(cui)} - ${pick(cui, "trade", TRADES)}">
${head.join("\n")}</head><body>
<nav><a href="/">Acasă</a> <a href="/despre-noi">Despre noi</a> <a href="/contact">Contact</a>
<a href="/oferta.pdf">Ofertă</a></nav>
${body}
<footer>${isAmong(cui, "facebook", 40) ? `<a href="https://www.facebook.com/ferma${cui}">Facebook</a>` : ""}
© ${nameOf(cui)} · Realizat de <a href="mailto:contact@agentie-web.example">Agenție Web</a></footer></body></html>`;
}

const TRADES = [
  "cereale și plante oleaginoase",
  "creșterea vacilor de lapte",
  "legume și fructe",
  "vin de casă",
] as const;

function home({ cui }: SimulatedSite): string {
  return `<h1>Bine ați venit la ${nameOf(cui)}</h1><p>${story(cui)}</p>
<p>${isAmong(cui, "fiscal data on home", 50) ? fiscalData(cui) : ""}</p>`;
}

function contact(site: SimulatedSite): string {
  const { cui } = site;
  const [email] = simulatedCompany(cui).genericEmails;
  return `<h1>Contact</h1>
<p>Telefon: ${phonesOf(cui).map(asWritten).join(" / ") || "în curând"}</p>
<p>E-mail: ${email ? writtenEmail(cui, email) : "prin formular"}</p>
<p>${isAmong(cui, "fiscal data", 75) ? fiscalData(cui) : ""}</p>`;
}

const story = (cui: number): string =>
  `Din ${between(cui, "year", 1991, 2020)} lucrăm ${between(cui, "hectares", 20, 2_500)} ha: ${pick(cui, "trade", TRADES)}.
Utilajele noastre sunt moderne, iar recolta pleacă direct de la câmp la siloz. Colaborăm cu fermieri din județ și vindem
atât angro, cât și la poarta fermei. Vă așteptăm!`;

const fiscalData = (cui: number): string =>
  pick(cui, "fiscal form", [`CUI: ${cui}`, `C.U.I. RO${cui}`, `Cod fiscal: RO ${cui}`]);

/** Those of the company; some without have a number that belongs to no place. */
export function phonesOf(cui: number): readonly string[] {
  const { phones } = simulatedCompany(cui);
  if (phones.length > 0 || !isAmong(cui, "switchboard", 60)) return phones;
  return [`+4037${between(cui, "switchboard number", 2_000_000, 2_999_999)}`];
}

const asWritten = (e164: string): string => `0${e164.slice(3, 6)} ${e164.slice(6, 9)} ${e164.slice(9)}`;

/** Some hide their address from robots. */
function writtenEmail(cui: number, email: string): string {
  switch (pick(cui, "mail form", ["link", "link", "words", "cloudflare"] as const)) {
    case "link":
      return `<a href="mailto:${email}">${email}</a>`;
    case "words":
      return email.replace("@", " [at] ").replaceAll(".", " [punct] ");
    case "cloudflare": {
      const key = between(cui, "mail key", 1, 255);
      const hex = Buffer.from([key, ...[...Buffer.from(email)].map((byte) => byte ^ key)]).toString("hex");
      return `<a href="/cdn-cgi/l/email-protection" data-cfemail="${hex}">[email&#160;protected]</a>`;
    }
  }
}
