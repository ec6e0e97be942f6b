/**
 * The invented company behind a tax id, as all simulated providers know it: what one says fits what the others say.
 * Domains end in `.example`, which nobody can own (RFC 2606); numbers of phones are within Romanian ranges.
 */
import { between, chance, isAmong, pick } from "./chance.ts";

export interface SimulatedPerson {
  firstName: string;
  lastName: string;
  position: string;
  email: string;
}

export interface SimulatedCompany {
  cui: number;
  /** Sole traders have no site, no staff and little else. */
  isSoleTrader: boolean;
  /** Null: it is not on the web. The tax id can be read back from it: {@link cuiOfDomain}. */
  domain: string | null;
  /** Where mail can be sent to; empty without a domain. */
  genericEmails: readonly string[];
  people: readonly SimulatedPerson[];
  /** E.164. */
  phones: readonly string[];
  /** Lei, of the last financial year. */
  turnoverRon: number;
  netResultRon: number;
  debtsRon: number;
  equityRon: number;
  employees: number;
  courtCases: number;
  taxDebtsRon: number;
  insolvent: boolean;
  /** 0 (sound) to 100. */
  riskScore: number;
}

const GIVEN = [
  "Ion",
  "Maria",
  "Gheorghe",
  "Stefan",
  "Elena",
  "Ilie",
  "Ana",
  "Vasile",
  "Ioana",
  "Mihai",
] as const;
const FAMILY = ["Popescu", "Ionescu", "Munteanu", "Rusu", "Ciobanu", "Stanescu", "Lungu", "Dobre"] as const;
const POSITIONS = ["Administrator", "Director", "Inginer agronom", "Contabil"] as const;
const WORDS = ["agro", "ferma", "cereal", "terra", "livada", "podgoria"] as const;
const GENERIC = ["office", "contact", "comenzi", "ferma"] as const;

export function simulatedCompany(cui: number): SimulatedCompany {
  const isSoleTrader = isAmong(cui, "sole trader", 6);
  const domain =
    !isSoleTrader && isAmong(cui, "website", 55) ? `${pick(cui, "domain", WORDS)}-${cui}.example` : null;
  const turnoverRon = isSoleTrader ? between(cui, "turnover", 10, 300) * 1_000 : turnoverOf(cui);
  const profit = chance(cui, "profit");
  const staff = domain === null ? [] : Array.from({ length: between(cui, "people", 0, 3) }, (_, n) => n);
  return {
    cui,
    isSoleTrader,
    domain,
    genericEmails:
      domain === null || !isAmong(cui, "generic mail", 85)
        ? []
        : [`${pick(cui, "generic", GENERIC)}@${domain}`],
    people: staff.map((n) => {
      const firstName = pick(cui, `given ${n}`, GIVEN);
      const lastName = pick(cui, `family ${n}`, FAMILY);
      const email = `${firstName}.${lastName}.${n + 1}@${domain}`.toLowerCase();
      return {
        firstName,
        lastName,
        position: n === 0 ? POSITIONS[0] : pick(cui, `position ${n}`, POSITIONS),
        email,
      };
    }),
    phones: [
      ...(isAmong(cui, "mobile phone", 70)
        ? [`+407${between(cui, "mobile number", 20_000_000, 79_999_999)}`]
        : []),
      ...(isAmong(cui, "landline", 40)
        ? [`+4024${between(cui, "landline number", 3_000_000, 9_999_999)}`]
        : []),
    ],
    turnoverRon,
    netResultRon: Math.round(turnoverRon * (profit * 0.3 - 0.08)),
    debtsRon: Math.round(turnoverRon * chance(cui, "debts") * 0.6),
    equityRon: Math.round(turnoverRon * chance(cui, "equity") * 0.9),
    employees: isSoleTrader
      ? between(cui, "employees", 0, 2)
      : Math.round(turnoverRon / 600_000) + between(cui, "employees", 0, 5),
    courtCases: isAmong(cui, "court", 12) ? between(cui, "court cases", 1, 9) : 0,
    taxDebtsRon: isAmong(cui, "tax debts", 9) ? between(cui, "tax debt", 1, 400) * 1_000 : 0,
    insolvent: isAmong(cui, "insolvent", 1.5),
    riskScore: between(cui, "risk", 5, 95),
  };
}

/** The tax id of the company whose domain (or a host beneath it) this is; null for other hosts. */
export function cuiOfDomain(host: string): number | null {
  const match = /(?:^|\.)([a-z]+)-(\d{2,10})\.example$/.exec(host.toLowerCase());
  if (!match) return null;
  const cui = Number(match[2]);
  return simulatedCompany(cui).domain === `${match[1]}-${match[2]}.example` ? cui : null;
}

/** Many small ones, few large ones. */
function turnoverOf(cui: number): number {
  const rank = chance(cui, "turnover");
  return Math.round((40_000 * 10 ** (rank * rank * 3.2)) / 1_000) * 1_000;
}
