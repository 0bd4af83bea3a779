import { parseAddress } from "../core/mail-address.ts";
import type { MailClient, MailSettings } from "../core/mail-settings.ts";
import type { Statement } from "../core/permissions.ts";
import type { Caller } from "../ports.ts";

/** The least permissions that sending mails needs. */
export const mailPermissions = (settings: MailSettings, caller: Caller, region: string): readonly Statement[] => [
  { sid: "NameTheAccount", actions: ["iam:ListAccountAliases"], resources: ["*"] },
  ...transportPermissions(settings.client, settings.from, caller, region),
];

function transportPermissions(client: MailClient, from: string, caller: Caller, home: string): readonly Statement[] {
  const { partition, account } = caller;
  switch (client.kind) {
    case "ses": {
      const { region, configurationSet, fromArn } = client;
      const below = `arn:${partition}:ses:${region ?? home}:${account}`;
      const identities = fromArn === null ? identitiesOf(from).map((name) => `${below}:identity/${name}`) : [fromArn];
      const set = configurationSet === null ? [] : [`${below}:configuration-set/${configurationSet}`];
      return [
        {
          sid: "SendMail",
          actions: ["ses:SendEmail"],
          resources: [...identities, ...set],
          conditions: { StringEquals: { "ses:FromAddress": [from] } },
        },
      ];
    }
    case "smtp":
      return client.passwordParameter === null
        ? []
        : [readsParameter("ReadSmtpPassword", client.passwordParameter, caller, home)];
    case "mailgun":
      return [readsParameter("ReadMailgunKey", client.keyParameter, caller, home)];
  }
}

const readsParameter = (sid: string, name: string, { partition, account }: Caller, region: string): Statement => ({
  sid,
  actions: ["ssm:GetParameter"],
  resources: [`arn:${partition}:ssm:${region}:${account}:parameter/${name.replace(/^\//, "")}`],
});

/** What may be verified in SES for this address: itself, its domain, or a domain above that. */
function identitiesOf(from: string): readonly string[] {
  const { address, domain } = parseAddress(from);
  const labels = domain.split(".");
  const domains = labels.slice(0, -1).map((_, index) => labels.slice(index).join("."));
  return [address, ...domains];
}
