import type { Page } from "#src/domain/web/site.ts";

/** A page that says nothing but what it is given. */
export const webPage = (changes: Partial<Page> = {}): Page => ({
  url: "https://agro.example/",
  title: null,
  description: null,
  text: "",
  links: [],
  generator: null,
  scripts: [],
  stylesheets: [],
  cookies: [],
  headers: {},
  ...changes,
});
