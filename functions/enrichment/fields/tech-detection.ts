import { z } from "zod";
import { sellsOnline, technologiesOf } from "#src/domain/web/technologies.ts";
import { defineField } from "../define-field.ts";
import { siteSources } from "../site-source.ts";

const TechDetection = z.object({
  /** Empty: none that we know. */
  technologies: z.array(z.object({ name: z.string(), category: z.string() })),
  sellsOnline: z.boolean(),
});

/** A mark on a page is plain to see; that there is none may only mean that we do not know it. */
const CONFIDENCE_PCT = { some: 90, none: 50 } as const;

/** What the company's site is made with. Sources: the pages that web-content has read on the same day. */
export const techDetection = defineField({
  id: "tech-detection",
  schema: TechDetection,
  concurrency: 10,
  retries: 4,
  sources: siteSources(({ pages }) => {
    const technologies = technologiesOf(pages);
    return {
      value: { technologies, sellsOnline: sellsOnline(technologies) },
      confidencePct: technologies.length > 0 ? CONFIDENCE_PCT.some : CONFIDENCE_PCT.none,
    };
  }),
});
