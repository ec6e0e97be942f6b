/**
 * What ANAF's VAT and taxpayer service v9 answers, and what we make of it. Sources as in client.ts.
 *
 * Lenient on form: values may be missing, null, "" or " ", numbers may be strings, sub-objects appear without a new
 * version. Strict on meaning: a value that we use and cannot read makes its record malformed, and no other.
 */
import { z } from "zod";
import { cleanRegistrationNumber } from "#src/domain/registry/registration-number.ts";
import { readDate } from "#src/domain/registry/registry-row.ts";
import { blankToNull, padded, part, pathsOf, taxId, text } from "../lenient.ts";

/** A day, ISO 8601; null where the register has none. */
type Day = string | null;

export interface AnafAddress {
  street: string | null;
  number: string | null;
  locality: string | null;
  /** The register's own code of the locality within its county; not SIRUTA. */
  localityCode: string | null;
  county: string | null;
  countyCode: string | null;
  /** As on number plates: "IL", "B". */
  countyPlate: string | null;
  country: string | null;
  details: string | null;
  /** Six digits. */
  postalCode: string | null;
}

export interface AnafVatPeriod {
  from: Day;
  to: Day;
  cancelledOn: Day;
  message: string | null;
}

/** A taxpayer as ANAF describes it on `asOf`. Texts are clean, with personal numbers masked; null: not known. */
export interface AnafCompany {
  cui: number;
  /** The day that the answer is about. */
  asOf: Day;
  name: string | null;
  address: string | null;
  /** Often the owner's own mobile: personal data. */
  phone: string | null;
  fax: string | null;
  /** Six digits. */
  postalCode: string | null;
  /** The act of authorisation, for those that have one. */
  authorisation: string | null;
  /** In the register's words, such as "INREGISTRAT din data 12.03.2009" or "RADIERE din data 03.04.2019". */
  registrationState: string | null;
  /** The day in those words. */
  registrationStateOn: Day;
  registeredOn: Day;
  /** Struck off: by the words of its state, or by a day of striking off. Such companies are still returned. */
  deregistered: boolean;
  deregisteredOn: Day;
  taxOffice: string | null;
  ownership: string | null;
  organisation: string | null;
  legalForm: string | null;
  /** As given: J21/111/2009 of old, J2009000111219 since 2024. */
  registrationNumber: string | null;
  registrationNumberKind: "old" | "new" | "other" | null;
  /** By the letter of its number: F are sole traders and family enterprises. Null without a number. */
  isNaturalPerson: boolean | null;
  /** CAEN code, four digits. ANAF does not say of which revision. */
  caen: string | null;
  /** Unreliable: false for companies that do send e-invoices. */
  eInvoice: boolean | null;
  eInvoiceSince: Day;
  vat: { registered: boolean | null; periods: AnafVatPeriod[] };
  cashVat: {
    active: boolean | null;
    from: Day;
    to: Day;
    updatedOn: Day;
    publishedOn: Day;
    act: string | null;
  };
  inactive: { inactive: boolean | null; from: Day; reactivatedOn: Day; publishedOn: Day };
  splitVat: { active: boolean | null; from: Day; to: Day };
  registeredOffice: AnafAddress | null;
  fiscalResidence: AnafAddress | null;
}

/** One taxpayer's answer: a company, or where its record could not be read (paths, never values). */
export type AnafRecord = { company: AnafCompany } | { malformed: string[] };

export interface AnafAnswer {
  /** By tax id. A tax id that is in neither was left out by ANAF. */
  found: Map<number, AnafRecord>;
  notFound: Set<number>;
  /** Records without a readable tax id, which nobody can be told about. */
  unattributed: number;
}

const envelope = z.looseObject({
  found: z.array(z.unknown()).nullish(),
  notFound: z.array(z.unknown()).nullish(),
});

/** @returns null when this is no answer of the service */
export function readAnswer(body: unknown): AnafAnswer | null {
  const parsed = envelope.safeParse(body);
  if (!parsed.success || (!parsed.data.found && !parsed.data.notFound)) return null;
  const answer: AnafAnswer = { found: new Map(), notFound: new Set(), unattributed: 0 };
  for (const raw of parsed.data.found ?? []) {
    const id = identity.safeParse(raw);
    if (id.success) answer.found.set(id.data.date_generale.cui, readRecord(raw));
    else answer.unattributed++;
  }
  for (const raw of parsed.data.notFound ?? []) {
    const id = taxId.safeParse(raw);
    if (id.success) answer.notFound.add(id.data);
    else answer.unattributed++;
  }
  return answer;
}

function readRecord(raw: unknown): AnafRecord {
  const parsed = record.safeParse(raw);
  if (parsed.success) return { company: toCompany(parsed.data) };
  return { malformed: pathsOf(parsed.error) };
}

// Unlike the rest, a registration number may be 13 digits behind a letter without being somebody's.
const registrationNumber = z
  .preprocess(blankToNull, z.string().max(200).nullable())
  .transform((value) => (value === null ? null : cleanRegistrationNumber(value)));

const day = text.transform((value) => (value === null ? null : readDate(value)));

const flag = z.preprocess((value) => {
  const word = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (word === undefined || word === "") return null;
  if (word === "true" || word === "1" || word === 1) return true;
  return word === "false" || word === "0" || word === 0 ? false : word;
}, z.boolean().nullable());

const identity = z.looseObject({ date_generale: z.looseObject({ cui: taxId }) });

const period = z.looseObject({
  data_inceput_ScpTVA: day,
  data_sfarsit_ScpTVA: day,
  data_anul_imp_ScpTVA: day,
  mesaj_ScpTVA: text,
});

const periods = z.preprocess((value) => {
  const given = blankToNull(value) ?? [];
  return Array.isArray(given) ? given.filter((entry) => entry !== null) : [given];
}, z.array(period));

const record = z.looseObject({
  date_generale: z.looseObject({
    cui: taxId,
    data: day,
    denumire: text,
    adresa: text,
    telefon: text,
    fax: text,
    codPostal: padded(6),
    act: text,
    stare_inregistrare: text,
    data_inreg_Reg_RO_e_Factura: day,
    organFiscalCompetent: text,
    forma_de_proprietate: text,
    forma_organizare: text,
    forma_juridica: text,
    statusRO_e_Factura: flag,
    data_inregistrare: day,
    nrRegCom: registrationNumber,
    cod_CAEN: padded(4),
  }),
  inregistrare_scop_Tva: part({ scpTVA: flag, perioade_TVA: periods }),
  inregistrare_RTVAI: part({
    statusTvaIncasare: flag,
    dataInceputTvaInc: day,
    dataSfarsitTvaInc: day,
    dataActualizareTvaInc: day,
    dataPublicareTvaInc: day,
    tipActTvaInc: text,
  }),
  stare_inactiv: part({
    statusInactivi: flag,
    dataInactivare: day,
    dataReactivare: day,
    dataPublicare: day,
    dataRadiere: day,
  }),
  inregistrare_SplitTVA: part({ statusSplitTVA: flag, dataInceputSplitTVA: day, dataAnulareSplitTVA: day }),
  adresa_sediu_social: part({
    sdenumire_Strada: text,
    snumar_Strada: text,
    sdenumire_Localitate: text,
    scod_Localitate: text,
    sdenumire_Judet: text,
    scod_Judet: text,
    scod_JudetAuto: text,
    stara: text,
    sdetalii_Adresa: text,
    scod_Postal: padded(6),
  }),
  adresa_domiciliu_fiscal: part({
    ddenumire_Strada: text,
    dnumar_Strada: text,
    ddenumire_Localitate: text,
    dcod_Localitate: text,
    ddenumire_Judet: text,
    dcod_Judet: text,
    dcod_JudetAuto: text,
    dtara: text,
    ddetalii_Adresa: text,
    dcod_Postal: padded(6),
  }),
});

type RawRecord = z.infer<typeof record>;

function toCompany(raw: RawRecord): AnafCompany {
  const { date_generale: general, stare_inactiv: inactive, inregistrare_RTVAI: cash } = raw;
  const { inregistrare_scop_Tva: vat, inregistrare_SplitTVA: split } = raw;
  const state = general.stare_inregistrare;
  const struckOff = state !== null && /^RADIER/i.test(state);
  const stateOn = readDate(/\d{1,2}\.\d{1,2}\.\d{4}/.exec(state ?? "")?.[0] ?? "");
  return {
    cui: general.cui,
    asOf: general.data,
    name: general.denumire,
    address: general.adresa,
    phone: general.telefon,
    fax: general.fax,
    postalCode: general.codPostal,
    authorisation: general.act,
    registrationState: state,
    registrationStateOn: stateOn,
    registeredOn: general.data_inregistrare,
    deregistered: struckOff || inactive.dataRadiere !== null,
    deregisteredOn: inactive.dataRadiere ?? (struckOff ? stateOn : null),
    taxOffice: general.organFiscalCompetent,
    ownership: general.forma_de_proprietate,
    organisation: general.forma_organizare,
    legalForm: general.forma_juridica,
    registrationNumber: general.nrRegCom,
    registrationNumberKind: kindOf(general.nrRegCom),
    isNaturalPerson: general.nrRegCom?.startsWith("F") ?? null,
    caen: general.cod_CAEN,
    eInvoice: general.statusRO_e_Factura,
    eInvoiceSince: general.data_inreg_Reg_RO_e_Factura,
    vat: {
      registered: vat.scpTVA,
      periods: vat.perioade_TVA.map((entry) => ({
        from: entry.data_inceput_ScpTVA,
        to: entry.data_sfarsit_ScpTVA,
        cancelledOn: entry.data_anul_imp_ScpTVA,
        message: entry.mesaj_ScpTVA,
      })),
    },
    cashVat: {
      active: cash.statusTvaIncasare,
      from: cash.dataInceputTvaInc,
      to: cash.dataSfarsitTvaInc,
      updatedOn: cash.dataActualizareTvaInc,
      publishedOn: cash.dataPublicareTvaInc,
      act: cash.tipActTvaInc,
    },
    inactive: {
      inactive: inactive.statusInactivi,
      from: inactive.dataInactivare,
      reactivatedOn: inactive.dataReactivare,
      publishedOn: inactive.dataPublicare,
    },
    splitVat: {
      active: split.statusSplitTVA,
      from: split.dataInceputSplitTVA,
      to: split.dataAnulareSplitTVA,
    },
    registeredOffice: registeredOffice(raw.adresa_sediu_social),
    fiscalResidence: fiscalResidence(raw.adresa_domiciliu_fiscal),
  };
}

function kindOf(number: string | null): AnafCompany["registrationNumberKind"] {
  if (number === null) return null;
  if (/^[A-Z]\d{13}$/.test(number)) return "new";
  return /^[A-Z]\d{1,2}\/\d+\/[\d.]+$/.test(number) ? "old" : "other";
}

const registeredOffice = (raw: RawRecord["adresa_sediu_social"]) =>
  orNull({
    street: raw.sdenumire_Strada,
    number: raw.snumar_Strada,
    locality: raw.sdenumire_Localitate,
    localityCode: raw.scod_Localitate,
    county: raw.sdenumire_Judet,
    countyCode: raw.scod_Judet,
    countyPlate: raw.scod_JudetAuto,
    country: raw.stara,
    details: raw.sdetalii_Adresa,
    postalCode: raw.scod_Postal,
  });

const fiscalResidence = (raw: RawRecord["adresa_domiciliu_fiscal"]) =>
  orNull({
    street: raw.ddenumire_Strada,
    number: raw.dnumar_Strada,
    locality: raw.ddenumire_Localitate,
    localityCode: raw.dcod_Localitate,
    county: raw.ddenumire_Judet,
    countyCode: raw.dcod_Judet,
    countyPlate: raw.dcod_JudetAuto,
    country: raw.dtara,
    details: raw.ddetalii_Adresa,
    postalCode: raw.dcod_Postal,
  });

const orNull = (address: AnafAddress): AnafAddress | null =>
  Object.values(address).every((value) => value === null) ? null : address;
