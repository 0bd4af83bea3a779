import type { AccessKeyId } from "../core/access-key.ts";
import { days, type Instant, instant } from "../core/time.ts";
import type { SimulatedAccount } from "./account.ts";

/** A program, vendor or colleague that signs with a key, and looks for a newer one now and then. */
export interface Consumer {
  readonly userName: string;
  readonly service: string;
  /** How many days it keeps using a key before it looks again; null = it never looks. */
  readonly looksEvery: number | null;
  /** The day on which it begins to look at all. */
  readonly looksFrom: number;
}

interface Cast {
  readonly userName: string;
  readonly path: string;
  readonly hasPassword?: boolean;
  readonly keys: readonly {
    readonly ageDays: number;
    readonly usedDaysAgo: number | null;
    readonly status?: "Inactive";
  }[];
  /** Works with the first of the keys. */
  readonly consumer?: Omit<Consumer, "userName">;
}

const job = (service: string, looksEvery: number | null, looksFrom = 0): Omit<Consumer, "userName"> => ({
  service,
  looksEvery,
  looksFrom,
});

/** A small company on the day it begins: about a dozen users, each awkward in its own way. */
const CAST: readonly Cast[] = [
  { userName: "ci-deploy", path: "/ci/", keys: [{ ageDays: 412, usedDaysAgo: 0.1 }], consumer: job("s3", 0.25) },
  { userName: "ci-build", path: "/ci/", keys: [{ ageDays: 95, usedDaysAgo: 0.2 }], consumer: job("ecr", 1) },
  { userName: "metrics", path: "/apps/", keys: [{ ageDays: 121, usedDaysAgo: 0.1 }], consumer: job("monitoring", 1) },
  { userName: "backup-nightly", path: "/apps/", keys: [{ ageDays: 230, usedDaysAgo: 0.4 }], consumer: job("s3", 7) },
  { userName: "checkout", path: "/apps/", keys: [{ ageDays: 12, usedDaysAgo: 0.1 }], consumer: job("dynamodb", 1) },
  {
    userName: "vendor-acme",
    path: "/vendors/",
    keys: [{ ageDays: 730, usedDaysAgo: 0.3 }],
    consumer: job("s3", 1, 40),
  },
  {
    userName: "vendor-globex",
    path: "/vendors/",
    keys: [{ ageDays: 801, usedDaysAgo: 0.2 }],
    consumer: job("sqs", null),
  },
  { userName: "legacy-report", path: "/apps/", keys: [{ ageDays: 900, usedDaysAgo: 371 }] },
  {
    userName: "etl",
    path: "/apps/",
    keys: [
      { ageDays: 640, usedDaysAgo: 0.2 },
      { ageDays: 300, usedDaysAgo: 290 },
    ],
    consumer: job("glue", 1),
  },
  {
    userName: "mailer",
    path: "/apps/",
    keys: [
      { ageDays: 150, usedDaysAgo: 0.3 },
      { ageDays: 500, usedDaysAgo: 160, status: "Inactive" },
    ],
    consumer: job("ses", 1),
  },
  { userName: "alice", path: "/people/", hasPassword: true, keys: [{ ageDays: 310, usedDaysAgo: 3 }] },
  { userName: "BedrockAPIKey-7f3a", path: "/", keys: [] },
  { userName: "empty-shell", path: "/", keys: [] },
];

/** One consumer at work. */
class Worker {
  readonly consumer: Consumer;
  #key: AccessKeyId;
  #looked: Instant;

  constructor(consumer: Consumer, key: AccessKeyId, now: Instant) {
    this.consumer = consumer;
    this.#key = key;
    this.#looked = now;
  }

  /** Signs a request; looks for a newer key before that, where it is time to. False = it was refused. */
  work(account: SimulatedAccount, look: (userName: string) => AccessKeyId | null, now: Instant, day: number): boolean {
    const { userName, service, looksEvery, looksFrom } = this.consumer;
    if (looksEvery !== null && day >= looksFrom && now - this.#looked >= days(looksEvery)) {
      this.#key = look(userName) ?? this.#key;
      this.#looked = now;
    }
    return account.use(this.#key, service, "eu-west-1");
  }
}

/** The people and programs of the company, and how their work went. */
export class Company {
  readonly #workers: Worker[] = [];
  jobs = 0;
  refused = 0;

  constructor(account: SimulatedAccount, now: Instant) {
    for (const { userName, path, hasPassword = false, keys, consumer } of CAST) {
      account.addUser(userName, { path, hasPassword });
      const ids = keys.map(({ ageDays, usedDaysAgo, status }) => {
        const lastUse =
          usedDaysAgo === null
            ? null
            : { at: instant(now - days(usedDaysAgo)), service: consumer?.service ?? "s3", region: "eu-west-1" };
        return account.addKey(userName, {
          createDate: instant(now - days(ageDays)),
          status: status ?? "Active",
          lastUse,
        }).accessKeyId;
      });
      if (consumer !== undefined && ids[0] !== undefined)
        this.#workers.push(new Worker({ userName, ...consumer }, ids[0], now));
    }
  }

  /** Everybody who works with a key does so once. `look` = what a destination serves to this user's consumer. */
  work(account: SimulatedAccount, look: (userName: string) => AccessKeyId | null, now: Instant, day: number): void {
    for (const worker of this.#workers) {
      this.jobs += 1;
      if (!worker.work(account, look, now, day)) this.refused += 1;
    }
  }
}
