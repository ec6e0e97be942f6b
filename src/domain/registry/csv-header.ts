/** Which column of a file is which, told by its header. */
import { foldText } from "./text.ts";

/** What we read from a row; everything else in a file is left alone. */
export const registryFields = [
  "taxId",
  "name",
  "registrationNumber",
  "registeredOn",
  "euid",
  "legalForm",
  "county",
  "locality",
  "street",
  "streetNumber",
  "building",
  "staircase",
  "floor",
  "apartment",
  "postalCode",
  "sector",
  "addressExtra",
  "address",
  "website",
  "stateCode",
  "caen",
  "caenRevision",
] as const;
export type RegistryField = (typeof registryFields)[number];

/** For each field the index of its column, -1 where the file has none. */
export type RegistryColumns = Readonly<Record<RegistryField, number>>;

// Folded to letters and digits. The first that a header has wins, so the surest names stand first.
const NAMES: Record<RegistryField, readonly string[]> = {
  taxId: [
    ...[
      "cui",
      "cif",
      "codunicdeinregistrare",
      "codunicinregistrare",
      "codunic",
      "codfiscal",
      "codidentificarefiscala",
    ],
    ...[
      "codidentificare",
      "coddeidentificarefiscala",
      "codinregistrarefiscala",
      "cuicif",
      "cifcui",
      "codcui",
      "codcif",
    ],
    ...[
      "nrcui",
      "cuifirma",
      "ciffirma",
      "cuicompanie",
      "taxid",
      "taxcode",
      "taxnumber",
      "taxidentificationnumber",
    ],
    ...[
      "fiscalcode",
      "fiscalid",
      "companytaxid",
      "codtva",
      "vat",
      "vatid",
      "vatcode",
      "vatnumber",
      "vatno",
      "tin",
    ],
  ],
  name: [
    ...[
      "denumire",
      "denumirefirma",
      "denumiresocietate",
      "denumirecompanie",
      "numefirma",
      "numecompanie",
      "nume",
    ],
    ...[
      "societate",
      "firma",
      "companie",
      "companyname",
      "company",
      "legalname",
      "businessname",
      "organization",
      "name",
    ],
  ],
  registrationNumber: [
    ...[
      "codinmatriculare",
      "nrregcom",
      "numarregcom",
      "nrregistrulcomertului",
      "numarregistrulcomertului",
      "nrrc",
    ],
    ...["nrinmatriculare", "numarinmatriculare", "nrordineregcom", "regcom", "registrationnumber", "regno"],
  ],
  registeredOn: [
    "datainmatriculare",
    "datainregistrare",
    "datainfiintare",
    "registrationdate",
    "registeredon",
  ],
  euid: ["euid"],
  legalForm: ["formajuridica", "tipfirma", "legalform"],
  county: ["adrjudet", "judet", "judetul", "county"],
  locality: ["adrlocalitate", "localitate", "localitatea", "oras", "city", "locality", "town"],
  street: ["adrdenstrada", "strada", "denstrada", "street"],
  streetNumber: ["adrnrstrada", "nrstrada", "numarstrada", "streetnumber"],
  building: ["adrbloc", "bloc"],
  staircase: ["adrscara", "scara"],
  floor: ["adretaj", "etaj"],
  apartment: ["adrapartament", "apartament"],
  postalCode: ["adrcodpostal", "codpostal", "postalcode", "zip", "zipcode", "postcode"],
  sector: ["adrsector", "sector"],
  addressExtra: ["adrcompletare", "completare"],
  address: ["adresa", "adresacompleta", "adresasediu", "sediu", "sediusocial", "address"],
  website: ["web", "website", "site", "siteweb", "paginaweb", "url"],
  stateCode: ["codstare"],
  caen: ["codcaen", "caen", "codcaenprincipal", "caenprincipal", "codcaenautorizat", "nace", "nacecode"],
  caenRevision: ["vercaen", "versiunecaen", "vercaenautorizat", "revizie"],
};

/** A column's name for comparing: letters and digits, no case, no diacritics. `"Cod  Fiscal:"` is `codfiscal`. */
export const foldColumnName = (name: string): string => foldText(name).replace(/[^a-z0-9]+/g, "");

/** Finds our fields among a header's names, whatever their order, case and diacritics. */
export function readHeader(names: readonly string[]): RegistryColumns {
  const folded = names.map(foldColumnName);
  const entries = registryFields.map((field): [RegistryField, number] => {
    for (const name of NAMES[field]) {
      const index = folded.indexOf(name);
      if (index >= 0) return [field, index];
    }
    return [field, -1];
  });
  return Object.fromEntries(entries) as Record<RegistryField, number>;
}

/** The columns of the trade register's open-data export OD_FIRME.CSV, in its order. */
export const ONRC_HEADER = [
  ...[
    "DENUMIRE",
    "CUI",
    "COD_INMATRICULARE",
    "DATA_INMATRICULARE",
    "EUID",
    "FORMA_JURIDICA",
    "ADR_TARA",
    "ADR_JUDET",
  ],
  ...[
    "ADR_LOCALITATE",
    "ADR_DEN_STRADA",
    "ADR_NR_STRADA",
    "ADR_BLOC",
    "ADR_SCARA",
    "ADR_ETAJ",
    "ADR_APARTAMENT",
  ],
  ...["ADR_COD_POSTAL", "ADR_SECTOR", "ADR_COMPLETARE", "WEB", "TARA_FIRMA_MAMA"],
] as const;
