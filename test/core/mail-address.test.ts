import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseAddress } from "../../src/core/mail-address.ts";
import {
  mailgunUrl,
  parseAllowedDomain,
  parseMessagesUrl,
  parseParameterName,
  parseServer,
} from "../../src/core/mail-settings.ts";

describe("a mail address", () => {
  it.each([
    ["owner@example.com", "owner@example.com", "example.com"],
    ["First.Last+keys@Team.Example.COM", "First.Last+keys@team.example.com", "team.example.com"],
    ["o'neil@xn--bcher-kva.example", "o'neil@xn--bcher-kva.example", "xn--bcher-kva.example"],
  ])("%s is one", (text, address, domain) => {
    expect(parseAddress(text)).toEqual({ address, domain });
  });

  it.each([
    "",
    "owner",
    "@example.com",
    "owner@",
    "owner@localhost",
    "owner@example..com",
    "owner@-example.com",
    "owner@127.0.0.1",
    "owner@example.0",
    "owner@[127.0.0.1]",
    "owner@example.com ",
    " owner@example.com",
    "a@example.com,b@example.com",
    "a@example.com;b@example.com",
    "a@b@example.com",
    "Owner <owner@example.com>",
    "<owner@example.com>",
    '"owner"@example.com',
    "owner(x)@example.com",
    ".owner@example.com",
    "owner.@example.com",
    "ow..ner@example.com",
    "owner@example.com\r\nBcc: x@example.net",
    "owner\u2028@example.com",
    "owner\u0085@example.com",
    "owner\0@example.com",
    "öwner@example.com",
    "owner@exämple.com",
    "owner@example.com.",
    "owner@example.c\u0000om",
    `${"x".repeat(65)}@example.com`,
    `owner@${"x".repeat(64)}.com`,
    `owner@${"x.".repeat(130)}com`,
  ])("%j is none", (text) => {
    expect(() => parseAddress(text)).toThrow(InvalidInput);
    // What cannot be shown in one harmless line is not shown.
    expect(() => parseAddress(text)).toThrow(/^[\x20-\x7e]+ is not one mail address$/);
  });
});

describe("the settings of mail", () => {
  it.each([
    [() => parseAllowedDomain("Example.com"), "example.com"],
    [() => parseAllowedDomain("*.example.com"), "*.example.com"],
    [() => parseAllowedDomain("*"), "*"],
    [() => parseServer("MAIL.example.com"), "mail.example.com"],
    [() => parseServer("10.0.0.5"), "10.0.0.5"],
    [() => parseServer("::1"), "::1"],
    [() => parseParameterName("/ikr/secret/smtp"), "/ikr/secret/smtp"],
    [() => mailgunUrl("mg.example.com", "us"), "https://api.mailgun.net/v3/mg.example.com/messages"],
    [() => mailgunUrl("mg.example.com", "eu"), "https://api.eu.mailgun.net/v3/mg.example.com/messages"],
    [() => parseMessagesUrl("https://api.mailgun.net/v3/d/messages"), "https://api.mailgun.net/v3/d/messages"],
    [() => parseMessagesUrl("http://127.0.0.1:8080/v3"), "http://127.0.0.1:8080/v3"],
  ])("are read (%#)", (read, expected) => {
    expect(read()).toBe(expected);
  });

  it.each([
    () => parseAllowedDomain(""),
    () => parseAllowedDomain("com"),
    () => parseAllowedDomain("*example.com"),
    () => parseAllowedDomain("*.*.example.com"),
    () => parseAllowedDomain("a@example.com"),
    () => parseServer("https://mail.example.com"),
    () => parseServer("mail.example.com:465"),
    () => parseServer("mail.example.com\n"),
    () => parseParameterName("/a//b"),
    () => parseParameterName("/a b"),
    () => mailgunUrl("mg.example.com/../x", "us"),
    () => parseMessagesUrl("api.mailgun.net"),
    () => parseMessagesUrl("http://api.mailgun.net/v3/d/messages"),
    () => parseMessagesUrl("http://127.0.0.1.example.com/v3/d/messages"),
    () => parseMessagesUrl("https://api:key@api.mailgun.net/v3/d/messages"),
    () => parseMessagesUrl("https://api.mailgun.net/v3/d/messages?key=x"),
    () => parseMessagesUrl("https://api.mailgun.net"),
    () => parseMessagesUrl("file:///etc/passwd"),
  ])("are refused where they would not do (%#)", (read) => {
    expect(read).toThrow(InvalidInput);
  });
});
