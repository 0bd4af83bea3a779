import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { builtInTemplates, readTemplates } from "../../src/mail/templates.ts";
import { type MailKind, oneLine, placeholders, wordsOfKey } from "../../src/mail/words.ts";
import { temporaryFolder } from "../support/cli.ts";
import { CI_BOT, OWNER } from "./mails.ts";

const ACCOUNT = { id: "012345678901", alias: null };
const PAIR = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "se/cr+et<&>", howToOpen: "" };
const KEY_TEXT = "Subject: A key for {{user}}\n\n{{accessKeyId}} {{secretAccessKey}}\n";

function folderWith(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const words = (instruction = "", userName = "ci-bot") =>
  wordsOfKey({ ...CI_BOT, userName }, { ...OWNER, instruction }, ACCOUNT, PAIR);

/** Of a part in HTML: its elements, and the text between them. */
const elementsOf = (html: string) => html.match(/<[^>]*>/g) ?? [];

describe("built-in mails", () => {
  const kinds = Object.keys(placeholders) as readonly MailKind[]; // the table has exactly these keys

  it.each(kinds)("%s has a subject in one line, text and HTML, whatever its words are", (kind) => {
    const hostile = "</code><script>alert(1)</script>\"'&{{secretAccessKey}}\r\nBcc: x@example.net\u2028\u202E";
    const of = (word: string) => Object.fromEntries(placeholders[kind].map((name) => [name, word]));
    const [tame, odd] = [builtInTemplates.letter(kind, of("x")), builtInTemplates.letter(kind, of(hostile))];
    expect(odd.subject).toBe(oneLine(odd.subject));
    expect(odd.subject).toBe(tame.subject);
    expect(elementsOf(odd.html ?? "")).toEqual(elementsOf(tame.html ?? ""));
    expect(odd.text).toContain("<script>");
  });

  it("say nothing of what is not known", () => {
    const { text, html } = builtInTemplates.letter("new-key", words());
    for (const part of [text, html]) expect(part).not.toMatch(/Instruction|How to open/);
  });
});

describe("what a tag says", () => {
  it("is one line without anything that is not shown, whatever it was", () => {
    const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join("");
    const shown = oneLine(all);
    expect(shown).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u);
    expect(shown).toContain("ab");
    expect(oneLine("a\r\n\u0085\u2028\u2029\0\u000Bb")).toBe("a b");
  });
});

describe("own templates", () => {
  it("are filled in, escaped by the kind of part, and once only", () => {
    const folder = folderWith({
      "new-key.txt":
        "Subject: A key for {{user}}: {{instruction}}\n\n{{user}} {{accessKeyId}} {{secretAccessKey}} {{instruction}}\n",
      "new-key.html": "<p>{{user}} {{accessKeyId}} {{secretAccessKey}} {{instruction}}</p>",
      "README.md": "how these are used",
      ".gitkeep": "",
    });
    const { letter } = readTemplates(folder, false);
    expect(letter("new-key", words("<b>{{secretAccessKey}}</b>\r\nBcc: x"))).toEqual({
      subject: "A key for ci-bot: <b>{{secretAccessKey}}</b> Bcc: x",
      text: "ci-bot AKIAIOSFODNN7EXAMPLE se/cr+et<&> <b>{{secretAccessKey}}</b> Bcc: x\n",
      html: "<p>ci-bot AKIAIOSFODNN7EXAMPLE se/cr+et&lt;&amp;&gt; &lt;b&gt;{{secretAccessKey}}&lt;/b&gt; Bcc: x</p>",
    });
  });

  it("may be text alone, with line ends of any system; other mails stay as they come with keyturn", () => {
    const { letter } = readTemplates(folderWith({ "new-key.txt": KEY_TEXT.replaceAll("\n", "\r\n") }), false);
    expect(letter("new-key", words())).toEqual({
      subject: "A key for ci-bot",
      text: "AKIAIOSFODNN7EXAMPLE se/cr+et<&>\n",
      html: null,
    });
    expect(letter("deleted", { user: "ci-bot" })).toEqual(builtInTemplates.letter("deleted", { user: "ci-bot" }));
  });

  const HTML = "<p>{{accessKeyId}} {{secretAccessKey}}</p>";
  it.each<[string, Readonly<Record<string, string | Buffer>>, string, string]>([
    ["an empty folder", {}, "holds no template", "new-key.txt"],
    [
      "a file of no mail",
      { "newkey.txt": KEY_TEXT },
      "newkey.txt is the template of no mail",
      "did you mean new-key.txt?",
    ],
    ["HTML without text", { "new-key.html": HTML }, "has no text beside it", "new-key.txt"],
    ["text without a subject", { "new-key.txt": "{{accessKeyId}}" }, "does not begin with its subject", "Subject: …"],
    ["an empty text", { "deleted.txt": "Subject: x\n\n \n" }, "does not begin with its subject", "Subject: …"],
    [
      "an unknown placeholder",
      { "deleted.txt": "Subject: x\n\n{{accesKeyId}}" },
      "{{accesKeyId}} in",
      "did you mean {{accessKeyId}}?",
    ],
    [
      "a placeholder of another mail",
      { "deleted.txt": "Subject: x\n\n{{secretAccessKey}}" },
      "is not a placeholder of this mail",
      "there are: user",
    ],
    ["an expression", { "deleted.txt": "Subject: x\n\n{{user | raw}}" }, "{{user | raw}} in", "there are: user"],
    ["a brace without partner", { "deleted.txt": "Subject: x\n\n{{user}" }, "have no partner", "{{user}}"],
    [
      "a new key without its secret",
      { "new-key.txt": "Subject: x\n\n{{accessKeyId}}" },
      "lacks {{secretAccessKey}}",
      "could not use",
    ],
    [
      "a new key without its secret in HTML",
      { "new-key.txt": KEY_TEXT, "new-key.html": "<p>see the text</p>" },
      "new-key.html lacks {{accessKeyId}}",
      "could not use",
    ],
    [
      "the secret in the subject",
      { "new-key.txt": `Subject: {{secretAccessKey}}\n\n{{accessKeyId}} {{secretAccessKey}}` },
      "in its subject",
      "log subjects",
    ],
    [
      "a placeholder inside a tag",
      { "new-key.txt": KEY_TEXT, "new-key.html": `<a href="{{instruction}}">x</a>${HTML}` },
      "inside a tag, a script or a style",
      "between tags",
    ],
    [
      "a placeholder inside a script",
      { "new-key.txt": KEY_TEXT, "new-key.html": `<script>\nx = "{{user}}"</script>${HTML}` },
      "inside a tag, a script or a style",
      "between tags",
    ],
    ["a file that is not UTF-8", { "new-key.txt": Buffer.from([0xff, 0xfe, 0x41]) }, "cannot be read", "UTF-8"],
    ["a huge file", { "new-key.txt": "x".repeat(200_000) }, "larger than a template", ""],
  ])("are refused: %s", (_, files, message, hint) => {
    const error = refusal(folderWith(files));
    expect(error.message).toContain(message);
    expect(error.hint ?? "").toContain(hint);
  });

  it("must say how a sealed key is opened", () => {
    expect(refusal(folderWith({ "new-key.txt": KEY_TEXT }), true).message).toContain("lacks {{howToOpen}}");
  });

  it("are refused where there is no such folder, or a folder in place of a file", () => {
    expect(refusal("/nowhere/at/all").message).toContain("cannot be read (ENOENT)");
    const folder = temporaryFolder();
    mkdirSync(join(folder, "deleted.txt"));
    expect(refusal(folder).message).toContain("cannot be read (EISDIR)");
  });
});

function refusal(folder: string, isSealed = false): InvalidInput {
  try {
    readTemplates(folder, isSealed);
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
