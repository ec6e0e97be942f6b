/** Words that the sample registry is made of. Companies, people and streets are invented. */

export interface County {
  /** As the register writes it. */
  name: string;
  /** Number in registration numbers of the county. */
  code: number;
  postal: string;
  places: readonly string[];
}

export const counties: readonly County[] = [
  { name: "Alba", code: 1, postal: "51", places: ["Alba Iulia", "Aiud", "Blaj", "Sebeş"] },
  { name: "Arad", code: 2, postal: "31", places: ["Arad", "Ineu", "Pecica", "Chişineu-Criş"] },
  { name: "Argeș", code: 3, postal: "11", places: ["Piteşti", "Costești", "Topoloveni"] },
  { name: "Bihor", code: 5, postal: "41", places: ["Oradea", "Salonta", "Marghita", "Beiuş"] },
  { name: "Botoşani", code: 7, postal: "71", places: ["Botoşani", "Dorohoi", "Săveni"] },
  { name: "Brăila", code: 9, postal: "81", places: ["Brăila", "Însurăței", "Ianca"] },
  { name: "Buzău", code: 10, postal: "12", places: ["Buzău", "Râmnicu Sărat", "Pogoanele"] },
  { name: "Călăraşi", code: 51, postal: "91", places: ["Călărași", "Olteniţa", "Lehliu-Gară"] },
  { name: "Constanţa", code: 13, postal: "90", places: ["Constanța", "Medgidia", "Cobadin", "Hârşova"] },
  { name: "Dolj", code: 16, postal: "20", places: ["Craiova", "Băileşti", "Calafat", "Segarcea"] },
  { name: "Galaţi", code: 17, postal: "80", places: ["Galați", "Tecuci", "Târgu Bujor"] },
  { name: "Giurgiu", code: 52, postal: "08", places: ["Giurgiu", "Mihăileşti", "Bolintin-Vale"] },
  { name: "Ialomiţa", code: 21, postal: "92", places: ["Slobozia", "Urziceni", "Ţăndărei", "Fetești"] },
  { name: "IAȘI", code: 22, postal: "70", places: ["Iaşi", "Paşcani", "Hârlău"] },
  { name: "Olt", code: 28, postal: "23", places: ["Slatina", "Caracal", "Corabia"] },
  { name: "Satu Mare", code: 30, postal: "44", places: ["Satu Mare", "Carei", "Negrești-Oaș"] },
  { name: "Suceava", code: 33, postal: "72", places: ["Suceava", "Rădăuţi", "Fălticeni"] },
  { name: "Teleorman", code: 34, postal: "14", places: ["Alexandria", "Roșiorii de Vede", "Turnu Măgurele"] },
  { name: "Timiş", code: 35, postal: "30", places: ["Timișoara", "Lugoj", "Jimbolia", "Sânnicolau Mare"] },
  { name: "Tulcea", code: 36, postal: "82", places: ["Tulcea", "Babadag", "Măcin"] },
  { name: "Vaslui", code: 37, postal: "73", places: ["Vaslui", "Bârlad", "Huşi"] },
  { name: "Bucureşti", code: 40, postal: "06", places: ["București Sectorul 1", "Bucureşti Sectorul 6"] },
];

export const first = [
  "Agro",
  "Cereal",
  "Bio",
  "Terra",
  "Ferma",
  "Eco",
  "Lacto",
  "Horti",
  "Viti",
  "Pomi",
  "Zoo",
  "Granum",
];
export const second = [
  ...[
    "Câmpia",
    "Bărăgan",
    "Lunca",
    "Mănoasa",
    "Șesul",
    "Ţarina",
    "Ogorul",
    "Spicul",
    "Grânele",
    "Livada",
    "Podgoria",
  ],
  ...[
    "Izvorul",
    "Valea Verde",
    "Holda",
    "Brazda",
    "Hambarul",
    "Făgăraşul",
    "Prisaca",
    "Stâna",
    "Floarea",
    "Roua",
  ],
];
export const third = [
  "Prod",
  "Com",
  "Impex",
  "Plus",
  "Invest",
  "Nova",
  "Grup",
  "Serv",
  "Trading",
  "Star",
  "Sud",
  "Est",
];
export const familyNames = [
  ...[
    "Brănescu",
    "Cojocea",
    "Dărăbanț",
    "Frunzeanu",
    "Grânaru",
    "Holdeanu",
    "Ogoreanu",
    "Păşunaru",
    "Răzoreanu",
  ],
  ...["Secărea", "Țelinaru", "Vieraşu", "Zăvoianu", "Mălăeşteanu", "Ierbaru"],
];
export const givenNames = [
  "Ion",
  "Maria",
  "Gheorghe",
  "Elena",
  "Ștefan",
  "Ioana",
  "Vasile",
  "Ana",
  "Mihai",
  "Doina",
];
export const streets = [
  ...[
    "Fermei",
    "Câmpului",
    "Morii",
    "Gării",
    "Silozului",
    "Livezilor",
    "Școlii",
    "Bisericii",
    "Păcii",
    "Viilor",
  ],
  ...["Recoltei", "Grâului", "Ţărănească", "Florilor", "Stadionului"],
];

/** CAEN codes and how often each comes, of ten thousand; both revisions have them unless noted. */
export const caen: readonly { code: string; weight: number; revisions: readonly (2 | 3)[] }[] = [
  { code: "0111", weight: 4200, revisions: [2, 3] },
  { code: "0113", weight: 900, revisions: [2, 3] },
  { code: "0119", weight: 300, revisions: [2, 3] },
  { code: "0121", weight: 350, revisions: [2, 3] },
  { code: "0124", weight: 500, revisions: [2, 3] },
  { code: "0130", weight: 150, revisions: [2, 3] },
  { code: "0141", weight: 600, revisions: [2, 3] },
  { code: "0142", weight: 350, revisions: [2, 3] },
  { code: "0145", weight: 600, revisions: [2, 3] },
  { code: "0147", weight: 250, revisions: [2, 3] },
  { code: "0149", weight: 350, revisions: [2] },
  { code: "0148", weight: 150, revisions: [3] },
  { code: "0150", weight: 500, revisions: [2, 3] },
  { code: "0161", weight: 500, revisions: [2, 3] },
  { code: "0164", weight: 40, revisions: [2] },
  { code: "0322", weight: 60, revisions: [2, 3] },
  { code: "4621", weight: 200, revisions: [2, 3] },
];
