import { APOLLO } from "#src/providers/apollo/client.ts";
import { HUNTER } from "#src/providers/hunter/client.ts";
import { SNOV } from "#src/providers/snov/client.ts";
import { askProvider } from "../ask-provider.ts";
import { defineField } from "../define-field.ts";
import { contactPersonOf, domainOf, EmailDiscovery, pickEmail, pickFinding } from "../email-facts.ts";

/**
 * Which e-mail address has this company? The firm's own mailbox is preferred to anybody's. Needs its domain; sources
 * that go by name are asked only where a contact person is known. A score below 80 counts as not found.
 */
export const emailDiscovery = defineField({
  id: "email-discovery",
  schema: EmailDiscovery,
  // The field's limit is 300 prospects a minute. It is kept where prospects are counted, by the window of the first
  // source; starts of runs are chunks of up to a hundred, of which many have no domain.
  concurrency: 4,
  retries: 8,
  sources: [
    askProvider({
      provider: HUNTER,
      operation: (deps) => deps.providers.hunter?.domainSearch,
      subject: domainOf,
      pick: ({ emails }) => pickEmail(emails),
    }),
    askProvider({
      provider: HUNTER,
      operation: (deps) => deps.providers.hunter?.findEmail,
      subject: contactPersonOf,
      pick: (finding, target) => pickFinding(finding, contactPersonOf(target)),
    }),
    askProvider({
      provider: SNOV,
      operation: (deps) => deps.providers.snov?.findEmails,
      subject: contactPersonOf,
      pick: (email, target) => pickEmail([{ ...email, name: nameOf(target) }]),
    }),
    askProvider({
      provider: SNOV,
      operation: (deps) => deps.providers.snov?.genericContacts,
      subject: domainOf,
      pick: ({ emails }) => pickEmail(emails),
    }),
    askProvider({
      provider: APOLLO,
      operation: (deps) => deps.providers.apollo?.matchPerson,
      subject: contactPersonOf,
      pick: (email, target) => pickEmail([{ ...email, name: nameOf(target) }]),
    }),
  ],
});

function nameOf(target: Parameters<typeof contactPersonOf>[0]): string | null {
  const person = contactPersonOf(target);
  return person && `${person.firstName} ${person.lastName}`;
}
