import { findAccountAlias } from "../aws/account-alias.ts";
import type { AwsAccess } from "../aws/clients.ts";
import { readSecretParameter } from "../aws/secret-parameter.ts";
import type { MailSettings } from "../core/mail-settings.ts";
import type { Mailer } from "../mail/mailer.ts";
import { once } from "../mail/once.ts";
import { builtInTemplates, readTemplates, type Templates } from "../mail/templates.ts";
import type { Caller, MailTransport, Sealer } from "../ports.ts";

/** The templates that these settings name. Throws {@link InvalidInput} where they would not do. */
export const templatesFor = ({ templates, encryption }: MailSettings): Templates =>
  templates === null ? builtInTemplates : readTemplates(templates, encryption !== "none");

/** Opens what sends mails for a whole run: what it asks of AWS, it asks once. Throws {@link InvalidInput}. Sends nothing yet. */
export async function openMailer(
  settings: MailSettings,
  sealer: Sealer | null,
  access: AwsAccess,
  caller: Caller,
): Promise<Mailer> {
  const transport = await openTransport(settings, access);
  let checked: Promise<void> | null = null;
  return {
    // A refusal counts for everybody: a server that hears a wrong password from each user in turn shuts the door.
    transport: { ...transport, check: () => (checked ??= transport.check()) },
    sealer,
    templates: templatesFor(settings),
    from: settings.from,
    account: once(async () => ({ id: caller.account, alias: await findAccountAlias(access) })),
  };
}

async function openTransport({ client, from }: MailSettings, access: AwsAccess): Promise<MailTransport> {
  const secretIn = (name: string) => once(() => readSecretParameter(access, name));
  switch (client.kind) {
    case "ses":
      return (await import("../mail/ses.ts")).openSes(client, access);
    case "smtp": {
      const { passwordParameter: name } = client;
      return (await import("../mail/smtp.ts")).openSmtp(client, from, name === null ? null : secretIn(name));
    }
    case "mailgun":
      return (await import("../mail/mailgun.ts")).openMailgun(client, secretIn(client.keyParameter));
  }
}
