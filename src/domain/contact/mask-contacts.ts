/** Contacts in free text, such as an error's message: replaced before anybody keeps it. */

const EMAIL = /[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.[^\s@<>"'(),;:]+/g;
/** With a country code, or a Romanian number with its leading zero; not within ids, dates or longer numbers. */
const ABROAD = /(?<!\w)(?:\+|(?<![.:-])00)[1-9]\d{0,2}(?:[ ().-]{0,2}\d){6,12}(?![\w-])/g;
const AT_HOME = /(?<![\w.:-])\(?0[237]\d\)?(?:[ .-]?\d){7}(?![\w-])/g;

/** The text with its e-mail addresses and phone numbers replaced. */
export const maskContacts = (text: string): string =>
  text.replace(EMAIL, "[e-mail]").replace(ABROAD, "[phone]").replace(AT_HOME, "[phone]");
