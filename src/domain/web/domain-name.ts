/** Domains out of what people typed into a website column, and which domains are nobody's own. Pure. */

const FREE_MAILBOXES = new Set(
  `gmail.com googlemail.com yahoo.com yahoo.ro yahoo.co.uk yahoo.fr yahoo.it yahoo.de ymail.com rocketmail.com
   hotmail.com hotmail.ro hotmail.it outlook.com outlook.ro live.com live.ro msn.com icloud.com me.com mac.com aol.com
   mail.com mail.ru gmx.com gmx.net gmx.de web.de proton.me protonmail.com zoho.com yandex.com yandex.ru inbox.com
   email.ro home.ro k.ro clicknet.ro rdslink.ro rdsnet.ro upcmail.ro romtelecom.ro artelecom.net zappmobile.ro
   personal.ro xnet.ro post.ro b.astral.ro`.split(/\s+/),
);

/** Where many companies have a page, so that it is nobody's own site. */
const SHARED_HOSTS =
  `facebook.com instagram.com linkedin.com twitter.com x.com youtube.com tiktok.com pinterest.com
  google.com goo.gl bing.com wikipedia.org blogspot.com wordpress.com wixsite.com business.site
  olx.ro autovit.ro publi24.ro ejobs.ro bestjobs.eu hipo.ro booking.com tripadvisor.com
  listafirme.ro listafirme.eu termene.ro risco.ro firme.info totalfirme.ro romanian-companies.eu mfinante.gov.ro
  mfinante.ro anaf.ro onrc.ro openapi.ro firmeo.ro doingbusiness.ro confidas.ro bizoo.ro paginiaurii.ro
  cylex.ro kompass.com europages.com dnb.com lista-firme.info targetare.ro agrointel.ro gov.ro data.gov.ro
  seap.gov.ro e-licitatie.ro`.split(/\s+/);

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NO_TOP_LEVEL = new Set(["localhost", "local", "internal", "lan", "home", "arpa", "test", "invalid"]);

/** Whether everybody can have a mailbox there: such a domain says nothing of a company. */
export const isFreeMailbox = (domain: string): boolean => FREE_MAILBOXES.has(domain.toLowerCase());

/** Whether it is a network, a directory or an office, or a host beneath one. */
export const isSharedHost = (domain: string): boolean =>
  SHARED_HOSTS.some((shared) => domain === shared || domain.endsWith(`.${shared}`));

/**
 * A host name in its plain form: lower case, ASCII (punycode), without "www." and the last dot. Null for what is no
 * name of the public internet: an address, a single word, an illegal name.
 */
export function cleanDomain(text: string): string | null {
  const host =
    URL.parse(`http://${text.trim()}`)
      ?.hostname.replace(/\.$/, "")
      .replace(/^www\d?\./, "") ?? "";
  const labels = host.split(".");
  const top = labels.at(-1) ?? "";
  const isName =
    host.length <= 253 &&
    labels.length >= 2 &&
    labels.every((label) => LABEL.test(label)) &&
    /^([a-z]{2,}|xn--.+)$/.test(top) &&
    !NO_TOP_LEVEL.has(top);
  return isName ? host : null;
}

/**
 * The company's own domain in a website column, which may hold "www.Agro-X.ro/", "http:// agro-x.ro; agro-y.ro",
 * "www,agro-x,ro", a Facebook page, an e-mail address or a dash. The first that may be its own; null if none.
 */
export function websiteDomain(text: string | null): string | null {
  if (text === null) return null;
  const candidates = text
    .slice(0, 500)
    .toLowerCase()
    .replace(/\bhttps?\s*:?\s*\/+\s*/g, " ")
    // A comma for a dot, within a word only.
    .replace(/(?<=\w),(?=\w)/g, ".")
    .split(/[\s;|,]+/);
  for (const candidate of candidates) {
    const address = mailDomain(candidate);
    if (candidate.includes("@") && !address) continue;
    const domain = address ?? cleanDomain(candidate.replace(/[/?#].*$/, ""));
    if (domain && !isFreeMailbox(domain) && !isSharedHost(domain)) return domain;
  }
  return null;
}

/** The domain of an e-mail address when it can be the company's own; null for free mailboxes and no addresses. */
export function mailDomain(email: string): string | null {
  const at = email.lastIndexOf("@");
  if (at < 1) return null;
  const domain = cleanDomain(email.slice(at + 1));
  return domain && !isFreeMailbox(domain) && !isSharedHost(domain) ? domain : null;
}
