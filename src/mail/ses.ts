import { SendEmailCommand, type SendEmailCommandInput, SESv2Client } from "@aws-sdk/client-sesv2";
import { call } from "../aws/call.ts";
import { type AwsAccess, regionalConfig } from "../aws/clients.ts";
import type { MailClient } from "../core/mail-settings.ts";
import { seconds } from "../core/time.ts";
import { CallError, type Mail, type MailTransport } from "../ports.ts";
import { checkHeaders } from "./mail.ts";

type Settings = Extract<MailClient, { kind: "ses" }>;

const ACTION = "ses:SendEmail";

/**
 * Refusals that another try can cure: SES takes so many mails a second, and the SDK sets its clock right by the first answer.
 * @see https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
 */
const CURABLE = /^(TooManyRequests|Throttling|RequestLimitExceeded)|Skewed|Signature|InTheFuture/;
const WAITS = [1, 2, 4].map(seconds);

/**
 * Amazon SES, by its second API. Throws `InvalidInput` without a region.
 * @see https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
 */
export function openSes(settings: Settings, access: AwsAccess): MailTransport {
  // The SDK would send a mail again whose answer was lost, and then tell how the second one ended.
  const config = regionalConfig(access, settings.region, { attempts: 1 });
  const client = new SESv2Client(config);
  return {
    label: `ses:${config.region}`,
    // Only a mail proves that SES takes mails from this address.
    check: async () => undefined,
    send: async (mail) => {
      const resource = settings.fromArn ?? `identity/${mail.from}`;
      checkHeaders(mail, ACTION, resource);
      const command = new SendEmailCommand(inputFor(settings, mail));
      const send = () => call(ACTION, resource, (options) => client.send(command, options), mail.secrets);
      for (const wait of WAITS) {
        try {
          await send();
          return;
        } catch (error) {
          if (!(error instanceof CallError && error.kind === "refused" && CURABLE.test(error.code))) throw error;
          await access.clock.sleep(wait);
        }
      }
      await send();
    },
  };
}

const utf8 = (Data: string) => ({ Data, Charset: "UTF-8" });

function inputFor(settings: Settings, { from, to, subject, text, html }: Mail): SendEmailCommandInput {
  return {
    FromEmailAddress: from,
    ...(settings.fromArn === null ? {} : { FromEmailAddressIdentityArn: settings.fromArn }),
    Destination: { ToAddresses: [to] },
    Content: {
      Simple: { Subject: utf8(subject), Body: { Text: utf8(text), ...(html === null ? {} : { Html: utf8(html) }) } },
    },
    ...(settings.configurationSet === null ? {} : { ConfigurationSetName: settings.configurationSet }),
  };
}
