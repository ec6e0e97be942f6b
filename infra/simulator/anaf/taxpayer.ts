/**
 * The simulated taxpayer behind a tax id, in the shape of ANAF's v9 answers and with their oddities: cedilla letters,
 * CAEN codes without their leading zero, " " for nothing. Everything is invented.
 */
import { between, chance, isAmong, pick } from "../chance.ts";

const COUNTIES = [
  { name: "ALBA", code: 1, plate: "AB" },
  { name: "ARAD", code: 2, plate: "AR" },
  { name: "ARGEŞ", code: 3, plate: "AG" },
  { name: "BACĂU", code: 4, plate: "BC" },
  { name: "BIHOR", code: 5, plate: "BH" },
  { name: "BOTOŞANI", code: 7, plate: "BT" },
  { name: "BRĂILA", code: 9, plate: "BR" },
  { name: "BUZĂU", code: 10, plate: "BZ" },
  { name: "CĂLĂRAŞI", code: 51, plate: "CL" },
  { name: "CONSTANŢA", code: 13, plate: "CT" },
  { name: "DOLJ", code: 16, plate: "DJ" },
  { name: "GALAŢI", code: 17, plate: "GL" },
  { name: "IALOMIŢA", code: 21, plate: "IL" },
  { name: "IAŞI", code: 22, plate: "IS" },
  { name: "MUREŞ", code: 26, plate: "MS" },
  { name: "NEAMŢ", code: 27, plate: "NT" },
  { name: "OLT", code: 28, plate: "OT" },
  { name: "TELEORMAN", code: 34, plate: "TR" },
  { name: "TIMIŞ", code: 35, plate: "TM" },
  { name: "TULCEA", code: 36, plate: "TL" },
  { name: "VASLUI", code: 37, plate: "VS" },
  { name: "MUNICIPIUL BUCUREŞTI", code: 40, plate: "B" },
] as const;

const FIRST_WORDS = [
  "AGRO",
  "AGROFERM",
  "AGROIND",
  "CEREAL",
  "TERRA",
  "FERMA",
  "HOLDE",
  "PODGORIA",
  "LIVADA",
  "ZOOTEH",
  "GRÂUL",
  "VERDE",
] as const;
const SECOND_WORDS = [
  "BĂRĂGAN",
  "CÂMPIA",
  "DUNĂREA",
  "SIRET",
  "MUREŞUL",
  "DELTA",
  "BOGDAN",
  "MIHĂIŢĂ",
  "SPORUL",
  "ŢARINA",
  "PROD",
  "BELŞUG",
  "RODNICA",
  "CRIŞUL",
  "OLTENIŢA",
] as const;
const SURNAMES = [
  "POPESCU",
  "IONESCU",
  "DUMITRAŞCU",
  "STĂNESCU",
  "MUNTEANU",
  "ŢURCANU",
  "RUSU",
  "CIOBANU",
] as const;
const GIVEN_NAMES = ["ION", "MARIA", "GHEORGHE", "ŞTEFAN", "ELENA", "ILIE"] as const;
const VILLAGES = [
  "Sat Exemplu",
  "Sat Mărăşeşti de Jos",
  "Sat Ţigăneşti",
  "Sat Grădiştea",
  "Sat Lunca",
  "Sat Valea Mare",
] as const;
const STREETS = [
  "Fermei",
  "Principală",
  "Ştefan cel Mare",
  "Grânarului",
  "Viilor",
  "Păcii",
  "Ţărăncuţei",
] as const;
/** As ANAF writes them: 0111 is "111". The weights are those of the sample: cereals first. */
const CAEN = [
  "111",
  "111",
  "111",
  "111",
  "113",
  "119",
  "121",
  "124",
  "141",
  "145",
  "146",
  "147",
  "149",
  "150",
  "161",
  "163",
  "210",
  "312",
  "4621",
  "1061",
] as const;

export interface SimulatedTaxpayer {
  date_generale: Record<string, unknown>;
  [part: string]: unknown;
}

/** @param asOf the day asked about, echoed */
export function simulateTaxpayer(cui: number, asOf: string): SimulatedTaxpayer {
  const county = pick(cui, "county", COUNTIES);
  const year = between(cui, "year", 1991, 2025);
  const registered = isoDay(year, between(cui, "month", 1, 12), between(cui, "day", 1, 28));
  const isPerson = isAmong(cui, "sole trader", 6);
  const struckOff = isAmong(cui, "struck off", 2.5);
  const endYear = between(cui, "end year", Math.min(year + 1, 2025), 2025);
  const endDay = isoDay(endYear, between(cui, "end month", 1, 12), between(cui, "end day", 1, 28));
  // Some are only struck off by the words of their state, as at the real register.
  const struckOffOn = struckOff && isAmong(cui, "struck off date", 60) ? endDay : empty(cui, "no end");
  const inactive = !struckOff && isAmong(cui, "inactive", 3);
  const vatNow = !struckOff && !inactive && isAmong(cui, "vat", isPerson ? 12 : 58);
  const vatBefore = !vatNow && isAmong(cui, "former vat", 15);
  const cash = vatNow && isAmong(cui, "cash vat", 8);
  const village = pick(cui, "village", VILLAGES);
  const locality =
    county.plate === "B" ? `Sector ${between(cui, "sector", 1, 6)}` : `${village} Com. Exemplu`;
  const street = pick(cui, "street", STREETS);
  const number = String(between(cui, "number", 1, 240));
  // Bucharest's postal codes begin with 0, which ANAF loses.
  const postalCode =
    county.plate === "B"
      ? String(between(cui, "postal", 10_011, 62_399))
      : String(between(cui, "postal", 105_100, 927_250));
  const fiscalElsewhere = isAmong(cui, "fiscal elsewhere", 5);

  return {
    date_generale: {
      cui,
      data: asOf,
      denumire: nameOf(cui, isPerson),
      adresa: `JUD. ${county.name}, ${locality.toUpperCase()}, STR. ${street.toUpperCase()}, NR.${number}${slipOf(cui, isPerson)}`,
      telefon: isAmong(cui, "phone", 22) ? phoneOf(cui) : empty(cui, "phone"),
      fax: empty(cui, "fax"),
      codPostal: postalCode,
      act: empty(cui, "act"),
      stare_inregistrare: stateOf(cui, struckOff, registered, endDay),
      data_inreg_Reg_RO_e_Factura: isAmong(cui, "e-invoice", 6) ? "2024-07-01" : "",
      organFiscalCompetent: `Administraţia Judeţeană a Finanţelor Publice ${titleCase(county.name)}`,
      forma_de_proprietate: "PROPR.PRIVATA-CAPITAL PRIVAT AUTOHTON",
      forma_organizare: isPerson ? "PERSOANA FIZICA" : "PERSOANA JURIDICA",
      forma_juridica: isPerson ? "PERSOANĂ FIZICĂ AUTORIZATĂ" : "SOCIETATE COMERCIALĂ CU RĂSPUNDERE LIMITATĂ",
      statusRO_e_Factura: isAmong(cui, "e-invoice", 6),
      data_inregistrare: registered,
      nrRegCom: registrationNumberOf(cui, isPerson, year, county.code),
      cod_CAEN: pick(cui, "caen", CAEN),
      iban: "",
    },
    inregistrare_scop_Tva: { scpTVA: vatNow, ...vatPeriods(vatNow, vatBefore, registered, endDay) },
    inregistrare_RTVAI: {
      dataInceputTvaInc: cash ? "2014-01-01" : "",
      dataSfarsitTvaInc: "",
      dataActualizareTvaInc: cash ? "2014-01-03" : "",
      dataPublicareTvaInc: cash ? "2014-01-04" : "",
      tipActTvaInc: cash ? "Inregistrare" : "",
      statusTvaIncasare: cash,
    },
    stare_inactiv: {
      dataInactivare: inactive ? endDay : "",
      dataReactivare: "",
      dataPublicare: inactive ? endDay : "",
      dataRadiere: struckOffOn,
      statusInactivi: inactive,
    },
    inregistrare_SplitTVA: { dataInceputSplitTVA: "", dataAnulareSplitTVA: "", statusSplitTVA: false },
    adresa_sediu_social: addressOf("s", { street, number, locality, county, postalCode }),
    adresa_domiciliu_fiscal: addressOf("d", {
      street: fiscalElsewhere ? "Gării" : street,
      number,
      locality,
      county,
      postalCode,
    }),
  };
}

const empty = (cui: number, purpose: string): string => (isAmong(cui, `blank ${purpose}`, 30) ? " " : "");

const isoDay = (year: number, month: number, day: number): string =>
  `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;

const romanianDay = (iso: string): string => iso.split("-").reverse().join(".");

const titleCase = (text: string): string =>
  text.toLowerCase().replace(/(^|\s)\S/gu, (letter) => letter.toUpperCase());

function nameOf(cui: number, isPerson: boolean): string {
  if (isPerson) {
    const form = pick(cui, "person form", ["PERSOANĂ FIZICĂ AUTORIZATĂ", "ÎNTREPRINDERE INDIVIDUALĂ"]);
    return `${pick(cui, "surname", SURNAMES)} ${pick(cui, "given", GIVEN_NAMES)} ${form}`;
  }
  const serial = isAmong(cui, "numbered name", 40) ? ` ${between(cui, "name year", 1994, 2024)}` : "";
  const ending = pick(cui, "ending", ["S.R.L.", "S.R.L.", "SRL", "S.A."]);
  return `${pick(cui, "first", FIRST_WORDS)} ${pick(cui, "second", SECOND_WORDS)}${serial} ${ending}`;
}

/** Half the numbers are the owner's own mobile. */
const phoneOf = (cui: number): string =>
  isAmong(cui, "mobile", 50)
    ? `07${between(cui, "mobile number", 20_000_000, 79_999_999)}`
    : `02${between(cui, "landline", 30_000_000, 69_999_999)}`;

function stateOf(cui: number, struckOff: boolean, registered: string, ended: string): string {
  if (struckOff) return `RADIERE din data ${romanianDay(ended)}`;
  const words = isAmong(cui, "moved", 4) ? "TRANSFER(SOSIRE)" : "INREGISTRAT";
  return `${words} din data ${romanianDay(registered)}`;
}

/** Old form (J21/111/2009) or the one since 2024: letter, year, serial of six digits, county, check digit. */
function registrationNumberOf(cui: number, isPerson: boolean, year: number, county: number): string {
  const letter = isPerson ? "F" : "J";
  const serial = between(cui, "serial", 1, 9_999);
  const countyCode = String(county).padStart(2, "0");
  if (isAmong(cui, "old number", 45)) return `${letter}${countyCode}/${serial}/${year}`;
  const body = `${year}${String(serial).padStart(6, "0")}${countyCode}`;
  return `${letter}${body}${Math.floor(chance(cui, "check") * 10)}`;
}

function vatPeriods(
  now: boolean,
  before: boolean,
  registered: string,
  ended: string,
): Record<string, unknown> {
  if (!now && !before) return {};
  const period = {
    data_inceput_ScpTVA: registered,
    data_sfarsit_ScpTVA: before ? ended : "",
    data_anul_imp_ScpTVA: before ? ended : "",
    mesaj_ScpTVA: before ? "Scoaterea din evidenţă ca persoană impozabilă în scopuri de TVA" : "",
  };
  return { perioade_TVA: [period] };
}

interface Place {
  street: string;
  number: string;
  locality: string;
  county: (typeof COUNTIES)[number];
  postalCode: string;
}

/** Both addresses have the same parts, under names that begin with s or d. */
function addressOf(prefix: "s" | "d", place: Place): Record<string, string> {
  const parts = {
    denumire_Strada: `Str. ${place.street}`,
    numar_Strada: place.number,
    denumire_Localitate: place.locality,
    cod_Localitate: "170",
    denumire_Judet: place.county.name,
    cod_Judet: String(place.county.code),
    cod_JudetAuto: place.county.plate,
    tara: "",
    detalii_Adresa: "",
    cod_Postal: place.postalCode,
  };
  return Object.fromEntries(Object.entries(parts).map(([name, value]) => [`${prefix}${name}`, value]));
}

/** Clerks slip: now and then a sole trader's address carries an (invented) personal number. */
function slipOf(cui: number, isPerson: boolean): string {
  if (!isPerson || !isAmong(cui, "slip", 10)) return "";
  const day = String(between(cui, "birth day", 1, 28)).padStart(2, "0");
  const month = String(between(cui, "birth month", 1, 12)).padStart(2, "0");
  const year = String(between(cui, "birth year", 50, 99));
  const serial = String(between(cui, "birth serial", 1, 999)).padStart(3, "0");
  const body = `1${year}${month}${day}21${serial}`;
  const sum = [...body].reduce(
    (total, digit, index) => total + Number(digit) * Number("279146358279"[index]),
    0,
  );
  return `, CNP ${body}${sum % 11 === 10 ? 1 : sum % 11}`;
}
