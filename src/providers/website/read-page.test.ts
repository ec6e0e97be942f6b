import { describe, expect, it } from "vitest";
import { decodeHtml, readPage } from "./read-page.ts";

const read = (html: string, headers = {}) => readPage("https://agro.ro/contact", html, headers);

describe("what is kept of a page", () => {
  it("is what a visitor sees, and what it is made with", () => {
    const page = read(
      `<!DOCTYPE html><html><head><title> Agro
        X </title><meta name="Description" content="Cereale"><meta name=generator content="WordPress 6.8">
        <script src="/wp-includes/a.js"></script><script>fbq('init', '1')</script><style>p{}</style>
        <link rel="stylesheet" href="//cdn.ro/b.css"></head>
        <body><p>Tel:<br>0722&nbsp;123 456</p><p>Strada</p><!-- x --><script>var hidden</script>
        <a href="despre#x"> Despre <b>noi</b></a> <a href="javascript:x()">js</a> <a href="mailto:a@agro.ro">Scrie</a>
        <noscript>Porniți JavaScript</noscript></body></html>`,
      { "set-cookie": ["PHPSESSID=abc; path=/"], server: "nginx", "x-secret": "1" },
    );
    expect(page).toEqual({
      url: "https://agro.ro/contact",
      title: "Agro X",
      description: "Cereale",
      text: "Tel: 0722 123 456 Strada Despre noi js Scrie",
      links: [
        { url: "https://agro.ro/despre#x", text: "Despre noi" },
        { url: "mailto:a@agro.ro", text: "Scrie" },
      ],
      generator: "WordPress 6.8",
      scripts: ["https://agro.ro/wp-includes/a.js", "fbq('init', '1')", "var hidden"],
      stylesheets: ["https://cdn.ro/b.css"],
      cookies: ["PHPSESSID"],
      headers: { server: "nginx" },
    });
  });

  it("has addresses that Cloudflare hides, and no personal number", () => {
    const hex = [7, ..."a@b.ro"].map((c) => (typeof c === "number" ? c : c.charCodeAt(0) ^ 7));
    const page = read(
      `<a data-cfemail="${Buffer.from(hex).toString("hex")}">[email protected]</a> <p>CNP 1960229990019</p>`,
    );
    expect(page.text).toBe("a@b.ro CNP [CNP]");
    expect(JSON.stringify(read(`<a href="/?cnp=1960229990019">x</a>`))).not.toContain("1960229990019");
  });

  it("is cut to size, and is something for anything", () => {
    const page = read(`${"<a href=/x>y</a><script src=/z></script>".repeat(5_000)}${"lung ".repeat(50_000)}`);
    expect(page.text.length).toBeLessThanOrEqual(20_000);
    expect([page.links.length, page.scripts.length]).toEqual([200, 60]);
    expect(JSON.stringify(page).length).toBeLessThan(50_000);
    const startedAt = performance.now();
    for (const deep of ["<p>", "<a href=/x>", "<a href=/x><b>", "<script>", "<noscript><p>", "<p></p>"]) {
      expect(read(deep.repeat(200_000)).text.length).toBeLessThanOrEqual(20_000);
    }
    // Six pages; nesting without a limit took a minute and more.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    for (const odd of ["", "<", "<html", "\0\0", "{}"]) {
      expect(read(odd).url).toBe("https://agro.ro/contact");
    }
  });

  it("says what stands for scripts where nothing else does", () => {
    expect(read(`<noscript><p>Enable JavaScript</p></noscript><div id=root></div>`).text).toBe(
      "Enable JavaScript",
    );
  });
});

describe("the letters of a page", () => {
  const latin2 = Buffer.from([0x50, 0xe3, 0xba, 0x75, 0x6e, 0x65]); // "Pășune" in ISO-8859-2
  it.each<[string, Buffer, string | undefined, string]>([
    ["UTF-8", Buffer.from("Pășune"), undefined, "Pășune"],
    [
      "UTF-8 that says it is something else",
      Buffer.from("Pășune"),
      "text/html; charset=iso-8859-2",
      "Pășune",
    ],
    ["Latin-2 that says so", latin2, "text/html; charset=ISO-8859-2", "Păşune"],
    ["Latin-2 that says it is UTF-8", latin2, "text/html; charset=utf-8", "Păşune"],
    ["Latin-2 that says nothing", latin2, undefined, "Păşune"],
    ["an encoding that nobody knows", latin2, "text/html; charset=x-unknown", "Păşune"],
    [
      "what the page itself says",
      Buffer.concat([Buffer.from('<meta charset="windows-1252">'), Buffer.from([0xe9])]),
      "text/html",
      '<meta charset="windows-1252">é',
    ],
    ["nothing", Buffer.alloc(0), undefined, ""],
  ])("%s", (_, bytes, contentType, text) => {
    expect(decodeHtml(bytes, contentType)).toBe(text);
  });
});
